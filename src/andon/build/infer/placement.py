"""
Where declarations put an image, as pure arithmetic, and the sizes at which two ways to round differ.

Pipelines that look the same truncate, round half to even or round half up, and each moves pixels
at some sizes only.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction

import numpy as np

from andon.build.infer.made import Size
from andon.bundle.input_spec import InputSpec, Letterbox, ShorterSide
from andon.errors import ImageError
from andon.vision.prepare import crop_corner, letterbox_corner, resized_size

_LONGEST = 2600
"""Pixels up to which a side is looked for at which truncating a factor loses a pixel."""
Placement = tuple[object, ...]
"""Equal for two declarations that put an image of a size in the same place."""
_Rival = Callable[[Size], bool]
"""Asks whether other arithmetic than a declaration's differs from it at a size."""


def placement(spec: InputSpec, size: Size) -> Placement:
    """Give where a declaration puts an image of a width and height, and how large."""
    try:
        resized = resized_size(*size, spec.resize)
    except ImageError:
        return (None,)
    box, corner = _boxed(spec, resized)
    if spec.crop is None:
        return resized, box, corner
    left, top = crop_corner(box, spec.crop)
    return resized, spec.crop.size[::-1], (corner[0] - left, corner[1] - top)


def differing_size(one: InputSpec, other: InputSpec, sizes: Sequence[Size]) -> Size | None:
    """Give the first size at which two declarations differ; None where there is none."""
    return next((size for size in sizes if placement(one, size) != placement(other, size)), None)


def sizes_around(side: int, likely: Sequence[Size] = ()) -> list[Size]:
    """Give the likely sizes, then many others around a side."""
    random = np.random.default_rng(0)
    pairs = np.exp(random.uniform(np.log(8), np.log(3 * side), (600, 2)))
    return [*likely, *((int(width), int(height)) for width, height in pairs)]


def telling_sizes(spec: InputSpec, sizes: Sequence[Size], asked: Sequence[Size]) -> list[Size]:
    """
    Give sizes at which a pipeline that rounds otherwise than a declaration would show it.

    Args:
        spec: A declaration that agrees with a pipeline so far.
        sizes: Searched, beside those that are made for ties.
        asked: Sizes at which it is known to agree.

    Returns:
        At most one size for each other way to round; none that is over 65,535 pixels when resized.
    """
    searched = [size for size in (*sizes, *_ties(spec)) if placement(spec, size) != (None,)]
    open_ones = (rival for rival in _rivals(spec) if not any(map(rival, asked)))
    found = (next(filter(rival, searched), None) for rival in open_ones)
    return list(dict.fromkeys(size for size in found if size is not None))


def _boxed(spec: InputSpec, resized: Size) -> tuple[Size, Size]:
    """Give the size with its border, and where in it the image begins."""
    if isinstance(spec.resize, Letterbox):
        return (spec.resize.size[1], spec.resize.size[0]), letterbox_corner(resized, spec.resize)
    return resized, (0, 0)


