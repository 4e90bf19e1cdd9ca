"""
What a transform makes of colours: scale, mean, std and the order of channels, read from flat images.

It knows nothing of sizes: it looks at the one pixel that tells most.
"""

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.build.fit import Values
from andon.build.infer.made import Colour, Size, Studio
from andon.build.infer.oracle import Oracle
from andon.build.infer.refusal import not_found
from andon.bundle.input_spec import InputSpec
from andon.tensors import FloatArray

STRICT = 0.05
"""Grey levels by which a flat colour may be off; float32 keeps it within 0.001."""
_SCALES = (1 / 255, 1.0, 1 / 128, 1 / 256)
_UNUSUAL = 4
"""Digits that a scale must save to be preferred to the one before."""
_CODED = 2e-4
"""Grey levels that a shorter number may move a value by."""
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
_PURE = ((255, 0, 0), (0, 255, 0), (0, 0, 255))
_LEVELS = (1, 9, 31, 64, 100, 127, 160, 191, 222, 254)
"""Grey levels between black and white that are held to the straight line between these."""
_MIXED = ((200, 30, 90), (20, 140, 250), (128, 255, 1))
_GREY = np.array([76, 150, 29]) / 255
"""What Pillow's grey has of pure red, green and blue."""
_MATRIX_STEP = 1.2 / 255
"""By which two greys that are rounded differ."""
_TELLING = "asking the transform for flat colours"


class ValueMap(Struct, frozen=True, kw_only=True):
    """What a grey level becomes in the model input, channel by channel in the order of the model input."""

    spec: InputSpec
    """`color`, `scale`, `mean` and `std`, and nothing of sizes."""
    factor: Values
    """float64 (C,): what one grey level becomes."""
    shift: Values
    """float64 (C,): what grey level 0 becomes."""

    def levels(self, model_input: FloatArray) -> Values:
        """Bring a model input (C, H, W) back to grey levels: float64."""
        levels: Values = (model_input - self.shift[:, None, None]) / self.factor[:, None, None]
        return levels


def find_values(oracle: Oracle, studio: Studio, size: Size, channels: int) -> ValueMap:
    """
    Find what the transform makes of colours.

    Args:
        oracle: The transform.
        studio: Makes flat images in the mode of the samples.
        size: Width and height that the transform takes.
        channels: Those of its answers, 1 or 3.

    Raises:
        PackError: `pack.input`: it is no scale, mean and std a channel, or `pack.transform`.
    """
    black, white = (oracle.ask(studio.flat(size, colour), _TELLING) for colour in (_BLACK, _WHITE))
    if black.shape != white.shape or len(black) != channels:
        raise not_found("images of one size come out in several sizes, or with other channels than the samples")
    difference = np.abs(white - black).sum(axis=0)
    y, x = np.unravel_index(int(difference.argmax()), difference.shape)
    factor = (white[:, y, x].astype(np.float64) - black[:, y, x]) / 255
    shift = black[:, y, x].astype(np.float64)
    if not (np.abs(factor) > 1e-7).all():
        raise not_found(
            "black and white images come out alike in a channel, as where each image is normalised by its own values"
        )
    if (factor < 0).any():
        raise not_found("it inverts the image: black comes out above white")
    answers = _Answers(oracle, studio, size, (int(y), int(x)), factor, shift)
    for level in _LEVELS:
        answers.require((level,) * 3, [level] * channels)
    color = "L" if channels == 1 else "LLL"
    if not studio.grey:
        color = _color(answers, channels)
        answers.require_mixed(color)
    spec = normalisation(InputSpec(color=color), factor, shift)  # type: ignore[arg-type] # one of the four
    return ValueMap(spec=spec, factor=factor, shift=shift)


