"""A WebP is walked chunk by chunk before Pillow sees it."""

import struct

import numpy as np
import pytest

from andon.errors import ImageError
from andon.vision.webp import decode_webp, read_webp
from tests.support.odd_images import exif
from tests.support.pictures import encoded, photo

LOSSY, LOSSLESS = encoded(photo(20, 13), "WEBP"), encoded(photo(20, 13), "WEBP", lossless=True)
EXTENDED = encoded(photo(20, 13, "RGBA"), "WEBP", lossless=True, exif=exif(6))


@pytest.mark.parametrize("data", [LOSSY, LOSSLESS, EXTENDED], ids=["lossy", "lossless", "extended"])
def test_the_size_is_that_of_the_picture(data: bytes) -> None:
    """In each of the three kinds of first chunk; what follows the file is no part of it."""
    read = read_webp(data + b"rest")
    assert (read.width, read.height) == decode_webp(read).size == (20, 13)


def test_the_exif_block_is_found() -> None:
    """And nothing is turned by it here."""
    assert read_webp(EXTENDED).exif
    np.testing.assert_array_equal(decode_webp(read_webp(EXTENDED)).convert("RGB"), photo(20, 13))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (LOSSY[:-1], "its header says"),
        (LOSSY[:4] + struct.pack("<I", len(LOSSY) - 10) + LOSSY[8:-2], "ends within its chunk"),
        (b"RIFF" + struct.pack("<I", 4) + b"WEBP", "it has no chunk"),
        (b"RIFF" + struct.pack("<I", 12) + b"WEBPJUNK" + bytes(4), "its first chunk"),
    ],
)
def test_what_is_not_whole_is_refused(data: bytes, words: str) -> None:
    """By its own lengths."""
    with pytest.raises(ImageError, match=words):
        read_webp(data)


def test_a_header_that_lies_is_found_out() -> None:
    """The limit was asked about the size in the header, so the picture must have it."""
    data = bytearray(EXTENDED)
    data[24:27] = (5).to_bytes(3, "little")
    with pytest.raises(ImageError):
        decode_webp(read_webp(bytes(data)))