def _ties(spec: InputSpec) -> Iterator[Size]:
    """Give sizes whose scaled sides lie in the middle between two pixels, or a little below a whole one."""
    width, height = _box(spec)
    if isinstance(spec.resize, Letterbox) and spec.resize.rounding == "floor":
        for side in range(9, _LONGEST):
            yield from (
                (side, min(64, side * height // (2 * width)) or 1),
                (min(64, side * width // (2 * height)) or 1, side),
            )
    if isinstance(spec.resize, ShorterSide) and spec.resize.rounding == "floor":
        yield from _whole_sides(width)
    for odd in (1, 3, 5, 7):
        # A little less than half a pixel more than a small side.
        yield from ((width * side * 20 // 49, side) for side in (odd + 4,))
        yield from ((2 * width, 2 * width + odd), (2 * width + odd, 2 * width))
        yield from ((2 * width, height | 1), (width | 1, 2 * height), (2 * width, height // 2 * 2 - odd))


def _whole_sides(to: int) -> Iterator[Size]:
    """Give sizes whose longer side becomes a whole number, of which a factor or a proportion in floats may lose one."""
    for shorter in range(9, 3 * to):
        step = shorter // math.gcd(shorter, to)
        for times in range(shorter // step + 1, min(3 * shorter // step, shorter // step + 8) + 1):
            yield from ((shorter, step * times), (step * times, shorter))


def _box(spec: InputSpec) -> Size:
    if isinstance(spec.resize, ShorterSide):
        return spec.resize.size, spec.resize.size
    return (spec.resize.size[1], spec.resize.size[0]) if isinstance(spec.resize, Letterbox) else (8, 8)


def _rivals(spec: InputSpec) -> Iterator[_Rival]:
    """Give the other ways to round sides and offsets, an axis at a time."""
    for axis in (0, 1):
        if isinstance(spec.resize, ShorterSide | Letterbox):
            if spec.resize.rounding == "nearest":
                for below in (0, 1):
                    yield lambda size, axis=axis, below=below: _is_tie(spec, size, axis, below)  # type: ignore[misc] # late binding
                yield lambda size, axis=axis: _keeps_proportion_otherwise(spec, size, axis)  # type: ignore[misc] # late binding
            else:
                for formula in (_multiplied_last, _by_factor, _divided, _by_proportion, _over_proportion):
                    yield lambda size, axis=axis, formula=formula: _truncates_otherwise(spec, size, axis, formula)  # type: ignore[misc] # late binding
        for spare in (_crop_spare, _border_spare):
            for rest in (1, 3):
                yield lambda size, axis=axis, spare=spare, rest=rest: spare(spec, size, axis) % 4 == rest  # type: ignore[misc] # late binding


def _ratio(spec: InputSpec, size: Size) -> tuple[int, int]:
    """Give the factor by which an image is resized, as two whole numbers."""
    width, height = _box(spec)
    if isinstance(spec.resize, ShorterSide):
        return width, min(size)
    to, of = (width, size[0]) if width * size[1] <= height * size[0] else (height, size[1])
    is_left = isinstance(spec.resize, Letterbox) and not spec.resize.enlarge and to >= of
    return (1, 1) if is_left else (to, of)


def _is_tie(spec: InputSpec, size: Size, axis: int, below: int) -> bool:
    """
    Ask whether a side lies in the middle between two pixels, however it is computed.

    Args:
        spec: Rounds half to even.
        size: Of the image.
        axis: 0 for x, 1 for y.
        below: 0 for a tie above an even number, which half up rounds otherwise; 1 above an odd one, as half down.
    """
    to, of = _ratio(spec, size)
    exact = Fraction(size[axis] * to, of)
    is_same = size[axis] * (to / of) == size[axis] / of * to == float(exact)
    return exact.denominator == 2 and is_same and math.floor(exact) % 2 == below


def _keeps_proportion_otherwise(spec: InputSpec, size: Size, axis: int) -> bool:
    """Ask whether the whole side whose proportion is nearest is another one than the nearest, as in a thumbnail."""
    to, of = _ratio(spec, size)
    below = max(1, size[axis] * to // of)
    kept = min(below, below + 1, key=lambda side: abs(Fraction(of, size[axis]) - Fraction(to, side)))
    return size[axis] * to >= of and kept != resized_size(*size, spec.resize)[axis]


def _truncates_otherwise(spec: InputSpec, size: Size, axis: int, formula: Callable[[int, int, int], float]) -> bool:
    to, of = _ratio(spec, size)
    return max(1, int(formula(size[axis], to, of))) != resized_size(*size, spec.resize)[axis]


def _multiplied_last(side: int, to: int, of: int) -> float:
    return side * to / of


def _by_factor(side: int, to: int, of: int) -> float:
    return side * (to / of)


def _divided(side: int, to: int, of: int) -> float:
    return side / (of / to)


def _by_proportion(side: int, to: int, of: int) -> float:
    return to * (side / of)


def _over_proportion(side: int, to: int, of: int) -> float:
    return to / (of / side)


def _crop_spare(spec: InputSpec, size: Size, axis: int) -> int:
    """Give pixels that a crop cuts off, 0 where it cuts none."""
    if spec.crop is None:
        return 0
    box, _ = _boxed(spec, resized_size(*size, spec.resize))
    return max(0, box[axis] - spec.crop.size[1 - axis])


def _border_spare(spec: InputSpec, size: Size, axis: int) -> int:
    """Give pixels of border on both sides."""
    resized = resized_size(*size, spec.resize)
    if isinstance(spec.resize, Letterbox) and spec.resize.position == "center":
        return _box(spec)[axis] - resized[axis]
    return 0 if spec.crop is None else max(0, spec.crop.size[1 - axis] - resized[axis])
