"""
Why the author's transform and the declaration disagree.

Other preparations are tried until one explains the author's model input up to a factor and a
shift a channel. What it differs in from the declaration is the reason; the factor and the shift
tell about range and normalisation.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.build.candidates import candidates
from andon.build.fit import Candidate, Evidence, Fit, Values, candidate_pixels, fit_candidate
from andon.bundle.input_spec import Crop, InputSpec, NoResize, Resampling, Resize
from andon.tensors import FloatArray
from andon.vision.prepare import prepare

_EXPLAINED_RMS = 0.45
"""Grey levels left over by a preparation that explains the transform; uint8 tensor resizes round to within it."""
_EXACT = 0.02
"""Grey levels left over by a preparation that is the transform's own."""
_MAX_SEARCH_S = 10.0
"""Seconds after which no further preparation is tried; large images reach it."""
_RANGE_FACTOR = 20.0
"""Factors of standard deviations stay far below it, that between 0-255 and 0-1 is 255."""


class Disagreement(Struct, frozen=True, kw_only=True):
    """The likely reason why transform and declaration differ."""

    code: str
    stage: Literal["pixels", "model input"]
    reason: str
    hint: str
    is_exact: bool
    """Whether the reason explains the transform to the last grey level."""


def diagnose(evidence: Sequence[Evidence], spec: InputSpec, *, thorough: bool = True) -> Disagreement:
    """
    Find the likely reason for a disagreement.

    Args:
        evidence: At least one image; those that disagree most tell most.
        spec: The declaration.
        thorough: Try other geometries too; else kernels, channels and values only, which is quick.

    Returns:
        The first thing that differs, in the order geometry, interpolation, channels, range,
        normalisation; the others are told in the reason.
    """
    channels = {item.model_input.shape[0] for item in evidence}
    if channels != {spec.channels}:
        return _channel_count(channels, spec)
    best = _best_fit(evidence, spec, thorough=thorough)
    if best is None or best.rms > _EXPLAINED_RMS:
        return _unexplained(evidence, spec)
    return _explained(best, spec)


def _channel_count(channels: set[int], spec: InputSpec) -> Disagreement:
    found = " or ".join(str(count) for count in sorted(channels))
    hint = "end the transform's input with image.convert('RGB')" if spec.channels == 3 else 'declare "color": "RGB"'
    return Disagreement(
        code="pack.mismatch.channels",
        stage="model input",
        reason=f"the transform gives {found} channels, {spec.channels} are declared",
        hint=hint,
        is_exact=True,
    )


def _best_fit(evidence: Sequence[Evidence], spec: InputSpec, *, thorough: bool) -> Fit | None:
    """Try the declared geometry with every kernel first, then other geometries; the simplest that explains wins."""
    best: Fit | None = None
    deadline = time.monotonic() + _MAX_SEARCH_S
    for group in candidates(evidence, spec):
        for candidate in group:
            fit = fit_candidate(evidence, candidate)
            if fit is not None and (best is None or fit.rms < best.rms - _EXACT):
                best = fit
            if time.monotonic() > deadline:
                return best
        if not thorough or (best is not None and best.rms < _EXACT):
            break
    return best


def _explained(fit: Fit, spec: InputSpec) -> Disagreement:
    """Turn the fit that explains the transform into words."""
    found = [*_pixel_differences(fit, spec), *_value_differences(fit, spec)]
    told = found or [_ROUNDING if spec.to_8_bits is None else _rounding_to_8_bits(spec)]
    first = told[0]
    return Disagreement(
        code=first.code,
        stage="model input" if first.code.endswith((".range", ".normalisation")) else "pixels",
        reason="the transform agrees if " + ", and ".join(difference.text for difference in told),
        hint=first.hint,
        is_exact=bool(found) and fit.rms < _EXACT,
    )


class _Difference(Struct, frozen=True):
    code: str
    text: str
    hint: str


_ROUNDING = _Difference(
    "pack.mismatch.interpolation",
    "it rounds or clips otherwise than Pillow does",
    "resize with Pillow, before the tensor",
)


def _rounding_to_8_bits(spec: InputSpec) -> _Difference:
    return _Difference(
        "pack.mismatch.normalisation",
        f"it brings {spec.depth} bits to 8 otherwise",
        f'"range" and "to_8_bits" say how; dropping the lowest bits is "floor" with the range '
        f"[0, {255 << spec.depth - 8}]",
    )


