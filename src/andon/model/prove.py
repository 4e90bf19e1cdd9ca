"""
Proof: reproducing the golden samples of a bundle with one session on this machine.

Each stage is compared by itself, so that a finding names the first thing that went wrong:
the prepared pixels, the declared normalisation, the graph on the stored pixels, the label.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from andon.bundle.golden import GoldenSample
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import AndonError, RuntimeFault
from andon.model.steps import Steps
from andon.runtimes.base import Session
from andon.tensors import FloatArray, InputArray, UInt8Array, UInt16Array, relative_difference
from andon.vision.finish import highest_of_labels, raw_difference
from andon.vision.prepare import normalise

Stage = Literal["pixels", "model input", "raw output", "finished", "label"]

MAX_GREY_LEVELS = 1.0
"""How far prepared pixels, and the declared normalisation, may be from the stored ones."""
_MAX_FINISHED_DIFFERENCE = 1e-5
"""How far what the author's own `finish` makes of the same raw output may be from before: what libraries differ by."""
_BATCH_SIZE = 2
"""Samples run at once: enough to prove batches, and a runtime keeps the memory of its largest batch for good."""


class Finding(Struct, frozen=True, kw_only=True):
    """One stage of one golden sample that was not reproduced."""

    sample: str
    stage: Stage
    message: str
    """What was expected, what was found, how far apart they are."""


class Proof(Struct, frozen=True, kw_only=True):
    """What came of reproducing the golden samples."""

    samples: int
    findings: tuple[Finding, ...]
    worst_pixel_difference: float
    """Largest difference of prepared pixels in grey levels, 0-255; infinity where shapes differ."""
    worst_output_difference: float
    """Largest relative difference of raw outputs; infinity where the graph failed."""

    @property
    def holds(self) -> bool:
        """Whether every stage of every sample was reproduced."""
        return not self.findings


def prove(samples: Sequence[GoldenSample], steps: Steps, session: Session, tolerance: Tolerance) -> Proof:
    """
    Reproduce golden samples, stage by stage.

    Args:
        samples: At least one.
        steps: How images are prepared, and raw outputs finished.
        session: What runs the graph; it runs one sample alone and the others two at a time, so
            that both ways are proven.
        tolerance: Of the raw outputs.

    Returns:
        A proof; a session or an image that fails is a finding, never an exception.
    """
    spec = steps.spec
    prepared = [_prepare_or_error(sample, steps) for sample in samples]
    pixel_differences = [
        _difference(found, sample.graph_input, spec) for found, sample in zip(prepared, samples, strict=True)
    ]
    raw_outputs = _run_each(session, [sample.graph_input for sample in samples])
    output_differences = [
        _output_difference(found, sample.raw_output, steps.output)
        for found, sample in zip(raw_outputs, samples, strict=True)
    ]
    findings: list[Finding] = []
    for index, sample in enumerate(samples):
        findings += check_preparation(sample, prepared[index], spec)
        findings += _check_raw_output(sample, raw_outputs[index], tolerance, steps.output)
        findings += _check_finished(sample, steps)
        findings += _check_label(sample, prepared[index], raw_outputs[index], session, tolerance, steps.output)
    return Proof(
        samples=len(samples),
        findings=tuple(findings),
        worst_pixel_difference=max(pixel_differences),
        worst_output_difference=max(output_differences),
    )


def check_preparation(sample: GoldenSample, prepared: InputArray | AndonError, spec: InputSpec) -> Iterator[Finding]:
    """
    Compare prepared pixels and the declared normalisation with those of a golden sample.

    Args:
        sample: The expected pixels and model input.
        prepared: uint8 (H, W, C), or the error that preparing raised.
        spec: Its `scale`, `mean` and `std` are applied to the stored pixels.
    """
    expected = sample.graph_input
    stage: Stage = "model input" if sample.pixels is None else "pixels"
    if isinstance(prepared, AndonError):
        yield Finding(sample=sample.name, stage=stage, message=f"the image cannot be prepared: {prepared.message}")
    elif prepared.shape != expected.shape or prepared.dtype != expected.dtype:
        found, wanted = (f"{array.dtype} {array.shape}" for array in (prepared, expected))
        yield Finding(sample=sample.name, stage=stage, message=f"prepared to {found}, expected {wanted}")
    elif not (difference := _difference(prepared, expected, spec)) <= MAX_GREY_LEVELS:
        share = float(np.mean(prepared != expected))
        message = (
            f"up to {difference:.0f} grey levels apart on {share:.1%} of the pixels, allowed {MAX_GREY_LEVELS:.0f}"
        )
        yield Finding(sample=sample.name, stage=stage, message=message)
    if sample.pixels is not None:
        yield from _check_normalisation(sample, sample.pixels, spec)


def _check_normalisation(sample: GoldenSample, pixels: UInt8Array | UInt16Array, spec: InputSpec) -> Iterator[Finding]:
    levels = grey_levels(normalise(pixels, spec) - sample.model_input, spec)
    if not levels <= MAX_GREY_LEVELS:
        message = (
            f"scale, mean and std of the manifest are up to {levels:.1f} grey levels off, allowed {MAX_GREY_LEVELS:.0f}"
        )
        yield Finding(sample=sample.name, stage="model input", message=message)


