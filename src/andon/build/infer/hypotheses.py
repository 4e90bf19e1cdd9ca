"""
The declarations that fit what was measured: resize, crop and border, without the kernel.

Sizes are measured to about a pixel, so what is found here is only worth trying.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from statistics import median
from typing import Literal

from andon.build.infer.geometry import Axis, Measured, describe
from andon.build.infer.refusal import not_found
from andon.bundle.fields import MAX_SIDE, Pad, Rounding, Size
from andon.bundle.input_spec import Crop, Exact, InputSpec, Letterbox, NoResize, Resize, ShorterSide

Layout = tuple[Resize, Crop | None]

_ROUNDINGS: tuple[Rounding, ...] = ("floor", "nearest")
_POSITIONS: tuple[Literal["center", "top_left"], ...] = ("center", "top_left")
_OFF_CENTRE = 2.0
"""Pixels by which a crop that is meant to be in the middle may be measured off."""


def layouts(measured: Sequence[Measured]) -> list[Layout]:
    """
    Give the resizes and crops that are worth trying, the simplest first.

    Raises:
        PackError: `pack.input`: there are none.
    """
    found = [*_unresized(measured), *_exact(measured), *_shorter_side(measured), *_letterbox(measured)]
    if found:
        return list(dict.fromkeys(found))
    reason = _off_centre(measured) or f"no rule of resizing was found: {describe(measured)}"
    raise not_found(reason, where=f"made images of {len(measured)} sizes")


def require_plain_border(measured: Sequence[Measured], spec: InputSpec) -> None:
    """
    Refuse a border in colour around a grey image.

    Raises:
        PackError: `pack.input`.
    """
    if spec.color in ("L", "LLL") and isinstance(_border(measured), tuple):
        raise not_found("it puts a border in colour around a grey image")


def _unresized(measured: Sequence[Measured]) -> Iterator[Layout]:
    if all(_near(axis, axis.side) for item in measured for axis in (item.x, item.y)):
        yield from ((NoResize(), crop) for crop in _crops(measured))


def _exact(measured: Sequence[Measured]) -> Iterator[Layout]:
    width, height = (median(values) for values in _resized(measured))
    if all(_near(item.x, width) and _near(item.y, height) for item in measured):
        around = product(_around(height), _around(width))
        for size in dict.fromkeys((*_sizes(measured, height, width), *around)):
            yield from ((Exact(size=size), crop) for crop in _crops(measured, size))


def _shorter_side(measured: Sequence[Measured]) -> Iterator[Layout]:
    axes = [min(item.x, item.y, key=lambda axis: axis.resized) for item in measured]
    shorter = median(axis.resized for axis in axes)
    if not all(_near(axis, shorter) and _is_in_proportion(item) for axis, item in zip(axes, measured, strict=True)):
        return
    for side, rounding in product(_around(shorter), _ROUNDINGS):
        for crop in _crops(measured):
            yield ShorterSide(size=side, rounding=rounding), crop


def _letterbox(measured: Sequence[Measured]) -> Iterator[Layout]:
    pad = _border(measured) or 0
    for size, enlarge in product(_boxes(measured), (True, False)):
        if all(_fills(item, size, enlarge=enlarge) for item in measured):
            for rounding, offset, position in product(_ROUNDINGS, _ROUNDINGS, _POSITIONS):
                box = Letterbox(
                    size=size, rounding=rounding, offset=offset, position=position, enlarge=enlarge, pad=pad
                )
                yield from ((box, crop) for crop in _crops(measured, size))


def _boxes(measured: Sequence[Measured]) -> list[Size]:
    """Give what is shown, where that is always the same, and the largest sides that were measured."""
    width, height = (max(values) for values in _resized(measured))
    shown = _shown(measured)
    return list(dict.fromkeys((*(shown if len(shown) == 1 else ()), *_sizes(measured, height, width))))


def _fills(item: Measured, size: Size, *, enlarge: bool) -> bool:
    """Ask whether an image fills a box in one direction and no more than that in the other, or lies in it as it is."""
    height, width = size
    if not enlarge and max(item.x.side / width, item.y.side / height) < 1:
        return _near(item.x, item.x.side) and _near(item.y, item.y.side)
    factor = min(width / item.x.side, height / item.y.side)
    return _near(item.x, item.x.side * factor, slack=2.0) and _near(item.y, item.y.side * factor, slack=2.0)


def _is_in_proportion(item: Measured) -> bool:
    return _near(item.y, item.x.resized * item.y.side / item.x.side, slack=2.0)


def _crops(measured: Sequence[Measured], resized: Size | None = None) -> Iterator[Crop | None]:
    """Give no crop, and the crop to what is shown where that is always the same."""
    shown = _shown(measured)
    if len(shown) > 1 or resized in shown:
        yield None
    if len(shown) > 1 or resized in shown or _off_centre(measured):
        return
    yield from (
        Crop(size=size, offset=offset, pad=_border(measured) or 0) for size in shown for offset in _ROUNDINGS[::-1]
    )


def _sizes(measured: Sequence[Measured], height: float, width: float) -> list[Size]:
    """Give what is shown where that is near a measured size, and the measured size itself."""
    rounded = round(height), round(width)
    near = [size for size in _shown(measured) if _is_near(size[0], height) and _is_near(size[1], width)]
    return [size for size in dict.fromkeys((*near, rounded)) if all(1 <= side <= MAX_SIDE for side in size)]


def _around(side: float) -> list[int]:
    """Give the whole sides next to a measured one, the nearest first."""
    nearest = round(side)
    return [near for near in (nearest, nearest - 1, nearest + 1) if 1 <= near <= MAX_SIDE]


def _shown(measured: Sequence[Measured]) -> set[Size]:
    return {(item.y.shown, item.x.shown) for item in measured}


def _resized(measured: Sequence[Measured]) -> tuple[list[float], list[float]]:
    return [item.x.resized for item in measured], [item.y.resized for item in measured]


def _border(measured: Sequence[Measured]) -> Pad | None:
    """Give the border in whole grey levels; None where there is none."""
    borders = [item.border for item in measured if item.border is not None]
    if not borders:
        return None
    levels = [round(median(values)) for values in zip(*borders, strict=True)]
    if not all(0 <= level <= 255 for level in levels):
        raise not_found(f"the border is darker than black or brighter than white: grey levels {borders[0]}")
    return levels[0] if len(set(levels)) == 1 else tuple(levels)


def _near(axis: Axis, wanted: float, slack: float = 1.0) -> bool:
    """Ask whether a side was resized to another one as far as a ramp tells, which may become stairs."""
    pixel = axis.resized / axis.side
    over_all_that_is_shown = pixel * axis.resized / axis.shown
    allowed = max(1.2, 0.01 * wanted, 1.5 * pixel, 1.2 * min(pixel, 1) * over_all_that_is_shown)
    return abs(axis.resized - wanted) <= slack * allowed


def _is_near(found: float, wanted: float, slack: float = 1.0) -> bool:
    return abs(found - wanted) <= slack * max(1.2, 0.01 * wanted)


def _off_centre(measured: Sequence[Measured]) -> str:
    """Say where what is shown is not in the middle; empty where it is."""
    for item in measured:
        for axis, edge in ((item.x, "left"), (item.y, "upper")):
            middle = (axis.shown - axis.resized) / 2
            if abs(axis.begin - middle) > _OFF_CENTRE:
                return (
                    f"the crop is not in the middle: of {axis.resized:.0f} pixels it shows {axis.shown} that begin "
                    f"{round(-axis.begin)} from the {edge} edge, those in the middle begin at {round(-middle)}"
                )
    return ""
