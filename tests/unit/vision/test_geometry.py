"""A prepared pixel is found again in the image: where the picture of a square is, the arithmetic says it is."""

from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from andon.bundle.input_spec import InputSpec, Roi
from andon.vision.geometry import Placement, Window, place, region_of
from andon.vision.prepare import prepare

GEOMETRIES: dict[str, dict[str, Any]] = {
    "as it is": {},
    "exact": {"resize": {"mode": "exact", "size": [90, 150]}},
    "shorter side": {"resize": {"mode": "shorter_side", "size": 101}, "crop": {"size": [96, 95]}},
    "crop larger": {"crop": {"size": [280, 301]}},
    "letterbox": {"resize": {"mode": "letterbox", "size": [128, 161]}},
    "letterbox at the corner": {"resize": {"mode": "letterbox", "size": [161, 128], "position": "top_left"}},
    "letterbox and crop": {"resize": {"mode": "letterbox", "size": [200, 160]}, "crop": {"size": [120, 120]}},
    "enlarged": {"resize": {"mode": "exact", "size": [500, 700]}},
}


def declared(**fields: Any) -> InputSpec:
    """Make an input declaration of grey images from plain data."""
    return msgspec.convert({"color": "L", **fields}, InputSpec)


@pytest.mark.parametrize("fields", GEOMETRIES.values(), ids=GEOMETRIES)
@pytest.mark.parametrize("size", [(240, 171), (171, 240), (97, 97)])
def test_a_square_is_found_where_it_was(fields: dict[str, Any], size: tuple[int, int]) -> None:
    """Its centre of mass in the prepared pixels, brought back, is that of the image to a tenth of a pixel."""
    left, upper, side = size[0] // 2 - 9, size[1] // 2 + 3, 24
    array = np.zeros((size[1], size[0]), np.uint8)
    array[upper : upper + side, left : left + side] = 255
    spec = declared(**fields)
    prepared = prepare(Image.fromarray(array), spec)[:, :, 0].astype(float)
    prepared[prepared == 114] = 0  # the border of a letterbox
    placement = place(Window(30, 50, *size), spec, prepared.shape)  # type: ignore[arg-type] # it has two sides
    rows, columns = np.indices(prepared.shape) + 0.5
    x, y = (float((axis * prepared).sum() / prepared.sum()) for axis in (columns, rows))
    (found,) = placement.to_image(np.array([[x, y, x, y]], np.float32))
    assert found[:2] == pytest.approx((30 + left + side / 2, 50 + upper + side / 2), abs=0.1)


@given(st.integers(20, 400), st.integers(20, 400), st.sampled_from(list(GEOMETRIES)))
def test_the_whole_image_comes_back_whole(width: int, height: int, name: str) -> None:
    """Edges of the resized image are edges of the image, whatever was added or cut off around."""
    spec = declared(**GEOMETRIES[name])
    prepared = prepare(Image.new("L", (width, height)), spec).shape[:2]
    placement = place(Window(0, 0, width, height), spec, prepared)  # type: ignore[arg-type] # it has two sides
    corner = (-placement.x / placement.step_x, -placement.y / placement.step_y)
    other = ((width - placement.x) / placement.step_x, (height - placement.y) / placement.step_y)
    assert np.allclose(np.round([*corner, *other]), [*corner, *other], atol=1e-6)


def test_own_code_is_held_to_stretch_the_image() -> None:
    """Nothing else is known of it."""
    spec = declared(prepare="author.code:prepare")
    found = place(Window(10, 20, 200, 100), spec, (50, 50))
    assert found == Placement(x=10, y=20, step_x=4, step_y=2)


def test_cells_of_a_map_lie_evenly_over_the_prepared_image() -> None:
    """8 by 4 cells over 64 by 64 pixels that are two pixels of the image each."""
    found = Placement(x=3, y=5, step_x=2, step_y=2).of_map((64, 64), (4, 8))
    assert found == Placement(x=3, y=5, step_x=16, step_y=32)


def test_a_region_lies_where_it_was_cut_out() -> None:
    """Without one it is the whole image."""
    assert region_of((30, 20), None) == (0, 0, 30, 20)
    assert region_of((30, 20), Roi(x=7, y=9, width=30, height=20)) == (7, 9, 30, 20)


def test_a_window_ends_where_the_one_around_it_does() -> None:
    """Right and below; it begins within."""
    assert Window(5, 5, 10, 10).within(Window(0, 0, 12, 40)) == (5, 5, 7, 10)
