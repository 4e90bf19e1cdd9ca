"""Tests of how the declaration that agrees is told from all others."""

from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.build import candidates
from andon.build.infer.eliminate import Survivor, eliminate, every_kernel, kernel, pads
from andon.build.infer.made import Studio
from andon.build.infer.oracle import Oracle, silent
from andon.build.infer.values import ValueMap, find_values
from andon.bundle.input_spec import InputSpec, NoResize
from andon.errors import PackError
from tests.support.transforms import PILLOW, Transform, center_crop, rgb, shorter_side, to_tensor

STUDIO = Studio(grey=False, side=48)
SHORT = {"mode": "shorter_side", "size": 48}


def declared(**fields: Any) -> InputSpec:
    """Make a declaration from plain data."""
    return msgspec.convert(fields, InputSpec)


def values_of(transform: Transform) -> ValueMap:
    """Find what a transform makes of colours."""
    return find_values(Oracle(transform, silent), STUDIO, (60, 50), 3)


def left_of(transform: Transform, *tried: dict[str, Any], likely: Any = ()) -> Survivor:
    """Eliminate some declarations by a transform, from two sizes on."""
    specs = [declared(**fields) for fields in tried]
    oracle = Oracle(transform, silent)
    return eliminate(oracle, STUDIO, values_of(transform), specs, sizes=[(101, 97), (97, 101)], likely=likely)


def truncating(image: Image.Image) -> Any:
    """Resize the shorter side to 48, the other one truncated."""
    return to_tensor(shorter_side(rgb(image), 48))


def test_the_declaration_that_agrees_is_left() -> None:
    """Another kernel is seen at once, another rounding at a size that is looked for."""
    found = left_of(
        truncating,
        {"resize": {**SHORT, "interpolation": "bicubic"}},
        {"resize": {**SHORT, "rounding": "nearest"}},
        {"resize": SHORT},
    )
    assert found.spec == declared(resize=SHORT)
    assert found.worst < 1e-3


def test_of_equal_ones_the_first_is_left() -> None:
    """The simplest is given first."""
    square = {"mode": "exact", "size": [48, 48]}
    transform = lambda image: to_tensor(rgb(image).resize((48, 48), PILLOW["bilinear"]))  # noqa: E731 -- as in a notebook
    assert left_of(transform, {"resize": square}, {"resize": square, "crop": {"size": [48, 48]}}).spec.crop is None


def test_a_rounding_that_none_has_is_refused() -> None:
    """The last one that is left is tried where it would round otherwise."""

    def half_up(image: Image.Image) -> Any:
        short = min(image.size)
        width, height = (int(48 * side / short + 0.5) for side in image.size)
        return to_tensor(rgb(image).resize((width, height), PILLOW["bilinear"]))

    with pytest.raises(PackError, match="it rounds sizes otherwise"):
        left_of(half_up, {"resize": {**SHORT, "rounding": "nearest"}})


def test_where_none_agrees_the_nearest_is_shown() -> None:
    """Ready to be pasted, with how far it is off."""
    with pytest.raises(PackError) as caught:
        left_of(
            lambda image: to_tensor(shorter_side(rgb(image), 48, "lanczos")),
            {"resize": SHORT},
            {"resize": {**SHORT, "interpolation": "bicubic"}},
        )
    assert '"interpolation":"bicubic"' in caught.value.message
    assert "grey levels off" in caught.value.message
    assert caught.value.where.startswith("noise of 101 x 97")


def test_another_size_is_told_without_a_guess() -> None:
    """What gives other pixels is no declaration to paste."""
    with pytest.raises(PackError) as caught:
        left_of(truncating, {"resize": {"mode": "exact", "size": [9, 9]}})
    assert "of another size" in caught.value.message
    assert "input=" not in caught.value.message


def test_two_that_agree_nearly_are_not_chosen_from() -> None:
    """Neither is the transform's own, and they differ: the author decides."""

    def between(image: Image.Image) -> Any:
        one, other = (np.asarray(center_crop(rgb(image), 30, 30), np.float64) + shift for shift in (0.0, 0.5))
        return to_tensor((one + other) / 2)

    values = values_of(lambda image: to_tensor(center_crop(rgb(image), 30, 30)))
    specs = [declared(crop={"size": [30, 30], "pad": pad}) for pad in (0, 1)]
    oracle = Oracle(between, silent)
    with pytest.raises(PackError, match="two declarations agree"):
        eliminate(oracle, STUDIO, values, specs, sizes=[(61, 47), (47, 61)], likely=[])


def test_every_kernel_of_both_libraries_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven with OpenCV, six without; one where nothing is resized."""
    values = values_of(truncating)
    layout = (declared(resize=SHORT).resize, None)
    assert len({kernel(spec) for spec in every_kernel(values, layout)}) == 11
    assert len(list(every_kernel(values, (NoResize(), None)))) == 1
    monkeypatch.setattr(candidates, "has_opencv", lambda: False)
    assert {spec.resize.antialias for spec in every_kernel(values, layout)} == {True}  # type: ignore[union-attr] # a resize


def test_borders_belong_to_what_is_compared() -> None:
    """Two declarations that differ in a grey level are not taken for one."""
    specs = [
        declared(crop={"size": [9, 9], "pad": 3}),
        declared(resize={"mode": "letterbox", "size": [9, 9], "pad": 3}),
    ]
    assert [pads(spec) for spec in specs] == [(None, 3), (3, None)]


def test_nothing_is_taken_for_found_without_an_answer() -> None:
    """A transform that takes no made image has shown nothing."""

    def strict(image: Image.Image) -> Any:
        assert image.size == (60, 50)
        return truncating(image)

    with pytest.raises(PackError, match="takes no image that is made here"):
        left_of(strict, {"resize": SHORT})
