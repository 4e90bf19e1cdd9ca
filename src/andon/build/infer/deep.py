"""
What a transform makes of levels of more than 8 bits: depth, range, rounding to 8 bits, scale, mean and std.

It reads them from flat images, as `values` does for 8 bits.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from andon.build.fit import Values
from andon.build.infer.made import Size, Studio
from andon.build.infer.oracle import Oracle
from andon.build.infer.refusal import not_found
from andon.build.infer.values import STRICT, ValueMap, digits, normalisation
from andon.bundle.fields import Rounding
from andon.bundle.input_spec import MAX_DEPTH, InputSpec
from andon.vision.depth import grey_levels_of

_WHITE = 2**MAX_DEPTH - 1
_LEVELS = (0, 1, 100, 254, 255, 256, 257, 700, 1000, 2047, 4095, 4096, 9999, 16383, 20000, 30001, 40000, 52345, 65279)
"""Levels that are asked, beside white."""
_KNOWN_RANGES = ((0, _WHITE), (0, 65280), (0, 255))
"""Ranges that become 8 bits: all levels, the upper byte alone, and Pillow's `convert`, which clips."""
_ROUNDINGS: tuple[Rounding, ...] = ("floor", "nearest")
_USUAL_DEPTHS = (12, 14, 10)
_TELLING = "asking the transform for flat images of 16 bits"


def find_deep_values(oracle: Oracle, studio: Studio, size: Size, channels: int, highest: int) -> ValueMap:
    """
    Find what the transform makes of levels of up to 16 bits.

    Args:
        oracle: The transform.
        studio: Makes images of 16 bits.
        size: Width and height that the transform takes.
        channels: Those of its answers, 1 or 3.
        highest: The highest level of the samples, which tells how many bits are used.

    Raises:
        PackError: `pack.input`: no range and no rounding explains the values.
    """
    asker = _Asker(oracle, studio, size)
    levels = [*_LEVELS, _WHITE]
    answers = np.stack([asker.of(level) for level in levels])
    if not (np.ptp(answers, axis=0) > 0).all():
        raise not_found("black and white images of 16 bits come out alike in a channel")
    fits = []
    for number, spec in enumerate(_hypotheses(asker, answers, highest, "L" if channels == 1 else "LLL")):
        found = _explained(spec, levels, answers)
        if found is not None:
            fits.append((digits(found.spec) + 2 * bool(number), number, found))
    if not fits:
        raise not_found("levels of 16 bits are changed otherwise than by a range, a rounding, a factor and a shift")
    return min(fits, key=lambda fit: fit[:2])[2]


class _Asker:
    """Asks for flat images of one level, at the pixel that tells most."""

    def __init__(self, oracle: Oracle, studio: Studio, size: Size) -> None:
        self._oracle = oracle
        self._studio = studio
        self._size = size
        black, white = (oracle.ask(studio.flat_level(size, level), _TELLING) for level in (0, _WHITE))
        difference = np.abs(white - black).sum(axis=0)
        self._place = np.unravel_index(int(difference.argmax()), difference.shape)

    def of(self, level: int) -> Values:
        """Give the values (C,) of a flat image."""
        y, x = self._place
        answer = self._oracle.ask(self._studio.flat_level(self._size, level), _TELLING)
        return answer[:, y, x].astype(np.float64)


def _hypotheses(asker: _Asker, answers: Values, highest: int, color: str) -> Iterator[InputSpec]:
    """Give the declarations worth trying, the simplest first."""
    plain = InputSpec(color=color, depth=MAX_DEPTH)  # type: ignore[arg-type] # L or LLL
    yield plain
    usual = [replace(plain, depth=depth) for depth in _USUAL_DEPTHS if highest < 2**depth]
    yield from usual
    for part in usual:
        upper = replace(part, range=(0, 255 << (part.depth - 8)))
        yield from (replace(bits, to_8_bits=rounding) for bits in (upper, part) for rounding in _ROUNDINGS)
    ranges = dict.fromkeys((*_KNOWN_RANGES, _bounds(asker, answers)))
    for bounds in ranges:
        of_all = None if bounds == (0, _WHITE) else bounds
        yield from (replace(plain, range=of_all, to_8_bits=rounding) for rounding in _ROUNDINGS)
        yield replace(plain, range=of_all)


def _bounds(asker: _Asker, answers: Values) -> tuple[int, int]:
    """Find the levels up to which all is black, and from which on all is white."""
    black, white = answers[0], answers[-1]
    low = _last(lambda level: np.array_equal(asker.of(level), black))
    high = _last(lambda level: not np.array_equal(asker.of(level), white)) + 1
    return (low, min(high, _WHITE)) if low < high else (0, _WHITE)


def _last(holds: Callable[[int], bool]) -> int:
    """Give the last level for which something holds that holds up to one level, and not for white."""
    low, high = 0, _WHITE
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _explained(spec: InputSpec, levels: Sequence[int], answers: Values) -> ValueMap | None:
    """Fit a factor and a shift to what a declaration makes of the levels; None where they leave something over."""
    used = [number for number, level in enumerate(levels) if level < 2**spec.depth]
    grey = _grey(spec, np.array([levels[number] for number in used]))
    shown = answers[used]
    if np.ptp(grey) == 0:
        return None
    factor, shift = np.polyfit(grey, shown, 1)
    if not (factor > 0).all():
        return None
    left_over = np.abs(shown - (grey[:, None] * factor + shift)) / factor
    if left_over.max() > STRICT:
        return None
    return ValueMap(spec=normalisation(spec, factor, shift), factor=factor, shift=shift)


def _grey(spec: InputSpec, levels: NDArray[np.int64]) -> Values:
    """Give the grey levels 0-255 that levels become."""
    if spec.to_8_bits is not None:
        return grey_levels_of(spec)[levels].astype(np.float64)
    low, high = spec.levels
    grey = (np.clip(levels, low, high) - low).astype(np.float64)
    return grey * (255 / (high - low))
