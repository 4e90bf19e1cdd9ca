"""Tests of measuring where an image lies in what a transform returns."""

import pytest
from PIL import Image, ImageOps

from andon.build.infer.geometry import Axis, Measured, describe, measure
from andon.build.infer.made import Studio
from andon.build.infer.oracle import Oracle, silent
from andon.build.infer.values import find_values
from andon.errors import PackError
from tests.support.transforms import PILLOW, Transform, center_crop, letterbox, rgb, shorter_side, to_tensor

STUDIO = Studio(grey=False, side=64)


def measured(transform: Transform) -> tuple[list[Measured], list[tuple[int, int]]]:
    """Measure a transform that gives about 64 pixels."""
    oracle = Oracle(transform, silent)
    return measure(oracle, STUDIO, find_values(oracle, STUDIO, (100, 80), 3))


@pytest.mark.parametrize("kernel", sorted(PILLOW))
def test_sizes_and_offsets_are_measured_to_a_pixel(kernel: str) -> None:
    """Of a resize and a crop, with every kernel, reduced and enlarged."""
    for item in measured(lambda image: to_tensor(center_crop(shorter_side(rgb(image), 64, kernel), 48, 56)))[0]:
        short = min(item.x.side, item.y.side)
        for axis, shown in ((item.x, 56), (item.y, 48)):
            resized = 64 * axis.side // short
            assert axis.shown == shown
            stairs = 1.5 * resized / axis.side if kernel in ("nearest", "box") else 0
            assert axis.resized == pytest.approx(resized, abs=max(1.2, 0.01 * resized, stairs))
            assert axis.begin == pytest.approx((shown - resized) / 2, abs=1.2 + stairs)
            assert item.border is None


def test_a_border_is_measured_with_its_colour() -> None:
    """Where the image begins in it, and the grey level of each channel."""
    for item in measured(lambda image: to_tensor(letterbox(rgb(image), 64, 64, pad=(9, 99, 200))))[0]:
        for axis in (item.x, item.y):
            assert axis.begin == pytest.approx((64 - axis.resized) / 2, abs=1.2)
        if item.x.side != item.y.side:
            assert item.border == pytest.approx((9, 99, 200), abs=0.01)


def test_a_small_part_is_measured_with_a_steeper_ramp() -> None:
    """A crop of a tenth of the image shows so few grey levels that these are spread anew."""
    for item in measured(
        lambda image: to_tensor(center_crop(rgb(image).resize((640, 640), PILLOW["bilinear"]), 64, 64))
    )[0]:
        assert item.x.resized == pytest.approx(640, abs=5)


def test_sizes_that_are_not_taken_are_told() -> None:
    """A transform that refuses small images is measured on the others."""

    def strict(image: Image.Image) -> object:
        assert min(image.size) > 50
        return to_tensor(shorter_side(rgb(image), 64))

    found, missed = measured(strict)
    assert missed == [size for size in STUDIO.sizes() if min(size) <= 50]
    assert len(found) + len(missed) == len(STUDIO.sizes())


@pytest.mark.parametrize(
    ("transform", "reason"),
    [
        (lambda image: to_tensor(ImageOps.mirror(rgb(image))), "mirrors the image sideways"),
        (lambda image: to_tensor(ImageOps.flip(rgb(image))), "mirrors the image upside down"),
        (lambda image: to_tensor(rgb(image.rotate(90, expand=True))), "turns the image by 90 degrees"),
        (lambda image: to_tensor(rgb(image).rotate(10)), "does not come out as a rectangle"),
        (
            lambda image: to_tensor(ImageOps.expand(rgb(image), 9).resize((64, 64), PILLOW["bilinear"])),
            "before it is resized",
        ),
        (lambda image: to_tensor(Image.merge("RGB", [ImageOps.expand(b, 9, 77) for b in rgb(image).split()])), ""),
    ],
)
def test_what_is_no_resize_is_refused(transform: Transform, reason: str) -> None:
    """A mirror, a turn and a border that is resized too; a plain border is none of them."""
    if not reason:
        assert measured(transform)[0]
        return
    with pytest.raises(PackError, match=reason):
        measured(transform)


def test_what_was_measured_is_told_in_words() -> None:
    """For the error of a transform whose rule is not known."""
    axis = Axis(side=200, shown=64, resized=100.2, begin=-18.1)
    text = describe([Measured(x=axis, y=axis, border=None)])
    assert text == "200 x 200 is resized to about 100 x 100, of which 64 x 64 are shown from (18, 18) on"