def grey_levels(difference: FloatArray, spec: InputSpec) -> float:
    """Express the largest difference of two model inputs (C, H, W) in grey levels of 0-255."""
    std = np.asarray(spec.std, np.float32).reshape(-1, 1, 1)
    return float(np.abs(difference * std).max(initial=0.0)) / spec.scale


def _prepare_or_error(sample: GoldenSample, steps: Steps) -> InputArray | AndonError:
    try:
        return steps.prepare(steps.decode_sample(sample.encoded))
    except AndonError as error:
        return error


def _difference(found: InputArray | AndonError, expected: InputArray, spec: InputSpec) -> float:
    """Give the largest difference in grey levels of 0-255; infinity where there is nothing to compare."""
    if isinstance(found, AndonError) or found.shape != expected.shape or found.dtype != expected.dtype:
        return float("inf")
    difference = found.astype(np.float64) - expected
    if expected.dtype == np.float32:
        return grey_levels(difference.astype(np.float32), spec)
    return float(np.abs(difference).max(initial=0)) * spec.level


def _run_each(session: Session, pixels: Sequence[InputArray]) -> list[FloatArray | AndonError]:
    outputs = _run_batch(session, pixels[:1])
    for start in range(1, len(pixels), _BATCH_SIZE):
        outputs += _run_batch(session, pixels[start : start + _BATCH_SIZE])
    return outputs


def _run_batch(session: Session, pixels: Sequence[InputArray]) -> list[FloatArray | AndonError]:
    """Run samples of one shape as a batch; the same error for all where that fails."""
    if len({sample.shape for sample in pixels}) > 1:
        return [output for sample in pixels for output in _run_batch(session, [sample])]
    try:
        raw_outputs = session.run(np.stack(pixels))
    except RuntimeFault as error:
        return [error] * len(pixels)
    if raw_outputs.ndim < 2 or len(raw_outputs) != len(pixels):
        message = f"a batch of {len(pixels)} gave raw outputs of the shape {raw_outputs.shape}"
        return [RuntimeFault(message, code="runtime.output")] * len(pixels)
    return list(raw_outputs)


def _output_difference(found: FloatArray | AndonError, expected: FloatArray, output: OutputSpec) -> float:
    return float("inf") if isinstance(found, AndonError) else raw_difference(found, expected, output)


def _check_raw_output(
    sample: GoldenSample, found: FloatArray | AndonError, tolerance: Tolerance, output: OutputSpec
) -> Iterator[Finding]:
    if isinstance(found, AndonError):
        yield Finding(sample=sample.name, stage="raw output", message=f"the graph failed: {found.message}")
        return
    difference = raw_difference(found, sample.raw_output, output)
    if not difference <= tolerance.relative:
        message = _far_off(found, sample.raw_output, difference, tolerance)
        yield Finding(sample=sample.name, stage="raw output", message=message)


def _far_off(found: FloatArray, expected: FloatArray, difference: float, tolerance: Tolerance) -> str:
    if found.shape != expected.shape:
        return f"the graph answers with {found.size} numbers, the eager model with {expected.size}"
    if not np.isfinite(found).all():
        return "the graph answers with numbers that are not finite"
    return f"the graph answers {difference:.2g} (relative) away from the eager model, allowed {tolerance.relative:g}"


def _check_finished(sample: GoldenSample, steps: Steps) -> Iterator[Finding]:
    """Let the author's own code finish the expected raw output; what is declared needs no proof."""
    if sample.finished is None:
        return
    try:
        finished = steps.finish(sample.raw_output)
    except AndonError as error:
        yield Finding(sample=sample.name, stage="finished", message=error.message)
        return
    difference = relative_difference(finished, sample.finished)
    if not difference <= _MAX_FINISHED_DIFFERENCE:
        message = f"{steps.output.finish} gives {difference:.2g} (relative) away from what it gave when it was packed"
        yield Finding(sample=sample.name, stage="finished", message=message)


def _check_label(
    sample: GoldenSample,
    prepared: InputArray | AndonError,
    raw_output: FloatArray | AndonError,
    session: Session,
    tolerance: Tolerance,
    output: OutputSpec,
) -> Iterator[Finding]:
    """Compare the label from the encoded image to the end, where the expected one is clear."""
    highest = highest_of_labels(sample.raw_output, output)
    if isinstance(prepared, AndonError) or prepared.shape != sample.graph_input.shape:
        return
    if highest is None or not is_clear(highest, tolerance):
        return
    if not np.array_equal(prepared, sample.graph_input):
        (raw_output,) = _run_batch(session, [prepared])
    if isinstance(raw_output, AndonError) or not np.isfinite(raw_output).all():
        return
    found_highest = highest_of_labels(raw_output, output)
    if found_highest is None or found_highest.shape != highest.shape:
        return
    found, expected = int(found_highest.argmax()), int(highest.argmax())
    if found != expected:
        yield Finding(
            sample=sample.name, stage="label", message=f"the best class is number {found}, expected number {expected}"
        )


def is_clear(raw_output: FloatArray, tolerance: Tolerance) -> bool:
    """Ask whether the two best raw outputs (K,) are further apart than twice the tolerance."""
    if raw_output.size < 2:
        return True
    second, first = np.sort(raw_output)[-2:]
    return bool(first - second > 2 * tolerance.relative * np.abs(raw_output).max())
