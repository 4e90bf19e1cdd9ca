"""What the author's own code, the transform and the given model, says of a sample: the truth of a bundle."""

import contextlib
import sys
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.build.compare import Agreement, Comparison, compare, require_agreement
from andon.build.compare_own import compare_own, own_transform, require_own_agreement
from andon.build.samples import Sample
from andon.build.transform import Transform, require_repeatable
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import MismatchError, PackError, RuntimeFault
from andon.model.prove import is_clear
from andon.model.steps import Steps
from andon.runtimes.base import Session
from andon.runtimes.torch_runtime import compute_threads
from andon.tensors import FloatArray, InputArray, PixelArray, fits_shape, sides_in_words
from andon.vision.finish import as_rows, highest_of_labels, raw_difference
from andon.vision.prepare import normalise

_SLACK = 1e-5
"""How far beyond 0 and 1 scores of the author's own code may be: the rounding of sums in float32."""
_A_PIXEL = 1.5
"""Boxes whose numbers are all below it say nothing in pixels; those in fractions may reach a little beyond 1."""
Reference = Callable[[FloatArray], FloatArray]
"""The given model, asked about one image: float32 (C, H, W) to its raw output, float32 (...)."""


def one_thread() -> contextlib.AbstractContextManager[None]:
    """Run torch, where it is in use, in one thread, so that sums come out the same on machines with other cores."""
    return compute_threads(1) if sys.modules.get("torch") else contextlib.nullcontext()


class Measured(Struct, frozen=True, kw_only=True):
    """One sample, as the author's own code answers for it."""

    sample: Sample
    pixels: PixelArray | None
    """The author's pixels before scaling: `input.dtype` (H, W, C); None where his own `prepare` gives floats."""
    model_input: FloatArray
    """What the author's transform returned: float32 (C, H, W)."""
    raw_output: FloatArray
    """float32 `output.shape`: the given model behind the author's transform."""
    expected: FloatArray
    """The given model for `pixels`; the same as `raw_output` where those are all there is."""
    finished: FloatArray
    """What the activation, or the author's own `finish`, makes of `expected`."""
    best: int
    """The number of the best class."""

    @property
    def graph_input(self) -> InputArray:
        """What an artifact takes for this sample."""
        return self.model_input if self.pixels is None else self.pixels


class Author:
    """
    The author's transform and the given model behind it, as a notebook runs them.

    Args:
        reference: The given model.
        transform: None where only the declaration is known, which is believed then.
        steps: What is declared, and the author's own code that it names.
    """

    def __init__(self, reference: Reference, transform: Transform | None, steps: Steps) -> None:
        self.spec = steps.spec
        self.output = steps.output
        self._reference = reference
        self._steps = steps
        self._transform = own_transform(steps) if transform is None and self.spec.prepare is not None else transform

    def compare(self, sample: Sample) -> Comparison:
        """Compare the transform with the declaration, or with the author's own `prepare`, on one sample."""
        if self._transform is not None and self.spec.prepare is not None:
            return compare_own(sample, self._transform, self._steps)
        return compare(sample, self._transform, self.spec)

    def require_agreement(self, samples: Iterable[Sample]) -> Agreement:
        """
        Refuse a declaration that does not do what the transform does.

        Raises:
            MismatchError: As `andon.build.compare.require_agreement`, or `pack.mismatch.prepare`.
        """
        if self.spec.prepare is not None:
            return require_own_agreement(map(self.compare, samples), self.spec)
        return require_agreement(map(self.compare, samples), self._transform, self.spec)

    def require_repeatable(self, samples: Sequence[Sample]) -> None:
        """
        Refuse a transform that does not always answer the same.

        Raises:
            MismatchError: `pack.mismatch.random`.
        """
        if self._transform is not None:
            require_repeatable(self._transform, samples)

    @property
    def has_transform(self) -> bool:
        """Whether the author's own code, as a notebook runs it, tells what the declaration must do."""
        return self._transform is not None

    def accepts(self, sample: Sample) -> bool:
        """Ask whether the transform takes an image that is not the author's own."""
        try:
            self.compare(sample)
        except PackError:
            return False
        return True

    def measure(self, sample: Sample) -> Measured:
        """Ask the given model about one sample that agrees with the declaration."""
        comparison = self.compare(sample)
        raw_output = self._run(comparison.model_input, sample)
        expected = raw_output
        if comparison.pixels is not None and not comparison.is_whole:
            expected = self._run(normalise(comparison.pixels, self.spec), sample)
        finished = self._finish(expected, sample)
        return Measured(
            sample=sample,
            pixels=comparison.pixels,
            model_input=comparison.model_input,
            raw_output=raw_output,
            expected=expected,
            finished=finished,
            best=self._best_class(expected, finished),
        )

    def _run(self, model_input: FloatArray, sample: Sample) -> FloatArray:
        """Ask the given model about one model input (C, H, W), and say for which sample it fails."""
        try:
            return self._reference(model_input)
        except PackError as error:
            raise PackError(
                error.message, code=error.code, where=error.where or sample.name, hint=error.hint
            ) from error

    def _best_class(self, raw_output: FloatArray, finished: FloatArray) -> int:
        """Find it in the raw output, where scores near to 1 are not equal yet; or in what own code gives."""
        scores = highest_scores(raw_output, self.output)
        if self.output.finish is not None:
            scores = highest_scores(finished, replace(self.output, finish=None, boxes=None))
        return int(scores.argmax())

    def _finish(self, raw_output: FloatArray, sample: Sample) -> FloatArray:
        """Finish a raw output that is what the output declares."""
        require_scores(raw_output, self.output, sample)
        try:
            finished = self._steps.finish(raw_output)
        except RuntimeFault as error:
            raise PackError(error.message, code="pack.finish", where=sample.name, hint=error.hint) from error
        if self.output.finish is not None:
            _require_finished_ratios(finished, self.output, sample)
        return finished


