"""Tiles cover an image, and share enough that nothing small lies in two halves only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from andon.bundle.input_spec import Tiles
from andon.errors import ImageError
from andon.vision.geometry import Window
from andon.vision.tiles import cut, tile_windows

NO_LIMIT = 10**9


@st.composite
def cut_up(draw: st.DrawFn) -> tuple[Window, Tiles]:
    """Draw a region and tiles for it, of which there are not too many to look at."""
    size = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    overlap = draw(st.integers(0, min(size) - 1))
    step = min(size) - overlap
    sides = [draw(st.integers(1, max(1, 30 * step))) for _ in range(2)]
    corner = draw(st.tuples(st.integers(0, 50), st.integers(0, 50)))
    return Window(*corner, *sides), Tiles(size=size, overlap=overlap)


@given(cut_up())
def test_every_pixel_is_covered(drawn: tuple[Window, Tiles]) -> None:
    """By a tile of the declared size; none reaches beyond a region that holds one."""
    region, tiles = drawn
    covered = np.zeros((region.bottom, region.right), bool)
    for window in tile_windows(region, tiles, max_tiles=NO_LIMIT):
        assert (window.height, window.width) == tiles.size
        assert window.x >= region.x
        assert window.y >= region.y
        assert window.right <= max(region.right, region.x + window.width)
        assert window.bottom <= max(region.bottom, region.y + window.height)
        covered[window.y : window.bottom, window.x : window.right] = True
    assert covered[region.y :, region.x :].all()


@given(cut_up(), st.data())
def test_what_is_no_larger_than_the_overlap_lies_whole_in_a_tile(
    drawn: tuple[Window, Tiles], data: st.DataObject
) -> None:
    """Wherever it is in the region."""
    region, tiles = drawn
    width = data.draw(st.integers(1, max(1, min(tiles.overlap, region.width))))
    height = data.draw(st.integers(1, max(1, min(tiles.overlap, region.height))))
    x = region.x + data.draw(st.integers(0, region.width - width))
    y = region.y + data.draw(st.integers(0, region.height - height))
    assert any(
        window.x <= x and window.y <= y and x + width <= window.right and y + height <= window.bottom
        for window in tile_windows(region, tiles, max_tiles=NO_LIMIT)
    )


@given(cut_up())
def test_tiles_are_spread_evenly(drawn: tuple[Window, Tiles]) -> None:
    """The steps from one to the next differ by a pixel at most, and there are no more tiles than are needed."""
    region, tiles = drawn
    windows = tile_windows(region, tiles, max_tiles=NO_LIMIT)
    for starts, side, tile in (
        (sorted({w.x for w in windows}), region.width, tiles.size[1]),
        (sorted({w.y for w in windows}), region.height, tiles.size[0]),
    ):
        steps = np.diff(starts)
        assert np.ptp(steps) <= 1 if len(steps) else True
        assert len(starts) == 1 or tile + (len(starts) - 2) * (tile - tiles.overlap) < side


def test_an_image_of_20_megapixels() -> None:
    """13 by 8 tiles of 512, which share 64 pixels and more; the last ones end with the image."""
    windows = tile_windows(Window(0, 0, 5472, 3648), Tiles(size=(512, 512), overlap=64), max_tiles=104)
    assert len(windows) == 104
    assert windows[0] == (0, 0, 512, 512)
    assert (windows[-1].right, windows[-1].bottom) == (5472, 3648)


def test_too_many_tiles_are_refused_before_they_are_listed() -> None:
    """Even where the list alone would fill the memory; the message says how many there would be."""
    with pytest.raises(ImageError, match="8000000 x 8 pixels would be cut into 64000000 tiles of 1 x 1") as caught:
        tile_windows(Window(0, 0, 8_000_000, 8), Tiles(size=(1, 1), overlap=0), max_tiles=4096)
    assert caught.value.code == "image.tiles"


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_a_tile_has_the_pixels_of_its_place(mode: str) -> None:
    """In each mode that images are decoded to, with the region counted from."""
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 3) if mode == "RGB" else (40, 50))
    array = pixels.astype(np.uint16 if mode == "I;16" else np.uint8)
    image = Image.fromarray(array)
    assert image.mode == mode
    tile = cut(image, Window(110, 203, 20, 10), Window(100, 200, 50, 40))
    assert np.array_equal(np.asarray(tile), array[3:13, 10:30])


@pytest.mark.parametrize("mode", ["RGB", "L", "I;16"])
def test_an_image_smaller_than_a_tile_goes_on_as_in_a_mirror(mode: str) -> None:
    """To the right and below, again and again; the mode stays."""
    pixels = np.arange(60 if mode == "RGB" else 20).reshape((4, 5, 3) if mode == "RGB" else (4, 5))
    array = pixels.astype(np.uint16 if mode == "I;16" else np.uint8)
    tile = cut(Image.fromarray(array), Window(7, 7, 13, 6), Window(7, 7, 5, 4))
    assert tile.mode == mode
    columns, rows = [0, 1, 2, 3, 4, 4, 3, 2, 1, 0, 0, 1, 2], [0, 1, 2, 3, 3, 2]
    assert np.array_equal(np.asarray(tile), array[rows][:, columns])


def test_memory_that_is_not_there_is_an_error_of_the_image() -> None:
    """As for every other step."""

    class Huge(Image.Image):
        def crop(self, box: object = None) -> Image.Image:
            raise MemoryError

    with pytest.raises(ImageError) as caught:
        cut(Huge(), Window(0, 0, 1, 1), Window(0, 0, 1, 1))
    assert caught.value.code == "image.pixels"
