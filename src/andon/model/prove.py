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
from andon.bundle.manifest import InputSpec, Tolerance
from andon.errors import AndonError, RuntimeFault
from andon.runtimes.base import Session
from andon.settings.limits import DEFAULT_LIMITS
from andon.tensors import FloatArray, UInt8Array, relative_difference
from andon.vision.decode import decode
from andon.vision.prepare import normalise, prepare

Stage = Literal["pixels", "model input", "raw output", "label"]

MAX_GREY_LEVELS = 1.0
"""How far prepared pixels, and the declared normalisation, may be from the stored ones."""
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


def prove(samples: Sequence[GoldenSample], spec: InputSpec, session: Session, tolerance: Tolerance) -> Proof:
    """
    Reproduce golden samples, stage by stage.

    Args:
        samples: At least one.
        spec: How images are prepared.
        session: What runs the graph; it runs one sample alone and the others two at a time, so
            that both ways are proven.
        tolerance: Of the raw outputs.

    Returns:
        A proof; a session or an image that fails is a finding, never an exception.
    """
    prepared = [_prepare_or_error(sample, spec) for sample in samples]
    pixel_differences = [
        _pixel_difference(found, sample.pixels) for found, sample in zip(prepared, samples, strict=True)
    ]
    raw_outputs = _run_each(session, [sample.pixels for sample in samples])
    output_differences = [
        _output_difference(found, sample.raw_output) for found, sample in zip(raw_outputs, samples, strict=True)
    ]
    findings: list[Finding] = []
    for index, sample in enumerate(samples):
        findings += check_preparation(sample, prepared[index], spec)
        findings += _check_raw_output(sample, raw_outputs[index], tolerance)
        findings += _check_label(sample, prepared[index], raw_outputs[index], session, tolerance)
    return Proof(
        samples=len(samples),
        findings=tuple(findings),
        worst_pixel_difference=max(pixel_differences),
        worst_output_difference=max(output_differences),
    )


def check_preparation(sample: GoldenSample, prepared: UInt8Array | AndonError, spec: InputSpec) -> Iterator[Finding]:
    """
    Compare prepared pixels and the declared normalisation with those of a golden sample.

    Args:
        sample: The expected pixels and model input.
        prepared: uint8 (H, W, C), or the error that preparing raised.
        spec: Its `scale`, `mean` and `std` are applied to the stored pixels.
    """
    if isinstance(prepared, AndonError):
        yield Finding(sample=sample.name, stage="pixels", message=f"the image cannot be prepared: {prepared.message}")
    elif prepared.shape != sample.pixels.shape:
        message = f"prepared to the shape {prepared.shape}, expected {sample.pixels.shape}"
        yield Finding(sample=sample.name, stage="pixels", message=message)
    elif (difference := _pixel_difference(prepared, sample.pixels)) > MAX_GREY_LEVELS:
        share = float(np.mean(prepared != sample.pixels))
        message = (
            f"up to {difference:.0f} grey levels apart on {share:.1%} of the pixels, allowed {MAX_GREY_LEVELS:.0f}"
        )
        yield Finding(sample=sample.name, stage="pixels", message=message)
    levels = grey_levels(normalise(sample.pixels, spec) - sample.model_input, spec)
    if not levels <= MAX_GREY_LEVELS:
        message = (
            f"scale, mean and std of the manifest are up to {levels:.1f} grey levels off, allowed {MAX_GREY_LEVELS:.0f}"
        )
        yield Finding(sample=sample.name, stage="model input", message=message)


def grey_levels(difference: FloatArray, spec: InputSpec) -> float:
    """Express the largest difference of two model inputs (C, H, W) in grey levels of 0-255."""
    std = np.asarray(spec.std, np.float32).reshape(-1, 1, 1)
    return float(np.abs(difference * std).max(initial=0.0)) / spec.scale


def _prepare_or_error(sample: GoldenSample, spec: InputSpec) -> UInt8Array | AndonError:
    try:
        return prepare(decode(sample.encoded, spec, DEFAULT_LIMITS), spec)
    except AndonError as error:
        return error


def _pixel_difference(found: UInt8Array | AndonError, expected: UInt8Array) -> float:
    if isinstance(found, AndonError) or found.shape != expected.shape:
        return float("inf")
    return float(np.abs(found.astype(np.int16) - expected).max(initial=0))


def _run_each(session: Session, pixels: Sequence[UInt8Array]) -> list[FloatArray | AndonError]:
    outputs = _run_batch(session, pixels[:1])
    for start in range(1, len(pixels), _BATCH_SIZE):
        outputs += _run_batch(session, pixels[start : start + _BATCH_SIZE])
    return outputs


def _run_batch(session: Session, pixels: Sequence[UInt8Array]) -> list[FloatArray | AndonError]:
    """Run samples of one shape as a batch; the same error for all where that fails."""
    if len({sample.shape for sample in pixels}) > 1:
        return [output for sample in pixels for output in _run_batch(session, [sample])]
    try:
        raw_outputs = session.run(np.stack(pixels))
    except RuntimeFault as error:
        return [error] * len(pixels)
    if raw_outputs.ndim != 2 or len(raw_outputs) != len(pixels):
        message = f"a batch of {len(pixels)} gave raw outputs of the shape {raw_outputs.shape}"
        return [RuntimeFault(message, code="runtime.output")] * len(pixels)
    return list(raw_outputs)


def _output_difference(found: FloatArray | AndonError, expected: FloatArray) -> float:
    return float("inf") if isinstance(found, AndonError) else relative_difference(found, expected)


def _check_raw_output(sample: GoldenSample, found: FloatArray | AndonError, tolerance: Tolerance) -> Iterator[Finding]:
    if isinstance(found, AndonError):
        yield Finding(sample=sample.name, stage="raw output", message=f"the graph failed: {found.message}")
        return
    difference = relative_difference(found, sample.raw_output)
    if not difference <= tolerance.relative:
        yield Finding(sample=sample.name, stage="raw output", message=_far_off(found, sample.raw_output, tolerance))


def _far_off(found: FloatArray, expected: FloatArray, tolerance: Tolerance) -> str:
    if found.shape != expected.shape:
        return f"the graph answers with {found.size} numbers, the eager model with {expected.size}"
    if not np.isfinite(found).all():
        return "the graph answers with numbers that are not finite"
    difference = relative_difference(found, expected)
    return f"the graph answers {difference:.2g} (relative) away from the eager model, allowed {tolerance.relative:g}"


def _check_label(
    sample: GoldenSample,
    prepared: UInt8Array | AndonError,
    raw_output: FloatArray | AndonError,
    session: Session,
    tolerance: Tolerance,
) -> Iterator[Finding]:
    """Compare the label from the encoded image to the end, where the expected one is clear."""
    if (
        isinstance(prepared, AndonError)
        or prepared.shape != sample.pixels.shape
        or not is_clear(sample.raw_output, tolerance)
    ):
        return
    if not np.array_equal(prepared, sample.pixels):
        (raw_output,) = _run_batch(session, [prepared])
    if isinstance(raw_output, AndonError) or not np.isfinite(raw_output).all():
        return
    found, expected = int(raw_output.argmax()), int(sample.raw_output.argmax())
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
