"""
Which part of an image a transform shows, and how large: measured on flat images and on ramps.

What is measured is near the truth, not exact: it tells which declarations are worth trying.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from andon.build.fit import Values
from andon.build.infer.made import Size, Studio
from andon.build.infer.oracle import Oracle
from andon.build.infer.refusal import not_found
from andon.build.infer.values import ValueMap
from andon.build.samples import Sample

_FLATS = (50, 210)
"""Grey levels that tell the image from its border, which is the same for both."""
_SAME = 0.6
"""Grey levels by which the same colour may differ."""
_STRAIGHT = 2.0
"""Grey levels by which a resized ramp may leave the straight line: it is rounded, and `nearest` makes stairs."""
_EDGE = 0.08
"""Share of a ramp at each end that is not looked at: kernels bend it there."""
_WIDE_ENOUGH = 128
"""Grey levels of a ramp that must be seen; else it is made steeper."""
_TELLING = "measuring sizes and crops with ramps"


class Axis(Struct, frozen=True, kw_only=True):
    """One axis of a measured image, in pixels."""

    side: int
    """Of the image."""
    shown: int
    """Of what the transform returns."""
    resized: float
    """The side that the whole image was resized to, where it is cropped too."""
    begin: float
    """Where the resized image begins in what is returned; negative where its edge is cut off."""


class Measured(Struct, frozen=True, kw_only=True):
    """Where one image lies in what the transform returns."""

    x: Axis
    y: Axis
    border: tuple[float, ...] | None
    """Grey levels (C,) of the border; None where there is none."""


def measure(oracle: Oracle, studio: Studio, values: ValueMap) -> tuple[list[Measured], list[Size]]:
    """
    Measure images of several sizes and proportions.

    Returns:
        What was measured, and the sizes that the transform does not take.

    Raises:
        PackError: `pack.input`: an image is shown otherwise than resized, cut and bordered.
    """
    found, missed = [], []
    for size in studio.sizes():
        first = oracle.try_ask(studio.flat(size, (_FLATS[0],) * 3), _TELLING)
        if first is None:
            missed.append(size)
        else:
            found.append(_Ruler(oracle, studio, values, size).measure(values.levels(first)))
    return found, missed


class _Ruler:
    """Measures images of one size."""

    def __init__(self, oracle: Oracle, studio: Studio, values: ValueMap, size: Size) -> None:
        self._oracle = oracle
        self._studio = studio
        self._values = values
        self._size = size

    def measure(self, dark: Values) -> Measured:
        """Measure with a ramp an axis; `dark` is what the first flat image came out as."""
        bright = self._levels(self._studio.flat(self._size, (_FLATS[1],) * 3), dark.shape)
        rows, columns, border = self._image_part(dark, bright)
        return Measured(
            x=self._along(0, rows, columns, dark.shape), y=self._along(1, rows, columns, dark.shape), border=border
        )

    def _levels(self, sample: Sample, shape: tuple[int, ...]) -> Values:
        answer = self._oracle.ask(sample, _TELLING)
        if answer.shape != shape:
            raise not_found("images of one size come out in several sizes", where=sample.name)
        return self._values.levels(answer)

    def _image_part(self, dark: Values, bright: Values) -> tuple[slice, slice, tuple[float, ...] | None]:
        """Tell the rows and columns that show the image from the border."""
        is_image = np.abs(np.stack([dark - _FLATS[0], bright - _FLATS[1]])).max(axis=(0, 1)) < _SAME
        is_border = np.abs(bright - dark).max(axis=0) < _SAME
        if not (is_image | is_border).all() or not is_image.any():
            raise not_found(
                "a flat image does not come out flat, or its border depends on it, as where a border is put around "
                "the image before it is resized",
                where=self._name(),
            )
        rows, columns = _range(is_image.any(axis=1)), _range(is_image.any(axis=0))
        if not is_image[rows, columns].all():
            raise not_found("the image does not come out as a rectangle", where=self._name())
        if not is_border.any():
            return rows, columns, None
        colours = dark[:, is_border]
        if np.ptp(colours, axis=1).max() > _SAME:
            raise not_found("the border has more than one colour", where=self._name())
        return rows, columns, tuple(float(value) for value in colours.mean(axis=1))

    def _along(self, axis: int, rows: slice, columns: slice, shape: tuple[int, ...]) -> Axis:
        """Fit a line to a ramp, and to a steeper one where too little of the first is seen."""
        side, begin, end = self._size[axis], -0.5, self._size[axis] - 0.5
        for _ in range(3):
            offset, scale = self._line(axis, (begin, end), rows, columns, shape)
            shown = columns if axis == 0 else rows
            count = shown.stop - shown.start
            if count * abs(scale) * 255 >= _WIDE_ENOUGH * (end - begin):
                break
            # With a margin, so that both ends of what is shown are still on the ramp.
            margin = 0.1 * count * abs(scale) + 1
            begin, end = offset - margin, offset + count * scale + margin
        first_centre = offset - scale * shown.start
        resized = side / scale
        return Axis(side=side, shown=shape[2 - axis], resized=resized, begin=-((first_centre + 0.5) / scale - 0.5))

    def _line(
        self, axis: int, ramp: tuple[float, float], rows: slice, columns: slice, shape: tuple[int, ...]
    ) -> tuple[float, float]:
        """Give the place in the image that the first shown pixel shows, and the pixels from one to the next."""
        seen = self._levels(self._studio.ramp(self._size, axis, *ramp), shape).mean(axis=0)[rows, columns]
        along, across = (seen, seen.T) if axis == 0 else (seen.T, seen)
        if np.ptp(along, axis=0).max() > _STRAIGHT:
            is_turned = np.ptp(across, axis=0).max() <= _STRAIGHT < np.ptp(along, axis=0).max()
            reason = "it turns the image by 90 degrees" if is_turned else "it bends or turns the image"
            raise not_found(f"{reason}, or changes the colours of some images only", where=self._name())
        levels = along.mean(axis=0)
        line = _fitted(levels, 255 / (ramp[1] - ramp[0]))
        if line[1] < 0:
            raise not_found(f"it mirrors the image {'sideways' if axis == 0 else 'upside down'}", where=self._name())
        if line[1] < 1e-3:
            raise not_found("what comes out does not show the image", where=self._name())
        begin, end = ramp
        return begin + line[0] / 255 * (end - begin), line[1] / 255 * (end - begin)

    def _name(self) -> str:
        return f"a made image of {self._size[0]} x {self._size[1]}"


def _fitted(levels: Values, stair: float) -> tuple[float, float]:
    """Fit a line to levels that rise from pixel to pixel or by stairs, without those that the ramp does not reach."""
    places = np.arange(len(levels), dtype=np.float64)
    edge = int(len(levels) * _EDGE) + (len(levels) > 8)
    is_used = (levels > 1) & (levels < 254)
    is_used[:edge] = is_used[len(levels) - edge :] = False
    if is_used.sum() < 2:
        is_used[:] = True
    slope, offset = np.polyfit(places[is_used], levels[is_used], 1) if len(levels) > 1 else (0.0, levels[0])
    left_over = np.abs(levels - (offset + slope * places))[is_used].max()
    if left_over > _STRAIGHT + abs(slope) + stair:
        raise not_found(
            "what it shows of an image is not one part of it at one scale: it mirrors the edges, or changes "
            "brightness or contrast of some images"
        )
    return float(offset), float(slope)


def _range(mask: "np.ndarray[tuple[int], np.dtype[np.bool_]]") -> slice:
    places = np.flatnonzero(mask)
    return slice(int(places[0]), int(places[-1]) + 1)


def describe(measured: Sequence[Measured]) -> str:
    """Say what was measured, for a person who looks for the rule."""
    return "; ".join(
        f"{item.x.side} x {item.y.side} is resized to about {item.x.resized:.0f} x {item.y.resized:.0f}, "
        f"of which {item.x.shown} x {item.y.shown} are shown from ({_near(-item.x.begin)}, {_near(-item.y.begin)}) on"
        for item in measured[:3]
    )


def _near(value: float) -> str:
    return f"{round(value):d}"
