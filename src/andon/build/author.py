"""What the author's own code, the transform and the eager model, says of a sample: the truth of a bundle."""

import contextlib
import copy
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from andon.build.blame import author_line, first_line
from andon.build.compare import Comparison, compare
from andon.build.export import raw_scores
from andon.build.transform import Sample, Transform
from andon.bundle.manifest import InputSpec, OutputSpec, Tolerance
from andon.errors import MismatchError, PackError, RuntimeFault
from andon.model.prove import is_clear
from andon.runtimes.base import Session
from andon.tensors import FloatArray, UInt8Array, relative_difference
from andon.vision.prepare import normalise

if TYPE_CHECKING:
    from torch import nn


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch in one thread, so that sums come out the same on machines with another number of cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


class Measured(Struct, frozen=True, kw_only=True):
    """One sample, as the author's own code answers for it."""

    sample: Sample
    pixels: UInt8Array
    """The author's pixels before scaling: uint8 (H, W, C)."""
    raw_output: FloatArray
    """float32 (K,): the eager model behind the author's transform."""
    expected: FloatArray
    """float32 (K,): the eager model for `pixels`; the same as `raw_output` where those are all there is."""


class Author:
    """
    The author's transform and eager model, as a notebook runs them.

    Args:
        eager: In evaluation mode, float32, on the CPU.
        transform: None where only the declaration is known, which is believed then.
        spec: The declaration.
    """

    def __init__(self, eager: "nn.Module", transform: Transform | None, spec: InputSpec) -> None:
        self.spec = spec
        self._eager = eager
        self._transform = transform

    @property
    def has_transform(self) -> bool:
        """Whether there is anything but the declaration to tell how images are prepared."""
        return self._transform is not None

    def compare(self, sample: Sample) -> Comparison:
        """Compare the transform with the declaration on one sample."""
        return compare(sample, self._transform, self.spec)

    def measure(self, sample: Sample) -> Measured:
        """Ask the eager model about one sample that agrees with the declaration."""
        return self.measure_compared(self.compare(sample))

    def measure_compared(self, comparison: Comparison) -> Measured:
        """Ask the eager model about a sample that has been compared already."""
        raw_output = self._run(comparison.model_input, comparison.sample)
        whole = comparison.is_whole
        return Measured(
            sample=comparison.sample,
            pixels=comparison.pixels,
            raw_output=raw_output,
            expected=raw_output if whole else self._run(normalise(comparison.pixels, self.spec), comparison.sample),
        )

    def _run(self, model_input: FloatArray, sample: Sample) -> FloatArray:
        """Run the eager model on one model input (C, H, W): float32 (K,)."""
        import torch

        try:
            with torch.no_grad():
                answer = self._eager(torch.from_numpy(model_input).unsqueeze(0))
        except Exception as error:
            # The author's code may raise anything.
            raise PackError(
                f"the model fails on a model input of the shape (1, {', '.join(map(str, model_input.shape))}): "
                f"{type(error).__name__}: {first_line(error)}",
                code="pack.model",
                where=author_line(error.__traceback__) or sample.name,
            ) from error
        scores = raw_scores(answer)
        if scores.ndim != 2 or len(scores) != 1:
            raise PackError(
                f"the model returns the shape {tuple(scores.shape)} for one image, expected (1, classes)",
                code="pack.model",
                where=sample.name,
            )
        return np.ascontiguousarray(scores[0].float().numpy())


@contextlib.contextmanager
def evaluating(model: "nn.Module") -> Iterator["nn.Module"]:
    """
    Give a model in evaluation mode, float32, on the CPU; the author's own is left as it was.

    Raises:
        PackError: `pack.model`: it is not an `nn.Module`.
    """
    import torch

    if not isinstance(model, torch.nn.Module):
        raise PackError(f"expected an nn.Module, got {type(model).__name__}", code="pack.model")
    tensors = [*model.parameters(), *model.buffers()]
    if any(t.device.type != "cpu" or (t.is_floating_point() and t.dtype != torch.float32) for t in tensors):
        model = copy.deepcopy(model).cpu().float()
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield model.eval()
    finally:
        for module, training in modes:
            module.training = training


def common_size(measured: Sequence[Measured]) -> tuple[int, int]:
    """
    Give the one height and width in pixels that all samples were prepared to.

    Raises:
        PackError: `pack.input`: there is more than one.
    """
    sizes = sorted({item.pixels.shape[:2] for item in measured})
    if len(sizes) > 1:
        raise PackError(
            f"the samples are prepared to different sizes, {sizes[0]} and {sizes[-1]} among them (height, width)",
            code="pack.input",
            hint="declare a crop, or a resize of mode exact or letterbox, so that all images come to one size",
        )
    height, width = sizes[0]
    return height, width


def require_scores(measured: Sequence[Measured], output: OutputSpec) -> None:
    """
    Refuse raw outputs that cannot be scores of the labels.

    Raises:
        PackError: `pack.model`: another number of scores than labels, numbers that are not finite,
            or probabilities where logits are declared.
    """
    for item in measured:
        if len(item.raw_output) != len(output.labels):
            raise PackError(
                f"the model gives {len(item.raw_output)} scores for {len(output.labels)} labels",
                code="pack.model",
                where=item.sample.name,
            )
        if not np.isfinite(item.raw_output).all():
            raise PackError(
                "the model answers with numbers that are not finite", code="pack.model", where=item.sample.name
            )
    if (
        output.activation == "softmax"
        and len(output.labels) > 1
        and all(_is_distribution(item.raw_output) for item in measured)
    ):
        raise PackError(
            "the model already ends in a softmax: its scores are positive and add up to 1 for every sample",
            code="pack.model",
            hint='pass activation="none"',
        )


def _is_distribution(raw_output: FloatArray) -> bool:
    return bool((raw_output >= 0).all() and abs(float(raw_output.sum()) - 1) < 1e-3)


def require_same_output(measured: Measured, session: Session, tolerance: Tolerance) -> float:
    """
    Refuse an exported model that answers otherwise than the eager one.

    Returns:
        The relative difference of the raw outputs, at most the tolerance.

    Raises:
        MismatchError: `pack.mismatch.output`, at the stage raw output or label.
    """
    try:
        (found,) = session.run(measured.pixels[np.newaxis])
    except RuntimeFault as error:
        raise MismatchError(
            f"the exported model fails (stage raw output): {error.message}",
            code="pack.mismatch.output",
            where=measured.sample.name,
        ) from error
    difference = relative_difference(found, measured.expected)
    if not difference <= tolerance.relative:
        raise MismatchError(
            f"the exported model is {difference:.2g} (relative) away from the eager one (stage raw output), "
            f"allowed {tolerance.relative:g}",
            code="pack.mismatch.output",
            where=measured.sample.name,
            hint="does forward use random numbers, or depend on more than the image?",
        )
    best, eager_best = int(found.argmax()), int(measured.raw_output.argmax())
    if best != eager_best and is_clear(measured.raw_output, tolerance):
        raise MismatchError(
            f"the best class is number {best}, the eager model's number {eager_best} "
            "(stage label): the transform works in fractions of grey levels, and this sample hangs on them",
            code="pack.mismatch.output",
            where=measured.sample.name,
            hint="resize the Pillow image before it becomes a tensor, or give samples that are less in doubt",
        )
    return difference