def common_size(sizes: Collection[tuple[int, int]], spec: InputSpec) -> tuple[int, int]:
    """
    Give the one height and width in pixels that all images were prepared to.

    Raises:
        PackError: `pack.input`, or `pack.prepare` by the author's own code: there is more than one.
    """
    first, *others = sorted(sizes)
    if others:
        declares = "declare a crop, or a resize of mode exact or letterbox, so that all images come to one size"
        raise PackError(
            f"images are prepared to different sizes, {first} and {others[-1]} among them (height, width)",
            code="pack.input" if spec.prepare is None else "pack.prepare",
            hint=declares if spec.prepare is None else f"let {spec.prepare} bring all images to one size",
        )
    return first


def require_scores(raw_output: FloatArray, output: OutputSpec, sample: Sample) -> None:
    """
    Refuse raw outputs that cannot be scores of the labels.

    Raises:
        PackError: `pack.model`: another shape than the kind of output and the labels have, or numbers
            that are not finite.
    """
    shape = raw_output.shape
    if output.shape is not None and not fits_shape(shape, output.shape):
        raise PackError(
            f"the model returns the shape ({sides_in_words((1, *shape))}) for one image, "
            f"expected ({sides_in_words((1, *output.shape))}) "
            f"for {len(output.labels)} labels and the output kind {output.kind!r}",
            code="pack.model",
            where=sample.name,
            hint=_shape_hint(shape, output),
        )
    if not np.isfinite(raw_output).all():
        raise PackError("the model answers with numbers that are not finite", code="pack.model", where=sample.name)


def _shape_hint(shape: tuple[int, ...], output: OutputSpec) -> str:
    """Say what raw outputs of another shape may be, where that is plain."""
    wanted = output.shape
    if wanted is None:
        return ""
    if output.kind != "boxes":
        left = len(shape) - len(wanted)
        return "end it with flatten(1)" if left > 0 and shape[len(wanted) :] == (1,) * left else ""
    numbers = 4 + len(output.labels)
    if fits_shape(shape, wanted[::-1]):
        order = "columns" if output.box_rules.order == "rows" else "rows"
        return f'declare the order: output={{"boxes": {{"order": "{order}"}}}}'
    if numbers + 1 in shape:
        return (
            f"boxes have {numbers + 1} numbers here: if the fifth says whether there is a thing at all, let the model "
            "multiply the scores by it, and leave it out"
        )
    if 6 in shape:
        return "boxes have 6 numbers here: if these are a score and the number of a label, export without suppression"
    return ""


def require_logits(measured: Sequence[Measured], output: OutputSpec) -> None:
    """
    Refuse probabilities where logits are declared, and the other way round.

    A second softmax would flatten all scores; and thresholds are for scores of 0-1.

    Raises:
        PackError: `pack.model`.
    """
    if output.finish is not None:
        return
    if output.kind in ("boxes", "map") and output.activation == "none":
        for item in measured:
            _require_ratios(item, output)
    if output.kind != "logits":
        return
    if output.activation == "softmax" and len(output.labels) > 1 and all(map(_is_distribution, measured)):
        raise PackError(
            "the model already ends in a softmax: its scores are positive and add up to 1 for every sample",
            code="pack.model",
            hint='pass activation="none"',
        )


