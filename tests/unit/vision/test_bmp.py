"""A BMP is held against the length of its file before Pillow sees it."""

import pytest

from andon.errors import ImageError
from andon.vision.bmp import decode_bmp, read_bmp
from tests.support.odd_images import bmp_file
from tests.support.pictures import encoded, photo


def test_size_and_pixels_are_read() -> None:
    """Those of the header; a negative height is only another order of rows."""
    read = read_bmp(encoded(photo(9, 5), "BMP"))
    assert (read.width, read.height, read.bits) == (9, 5, 8)
    assert decode_bmp(read).size == (9, 5)
    assert read_bmp(bmp_file(2, -3, 24, bytes(24))).height == 3


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (bmp_file(10, 10, 24, bytes(319)), "image.truncated", "too few for 10 x 10 pixels"),
        (bmp_file(10, 10, 7, bytes(400)), "image.truncated", "7 bits a pixel"),
        (bmp_file(10, 10, 8, bytes(400), compression=1), "image.format", "compression is number 1"),
        (bmp_file(10, 10, 24, bytes(320))[:20], "image.truncated", "within its header"),
    ],
)
def test_what_lies_is_refused(data: bytes, code: str, words: str) -> None:
    """A row may be filled up to four bytes; less than all rows is not enough."""
    with pytest.raises(ImageError, match=words) as caught:
        read_bmp(data)
    assert caught.value.code == code