class _Answers:
    """The grey levels that flat colours come out as."""

    def __init__(
        self, oracle: Oracle, studio: Studio, size: Size, place: tuple[int, int], factor: Values, shift: Values
    ) -> None:
        self._oracle = oracle
        self._studio = studio
        self._size = size
        self._place = place
        self._factor = factor
        self._shift = shift

    def of(self, colour: Colour) -> Values:
        """Give the grey levels (C,) of a flat colour."""
        y, x = self._place
        answer = self._oracle.ask(self._studio.flat(self._size, colour), _TELLING)
        levels: Values = (answer[:, y, x] - self._shift) / self._factor
        return levels

    def require(self, colour: Colour, wanted: object, allowed: float = STRICT) -> None:
        """Refuse a colour that comes out as other grey levels than a scale and a shift give."""
        found = self.of(colour)
        if not np.abs(found - np.asarray(wanted)).max() <= allowed:
            raise not_found(
                f"values are changed otherwise than by one factor and one shift a channel: the colour {colour} comes "
                f"out as the grey levels {_numbers(found)}, expected {_numbers(np.asarray(wanted))}, as with a curve, "
                "a gamma, or an image's own statistics"
            )

    def require_mixed(self, color: str) -> None:
        """Hold mixed colours to the order of channels."""
        for mixed in _MIXED:
            if color in ("L", "LLL"):
                self.require(mixed, [float(_GREY @ np.asarray(mixed))] * len(self._factor), 1.5)
            else:
                self.require(mixed, mixed if color == "RGB" else mixed[::-1])


def _color(answers: _Answers, channels: int) -> str:
    """Tell the order of channels from pure red, green and blue."""
    matrix = np.stack([answers.of(colour) for colour in _PURE], axis=1) / 255
    for color, wanted in (("RGB", np.eye(3)), ("BGR", np.eye(3)[::-1])):
        if channels == 3 and np.abs(matrix - wanted).max() < STRICT / 255:
            return color
    if np.abs(matrix - _GREY).max() < _MATRIX_STEP:
        return "L" if channels == 1 else "LLL"
    words = "; ".join(f"channel {n} takes {_numbers(row * 100)} % of red, green, blue" for n, row in enumerate(matrix))
    raise not_found(f"channels are mixed otherwise than RGB, BGR or Pillow's grey: {words}")


def normalisation(spec: InputSpec, factor: Values, shift: Values) -> InputSpec:
    """
    Declare what grey levels become, in the scale in which mean and std are the shortest numbers.

    Args:
        spec: What is to be declared beside it.
        factor: float64 (C,): what one grey level of 0-255 becomes.
        shift: float64 (C,): what grey level 0 becomes.
    """
    options = []
    for number, scale in enumerate(_SCALES):
        std = scale / factor
        mean = -shift * std
        means = _short(mean, _CODED * scale)
        stds = _short(std, _CODED / 255 * std)
        declared = replace(spec, scale=scale, mean=means, std=stds)
        options.append((digits(declared) + _UNUSUAL * number, number, declared))
    return min(options, key=lambda option: option[:2])[2]


def digits(spec: InputSpec) -> int:
    """Count the digits of mean and std that are no leading zeros, which are few where they were typed."""
    texts = (f"{value:.9f}".replace(".", "").strip("-0") for value in (*set(spec.mean), *set(spec.std)))
    return sum(len(text) for text in texts)


def _short(values: Values, allowed: Values | float) -> tuple[float, ...]:
    """Give the shortest numbers within what is allowed; one where all channels have the same."""
    pairs = zip(values, np.broadcast_to(np.asarray(allowed, np.float64), values.shape), strict=True)
    found = tuple(_shortest(float(value), float(within)) for value, within in pairs)
    return found[:1] if len(set(found)) == 1 else found


def _shortest(value: float, allowed: float) -> float:
    for digits in range(1, 10):
        shorter = float(f"{value:.{digits}g}")
        for candidate in (0.0, shorter):
            if abs(candidate - value) <= allowed:
                return candidate
    return value


def _numbers(values: Values) -> str:
    return ", ".join(f"{value:.4g}" for value in values)
