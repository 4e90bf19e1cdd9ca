"""
How well another preparation explains what the author's transform made of some images.

A candidate is fitted up to one factor and one shift a channel, in float64.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError
from andon.tensors import FloatArray
from andon.vision.prepare import prepare

Values = NDArray[np.float64]
"""Grey levels or model inputs while they are fitted."""

_CONSTANT = 1e-6
"""Model inputs that vary less show nothing; a grey level is a thousand times more in any usual range."""


class Evidence(Struct, frozen=True, kw_only=True):
    """One decoded image and what the author's transform made of it."""

    image: Image.Image
    """Mode RGB, L or I;16, as `decode` returns it."""
    model_input: FloatArray
    """float32 (C, H, W)."""


class Candidate(Struct, frozen=True, kw_only=True):
    """Another preparation that the transform may be doing."""

    spec: InputSpec
    shift: tuple[int, int] = (0, 0)
    """Pixels right and down by which the crop is off."""
    flipped: bool = False
    """Whether the channels come in the opposite order."""


class Fit(Struct, frozen=True, kw_only=True):
    """How well a candidate explains the transform."""

    candidate: Candidate
    rms: float
    """Grey levels left over."""
    factor: Values
    """float64 (C,): what a grey level becomes in the model input."""
    shift: Values
    """float64 (C,): what grey level 0 becomes in the model input."""


def fit_candidate(evidence: Sequence[Evidence], candidate: Candidate) -> Fit | None:
    """Fit a factor and a shift a channel between a candidate's pixels and the transform's; None where sizes differ."""
    pairs = []
    for item in evidence:
        pixels = candidate_pixels(item.image, candidate)
        if pixels is None or pixels.shape != item.model_input.shape:
            return None
        pairs.append(_overlap(pixels, item.model_input, candidate.shift))
    pixels = np.concatenate([pair[0] for pair in pairs], axis=1)
    values = np.concatenate([pair[1] for pair in pairs], axis=1)
    factor, shift = _least_squares(pixels, values)
    return Fit(candidate=candidate, rms=_rms(values, pixels, factor, shift), factor=factor, shift=shift)


def _rms(values: Values, pixels: Values, factor: Values, shift: Values) -> float:
    """Give what a fit leaves over, in grey levels; infinity for values that show nothing of the pixels."""
    if np.any((values.std(axis=1) < _CONSTANT) & (pixels.std(axis=1) > 1)):
        return float("inf")
    left_over = values - (pixels * factor[:, None] + shift[:, None])
    level = np.maximum(np.abs(factor), np.finfo(np.float32).tiny)[:, None]
    return float(np.sqrt(np.mean((left_over / level) ** 2)))


def candidate_pixels(image: Image.Image, candidate: Candidate) -> Values | None:
    """Prepare as the candidate does: float64 (C, H, W) in grey levels; None where the image does not allow it."""
    try:
        pixels = prepare(image, candidate.spec).astype(np.float64).transpose(2, 0, 1)
    except ImageError:
        return None
    if candidate.spec.dtype == "uint16":
        pixels = (pixels - candidate.spec.levels[0]) * candidate.spec.level
    return pixels[::-1] if candidate.flipped else pixels


def _overlap(pixels: Values, values: FloatArray, shift: tuple[int, int]) -> tuple[Values, Values]:
    """Lay values, shifted by some pixels, over pixels, and give what both cover as (C, pixels)."""
    right, down = shift
    _, height, width = pixels.shape
    ours = pixels[:, max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)]
    theirs = values[:, max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)]
    return ours.reshape(len(pixels), -1), theirs.astype(np.float64).reshape(len(pixels), -1)


def _least_squares(pixels: Values, values: Values) -> tuple[Values, Values]:
    mean_pixels, mean_values = pixels.mean(axis=1), values.mean(axis=1)
    centred = pixels - mean_pixels[:, None]
    spread = (centred**2).sum(axis=1)
    slope = (centred * (values - mean_values[:, None])).sum(axis=1)
    factor = np.divide(slope, spread, out=np.zeros_like(slope), where=spread > 0)
    return factor, mean_values - factor * mean_pixels