def _pixel_differences(fit: Fit, spec: InputSpec) -> Iterator[_Difference]:
    candidate = fit.candidate
    found, declared = candidate.spec.resize, spec.resize
    if candidate.shift != (0, 0):
        yield _Difference(
            "pack.mismatch.geometry",
            f"the crop is moved by {_moved(*candidate.shift)}",
            "cut the crop where the declaration does, or resize to another size",
        )
    elif candidate.spec.crop != spec.crop or _geometry(found) != _geometry(declared):
        parts = (("resize", found, declared), ("crop", candidate.spec.crop, spec.crop))
        texts = [f"the {part} is {_words(a)}, declared is {_words(b)}" for part, a, b in parts if a != b]
        yield _Difference("pack.mismatch.geometry", ", and ".join(texts), "declare what the transform does")
    if not isinstance(found, NoResize) and not isinstance(declared, NoResize) and _kernel(found) != _kernel(declared):
        yield _Difference(
            "pack.mismatch.interpolation",
            f"the interpolation is {_kernel(found)}, declared is {_kernel(declared)}",
            f'declare "interpolation": "{found.interpolation}", "antialias": {str(found.antialias).lower()}',
        )
    if candidate.flipped:
        other = "BGR" if spec.color == "RGB" else "RGB"
        yield _Difference(
            "pack.mismatch.channels",
            f"the channels are {other}, declared is {spec.color}",
            f'declare "color": "{other}"',
        )


def _moved(right: int, down: int) -> str:
    """Say a move in pixels."""
    sideways = f"{abs(right)} pixels to the {'right' if right > 0 else 'left'}"
    upright = f"{abs(down)} pixels {'down' if down > 0 else 'up'}"
    return " and ".join(words for words, pixels in ((sideways, right), (upright, down)) if pixels)


def _geometry(resize: Resize) -> Resize:
    """A resize without its kernel."""
    return resize if isinstance(resize, NoResize) else replace(resize, interpolation="bilinear", antialias=True)


def _kernel(resize: Resampling) -> str:
    return f'"{resize.interpolation}" of {"Pillow" if resize.antialias else "OpenCV"}'


def _words(part: Resize | Crop | None) -> str:
    return "none" if part is None else msgspec.json.encode(part).decode()


def _value_differences(fit: Fit, spec: InputSpec) -> Iterator[_Difference]:
    std = np.broadcast_to(np.asarray(spec.std, np.float64), fit.factor.shape)
    mean = np.broadcast_to(np.asarray(spec.mean, np.float64), fit.factor.shape)
    factor, shift = spec.scale / std, -mean / std
    if np.all(fit.factor == 0):
        return
    levels = np.abs(np.stack([fit.shift - shift, (fit.factor - factor) * 255])) / np.abs(factor)
    if levels.max() < max(_EXACT, 3 * fit.rms):
        return
    ratio = float(np.median(np.abs(fit.factor / factor)))
    if ratio > _RANGE_FACTOR or ratio < 1 / _RANGE_FACTOR:
        yield _Difference(
            "pack.mismatch.range",
            f"its values are {ratio:.3g} times those declared",
            "scale pixels from 0-255 to 0-1 before mean and std, and once only; `scale` declares the factor",
        )
    elif np.allclose(fit.factor, factor / std, rtol=0.01) and np.allclose(fit.shift, (shift - mean) / std, atol=0.05):
        yield _Difference(
            "pack.mismatch.normalisation",
            "mean and std are applied twice",
            "normalise once: in the transform or in the model, not in both",
        )
    else:
        found_std = spec.scale / fit.factor
        found_mean = -fit.shift * found_std
        text = f"mean is {_numbers(found_mean)} and std {_numbers(found_std)}, "
        text += f"declared are {_numbers(mean)} and {_numbers(std)}"
        yield _Difference("pack.mismatch.normalisation", text, "declare the mean and std of the transform")


def _numbers(values: Values) -> str:
    return "[" + ", ".join(f"{round(value, 4) + 0.0:g}" for value in values) + "]"


