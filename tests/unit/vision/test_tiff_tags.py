"""The directory of a TIFF file is read within bounds, in both orders and both widths, and written again."""

import struct

import pytest

from andon.errors import ImageError
from andon.vision.tiff_tags import Directory, read_directory, write_file
from tests.support.pictures import tiff_file

TAGS = {256: 3, 257: 70_000, 258: (8, 8, 8), 700: b"text"}


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_wanted_tags_are_read(order: str, big: bool) -> None:  # noqa: FBT001 -- pytest hands it over by name
    """Inside their entry and outside of it; others are not looked at."""
    found = read_directory(tiff_file(TAGS, [b"x"], order=order, big=big), {257, 258, 700})
    assert found.order == order
    assert {tag: tuple(values) for tag, values in found.tags.items()} == {
        257: (70_000,),
        258: (8, 8, 8),
        700: tuple(b"text"),
    }
    assert found.one(257, 0) == 70_000
    assert found.one(999, 7) == 7


@pytest.mark.parametrize("order", ["<", ">"])
def test_what_was_written_is_read(order: str) -> None:
    """Numbers as LONG, bytes as they are."""
    tags = {256: (3,), 258: (8, 8, 8), 700: b"some text"}
    written = write_file(Directory(order=order, tags=tags), [b"pix", b"els"])
    assert written[8:14] == b"pixels"
    assert dict(read_directory(written, tags).tags) == tags


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"II*\0" + struct.pack("<I", 2**31), "outside the file"),
        (b"II*\0" + struct.pack("<IH", 8, 5000) + bytes(60_000), "5000 tags"),
        (b"II*\0" + struct.pack("<IHHHII", 8, 1, 256, 4, 2**32 - 1, 8), "4294967295 values"),
        (b"II*\0" + struct.pack("<IHHHII", 8, 1, 256, 4, 9, 8), "lie outside the file"),
        (b"II*\0" + struct.pack("<IHHHII", 8, 1, 256, 11, 1, 8), "of the type 11"),
    ],
)
def test_what_points_elsewhere_is_refused(data: bytes, words: str) -> None:
    """Without reading or keeping what it claims to have."""
    with pytest.raises(ImageError, match=words):
        read_directory(data, {256})
