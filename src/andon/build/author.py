"""What the author's own code, the transform and the eager model, says of a sample: the truth of a bundle."""

import contextlib
import copy
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct

from andon.build.blame import author_line
from andon.build.compare import Agreement, Comparison, compare, require_agreement
from andon.build.export import raw_scores
from andon.build.samples import Sample
from andon.build.transform import Transform, require_repeatable
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import MismatchError, PackError, RuntimeFault, first_line
from andon.model.prove import is_clear
from andon.runtimes.base import Session
from andon.tensors import FloatArray, PixelArray, relative_difference
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
    pixels: PixelArray
    """The author's pixels before scaling: `input.dtype` (H, W, C)."""
    model_input: FloatArray
    """What the author's transform returned: float32 (C, H, W)."""
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

    def compare(self, sample: Sample) -> Comparison:
        """Compare the transform with the declaration on one sample."""
        return compare(sample, self._transform, self.spec)

    def require_agreement(self, samples: Iterable[Sample]) -> Agreement:
        """
        Refuse a declaration that does not do what the transform does.

        Raises:
            MismatchError: As `andon.build.compare.require_agreement`.
        """
        return require_agreement(map(self.compare, samples), self._transform, self.spec)

    def require_repeatable(self, samples: Sequence[Sample]) -> None:
        """
        Refuse a transform that does not always answer the same.

        Raises:
            MismatchError: `pack.mismatch.random`.
        """
        if self._transform is not None:
            require_repeatable(self._transform, samples)

    def accepts(self, sample: Sample) -> bool:
        """Ask whether the transform takes an image that is not the author's own."""
        try:
            self.compare(sample)
        except PackError:
            return False
        return True

    def measure(self, sample: Sample) -> Measured:
        """Ask the eager model about one sample that agrees with the declaration."""
        comparison = self.compare(sample)
        raw_output = self._run(comparison.model_input, sample)
        rounded = None if comparison.is_whole else normalise(comparison.pixels, self.spec)
        return Measured(
            sample=sample,
            pixels=comparison.pixels,
            model_input=comparison.model_input,
            raw_output=raw_output,
            expected=raw_output if rounded is None else self._run(rounded, sample),
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


def common_size(sizes: Collection[tuple[int, int]]) -> tuple[int, int]:
    """
    Give the one height and width in pixels that all images were prepared to.

    Raises:
        PackError: `pack.input`: there is more than one.
    """
    first, *others = sorted(sizes)
    if others:
        raise PackError(
            f"images are prepared to different sizes, {first} and {others[-1]} among them (height, width)",
            code="pack.input",
            hint="declare a crop, or a resize of mode exact or letterbox, so that all images come to one size",
        )
    return first


def require_scores(measured: Measured, output: OutputSpec) -> None:
    """
    Refuse raw outputs that cannot be scores of the labels.

    Raises:
        PackError: `pack.model`: another number of scores than labels, or numbers that are not finite.
    """
    if len(measured.raw_output) != len(output.labels):
        raise PackError(
            f"the model gives {len(measured.raw_output)} scores for {len(output.labels)} labels",
            code="pack.model",
            where=measured.sample.name,
        )
    if not np.isfinite(measured.raw_output).all():
        raise PackError(
            "the model answers with numbers that are not finite", code="pack.model", where=measured.sample.name
        )


def require_logits(measured: Sequence[Measured], output: OutputSpec) -> None:
    """
    Refuse probabilities where logits are declared: a second softmax would flatten all scores.

    Raises:
        PackError: `pack.model`.
    """
    if output.activation == "softmax" and len(output.labels) > 1 and all(map(_is_distribution, measured)):
        raise PackError(
            "the model already ends in a softmax: its scores are positive and add up to 1 for every sample",
            code="pack.model",
            hint='pass activation="none"',
        )


def _is_distribution(measured: Measured) -> bool:
    raw_output = measured.raw_output
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