def require_pixels(measured: Sequence[Measured], output: OutputSpec) -> None:
    """
    Refuse boxes in fractions of the prepared image: all of them would lie in its first pixel.

    Raises:
        PackError: `pack.model`, or `pack.finish` by the author's own code.
    """
    if output.kind != "boxes":
        return
    numbers = [item.finished[:, :4] for item in measured]
    highest = max(np.abs(corners).max(initial=0) for corners in numbers)
    if 0 < highest <= _A_PIXEL:
        raise PackError(
            f"no number of a box is above {highest:.3g}: fractions, where pixels are expected",
            code="pack.model" if output.finish is None else "pack.finish",
            hint=f"let {output.finish or 'the model'} multiply them by the width and the height of its input",
        )


def _is_distribution(measured: Measured) -> bool:
    raw_output = measured.raw_output
    return bool((raw_output >= 0).all() and abs(float(raw_output.sum()) - 1) < 1e-3)


def _require_finished_ratios(finished: FloatArray, output: OutputSpec, sample: Sample) -> None:
    scores = _scores_of(finished, output)
    if scores.size and (scores.min() < -_SLACK or scores.max() > 1 + _SLACK):
        raise PackError(
            f"{output.finish} gives scores from {scores.min():.3g} to {scores.max():.3g}, expected 0 to 1",
            code="pack.finish",
            where=sample.name,
            hint="thresholds are for scores of 0 to 1: let it end in a softmax or a sigmoid, or scale what it gives",
        )


def _scores_of(rows: FloatArray, output: OutputSpec) -> FloatArray:
    return rows[:, 4:] if output.kind == "boxes" else rows


def _require_ratios(measured: Measured, output: OutputSpec) -> None:
    scores = _scores_of(as_rows(measured.raw_output, output), output)
    if scores.size and (scores.min() < 0 or scores.max() > 1):
        raise PackError(
            f"the scores go from {scores.min():.3g} to {scores.max():.3g}, expected 0 to 1 for the activation 'none'",
            code="pack.model",
            where=measured.sample.name,
            hint='pass activation="sigmoid" or "softmax" if the model ends in logits; scale its answer if not',
        )


def highest_scores(raw_output: FloatArray, output: OutputSpec) -> FloatArray:
    """Give the highest raw output of each label, float32 (K,); of the author's own kind of output all of it, flat."""
    highest = highest_of_labels(raw_output, output)
    return raw_output.ravel() if highest is None else highest


def require_same_output(measured: Measured, session: Session, tolerance: Tolerance, output: OutputSpec) -> float:
    """
    Refuse an artifact that answers otherwise than the given model.

    Returns:
        The relative difference of the raw outputs, at most the tolerance.

    Raises:
        MismatchError: `pack.mismatch.output`, at the stage raw output or label.
    """
    try:
        (found,) = session.run(measured.graph_input[np.newaxis])
    except RuntimeFault as error:
        raise MismatchError(
            f"the packed model fails (stage raw output): {error.message}",
            code="pack.mismatch.output",
            where=measured.sample.name,
        ) from error
    difference = raw_difference(found, measured.expected, output)
    if not difference <= tolerance.relative:
        raise MismatchError(
            f"the packed model is {difference:.2g} (relative) away from the given one (stage raw output), "
            f"allowed {tolerance.relative:g}",
            code="pack.mismatch.output",
            where=measured.sample.name,
            hint="does forward use random numbers, or depend on more than the image? "
            "A quantised or float16 graph hangs on the last bit of its input: give the one of float32",
        )
    highest, given_highest = highest_scores(found, output), highest_scores(measured.raw_output, output)
    best, given_best = int(highest.argmax()), int(given_highest.argmax())
    if best != given_best and is_clear(given_highest, tolerance):
        raise MismatchError(
            f"the best class is number {best}, the given model's number {given_best} "
            "(stage label): the transform works in fractions of grey levels, and this sample hangs on them",
            code="pack.mismatch.output",
            where=measured.sample.name,
            hint="resize the Pillow image before it becomes a tensor, or give samples that are less in doubt",
        )
    return difference