def _unexplained(evidence: Sequence[Evidence], spec: InputSpec) -> Disagreement:
    """Tell at least the kind of a difference that no candidate explains."""
    declared = fit_candidate(evidence, Candidate(spec=spec))
    if declared is None:
        shapes = sorted({item.model_input.shape[1:] for item in evidence})
        wanted = sorted({prepare(item.image, spec).shape[:2] for item in evidence})
        return Disagreement(
            code="pack.mismatch.geometry",
            stage="model input",
            reason=f"the transform gives {_sizes(shapes)} pixels, the declaration {_sizes(wanted)} (height x width)",
            hint="declare the size that the transform resizes or crops to",
            is_exact=True,
        )
    return _by_kind(evidence, declared, spec)


def _sizes(shapes: Sequence[tuple[int, ...]]) -> str:
    return " or ".join(f"{height} x {width}" for height, width in shapes[:3])


def _by_kind(evidence: Sequence[Evidence], declared: Fit, spec: InputSpec) -> Disagreement:
    """Tell the kind of a difference from where in the image it lies."""
    if spec.channels == 3 and all(_was_made_grey(item, spec) for item in evidence):
        code, reason = "pack.mismatch.channels", "the transform makes the image grey"
        hint = "grey images come out the same with image.convert('RGB'); a model of one channel is declared as color L"
    elif all(_is_function_of_pixels(item, spec) for item in evidence):
        code, reason = "pack.mismatch.normalisation", "the transform changes values otherwise than by one mean and std"
        hint = "contrast, gamma and an image's own statistics cannot be declared; put them into the model"
        if spec.to_8_bits is not None:
            hint = _rounding_to_8_bits(spec).hint
    elif _is_fine_detail(evidence, declared):
        code, reason = "pack.mismatch.interpolation", "the same part of the image is resized in another way"
        hint = (
            "resize the Pillow image with one of its kernels; resizing tensors or without antialias gives other pixels"
        )
    else:
        code, reason = (
            "pack.mismatch.geometry",
            "the transform shows another part of the image, or changes it otherwise",
        )
        hint = "compare the sizes, the crop, the padding and flips of the transform with the declaration"
    stage: Literal["pixels", "model input"] = "model input" if code.endswith("normalisation") else "pixels"
    return Disagreement(code=code, stage=stage, reason=reason, hint=hint, is_exact=False)


def _levels(values: FloatArray, fit: Fit) -> Values:
    """Express a model input (C, H, W) in grey levels, as a fit sees it."""
    factor = np.where(fit.factor == 0, 1, fit.factor)
    levels: Values = (values - fit.shift[:, None, None]) / factor[:, None, None]
    return levels


def _was_made_grey(item: Evidence, spec: InputSpec) -> bool:
    """Ask whether an image in colour came out with channels that differ by a factor and a shift only."""
    if np.ptp(prepare(item.image, spec), axis=2).max() <= 1:
        return False
    values = item.model_input
    centred = values - values.mean(axis=(1, 2), keepdims=True)
    spread = np.maximum(centred.std(axis=(1, 2), keepdims=True), 1e-6)
    return bool(np.ptp(centred / spread, axis=0).max() < 0.05)


def _is_function_of_pixels(item: Evidence, spec: InputSpec) -> bool:
    """Ask whether equal pixels of an image always became equal values."""
    pixels = prepare(item.image, spec)
    if pixels.transpose(2, 0, 1).shape != item.model_input.shape:
        return False
    for channel in range(spec.channels):
        levels, values = pixels[:, :, channel].ravel(), item.model_input[channel].ravel().astype(np.float64)
        count = np.maximum(np.bincount(levels, minlength=256), 1)
        mean = np.bincount(levels, values, minlength=256) / count
        if np.abs(values - mean[levels]).max() > 0.1 * max(float(values.std()), 1e-9):
            return False
    return True


def _is_fine_detail(evidence: Sequence[Evidence], declared: Fit) -> bool:
    """Ask whether the differences vanish where blocks of 8 x 8 pixels are averaged."""
    fine, coarse = [], []
    for item in evidence:
        pixels = candidate_pixels(item.image, declared.candidate)
        if pixels is None:
            return False
        left_over = _levels(item.model_input, declared) - pixels
        _, height, width = left_over.shape
        blocks = left_over[:, : height // 8 * 8, : width // 8 * 8].reshape(
            len(left_over), height // 8, 8, width // 8, 8
        )
        fine.append(np.square(left_over).mean())
        coarse.append(np.square(blocks.mean(axis=(2, 4))).mean() if blocks.size else np.inf)
    return bool(np.mean(coarse) < 0.1 * np.mean(fine))
