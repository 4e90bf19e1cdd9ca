"""Of a TIFF file the first picture is taken, once all its strips or tiles are seen to be there."""

import numpy as np
import pytest
from PIL import Image

from andon.errors import ImageError
from andon.vision.tiff import decode_tiff, read_tiff
from tests.support.odd_images import exif, tiff_tags
from tests.support.pictures import deep_photo, encoded, photo, tiff_file


def test_deep_grey_is_read_with_all_its_bits() -> None:
    """And said to be grey."""
    read = read_tiff(encoded(Image.fromarray(deep_photo(9, 5)), "TIFF"))
    assert (read.width, read.height, read.bits, read.is_grey) == (9, 5, 16, True)
    np.testing.assert_array_equal(decode_tiff(read), deep_photo(9, 5))


def test_of_several_pages_the_first_is_taken() -> None:
    """As by Pillow."""
    pages = [photo(20, 12, seed=seed) for seed in range(3)]
    data = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    np.testing.assert_array_equal(decode_tiff(read_tiff(data)), pages[0])


def test_pillow_turns_tiff_images_and_so_does_this() -> None:
    """What a notebook opens is upright already."""
    data = encoded(photo(20, 12), "TIFF", exif=exif(6))
    assert decode_tiff(read_tiff(data)).size == (12, 20)


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({273: 99_999}, "image.truncated", "not there"),
        ({279: 99}, "image.truncated", "shorter than its pixels"),
        ({259: 34925}, "image.format", "compression is number 34925"),
        ({262: 8}, "image.format", "colours are number 8"),
        ({339: 3}, "image.depth", "floating-point numbers"),
        ({339: 2}, "image.depth", "signed numbers"),
        ({278: 0}, "image.truncated", "strips or tiles have 10 x 0 pixels"),
    ],
)
def test_what_is_not_taken_says_why(changed: dict[int, int], code: str, words: str) -> None:
    """A picture of 10 x 10 grey pixels with one tag changed."""
    with pytest.raises(ImageError, match=words) as caught:
        read_tiff(tiff_file({**tiff_tags(10, 10, (8,), 1), **changed}, [bytes(100)]))
    assert caught.value.code == code


def test_jpeg_strips_that_end_early_are_found_out() -> None:
    """Libtiff fills what is missing with grey."""
    data = bytearray(encoded(photo(64, 64), "TIFF", compression="jpeg"))
    read = read_tiff(bytes(data))
    assert decode_tiff(read).size == (64, 64)
    place = data.rindex(b"\xff\xd9")
    data[place - 200 : place] = data[place : place + 2] + bytes(198)
    with pytest.raises(ImageError):
        decode_tiff(read_tiff(bytes(data)))
