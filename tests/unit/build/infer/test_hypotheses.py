"""Tests of the declarations that fit what was measured."""

import pytest

from andon.build.infer.geometry import Axis, Measured
from andon.build.infer.hypotheses import Layout, layouts
from andon.bundle.input_spec import Crop, Exact, Letterbox, NoResize, ShorterSide
from andon.errors import PackError

IMAGES = ((300, 200), (200, 300), (250, 250), (90, 60))
ERROR = 0.6
"""Pixels by which a measurement is off here."""


def seen(
    resized: list[tuple[float, float]], shown: tuple[int, int] | None = None, border: float | None = None
) -> list[Measured]:
    """Measure images that come out in the middle, a little wrongly."""
    found = []
    for (width, height), (to_width, to_height) in zip(IMAGES, resized, strict=True):
        out = shown or (round(to_width), round(to_height))
        found.append(
            Measured(
                x=Axis(side=width, shown=out[0], resized=to_width + ERROR, begin=(out[0] - to_width) / 2),
                y=Axis(side=height, shown=out[1], resized=to_height - ERROR, begin=(out[1] - to_height) / 2),
                border=None if border is None else (border,) * 3,
            )
        )
    return found


def scaled(factors: list[float]) -> list[tuple[float, float]]:
    """Scale the images."""
    return [(width * factor, height * factor) for (width, height), factor in zip(IMAGES, factors, strict=True)]


SHORT = scaled([64 / 200, 64 / 200, 64 / 250, 64 / 60])
BOXED = scaled([80 / 300, 80 / 300, 80 / 250, 80 / 90])


@pytest.mark.parametrize(
    ("measured", "wanted"),
    [
        (seen(scaled([1, 1, 1, 1])), (NoResize(), None)),
        (seen(scaled([1, 1, 1, 1]), (50, 40)), (NoResize(), Crop(size=(40, 50)))),
        (seen([(64, 48)] * 4), (Exact(size=(48, 64)), None)),
        (seen([(64, 64)] * 4, (56, 50)), (Exact(size=(64, 64)), Crop(size=(50, 56)))),
        (seen(SHORT, (56, 56)), (ShorterSide(size=64), Crop(size=(56, 56)))),
        (seen(SHORT, (56, 56)), (ShorterSide(size=64, rounding="nearest"), Crop(size=(56, 56), offset="floor"))),
        (seen(SHORT, (96, 96), 7.1), (ShorterSide(size=64), Crop(size=(96, 96), pad=7))),
        (seen(SHORT), (ShorterSide(size=64), None)),
        (seen(BOXED, (80, 80), 113.8), (Letterbox(size=(80, 80)), None)),
        (seen(BOXED, (80, 80), 0.0), (Letterbox(size=(80, 80), pad=0, rounding="floor", offset="nearest"), None)),
        (seen([*BOXED[:3], (60, 40)], (80, 80), 114.0), None),
        (seen([*BOXED[:3], (90, 60)], (100, 100), 114.0), None),
    ],
)
def test_the_layout_is_among_those_worth_trying(measured: list[Measured], wanted: Layout | None) -> None:
    """Though every side is measured half a pixel wrongly; sizes that follow no rule give none."""
    if wanted is None:
        with pytest.raises(PackError):
            layouts(measured)
    else:
        assert wanted in layouts(measured)


def test_a_box_that_is_not_filled_by_small_images_does_not_enlarge() -> None:
    """The smallest image stays as it is, the others are reduced."""
    small = seen([*scaled([100 / 300, 100 / 300, 100 / 250, 1])], (100, 100), 114.0)
    assert (Letterbox(size=(100, 100), enlarge=False), None) in layouts(small)
    assert (Letterbox(size=(100, 100)), None) not in layouts(small)


def test_a_crop_beside_the_middle_is_told_where_it_is() -> None:
    """Which edge, and how far."""
    axis = Axis(side=300, shown=56, resized=96.0, begin=0.0)
    other = Axis(side=200, shown=56, resized=64.0, begin=-4.0)
    with pytest.raises(PackError, match="of 96 pixels it shows 56 that begin 0 from the left edge"):
        layouts([Measured(x=axis, y=other, border=None)])


def test_a_border_beyond_black_is_refused() -> None:
    """No grey level says it."""
    with pytest.raises(PackError, match="darker than black"):
        layouts(seen(BOXED, (80, 80), -40.0))
