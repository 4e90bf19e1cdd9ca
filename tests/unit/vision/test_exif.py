"""The orientation is read from sound EXIF blocks, and no other block does harm."""

import struct
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from andon.vision.exif import read_orientation, upright
from tests.support.pictures import photo


def block(orientation: int, order: str = "<", kind: int = 3) -> bytes:
    """Make an EXIF block with two entries, the second of them the orientation."""
    header = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    maker = struct.pack(f"{order}HHI4s", 271, 2, 4, b"cam\0")
    value = struct.pack(f"{order}H2x" if kind == 3 else f"{order}I", orientation)
    return header + struct.pack(f"{order}H", 2) + maker + struct.pack(f"{order}HHI", 274, kind, 1) + value + bytes(4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_orientation_is_read_in_both_orders_of_bytes(orientation: int, order: str, kind: int) -> None:
    """As a short or a long number, with and without the prefix of JPEG, and as Pillow reads it."""
    exif = block(orientation, order, kind)
    assert read_orientation(exif) == read_orientation(b"Exif\0\0" + exif) == orientation
    pillow = Image.Exif()
    pillow.load(b"Exif\0\0" + exif)
    assert pillow[274] == orientation


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_as_pillow_turns_it(orientation: int) -> None:
    """All eight orientations, against `ImageOps.exif_transpose`."""
    image = photo()
    image.getexif()[274] = orientation
    np.testing.assert_array_equal(
        np.asarray(upright(photo(), block(orientation))), np.asarray(ImageOps.exif_transpose(image))
    )


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"II",
        b"II*\0",
        b"II+\0" + bytes(20),
        block(0),
        block(9),
        block(65_535),
        block(6)[:-9],
        block(6).replace(b"\x08\0\0\0", b"\xff\xff\xff\xff", 1),
        block(6).replace(b"\x12\x01", b"\x13\x01"),
    ],
)
def test_what_cannot_be_read_is_upright(exif: bytes) -> None:
    """Nothing, a cut block, an impossible value or place, and no such entry."""
    assert read_orientation(exif) == 1


@given(st.binary(max_size=60).map(lambda tail: b"II*\0" + tail) | st.binary(max_size=60))
def test_any_bytes_give_an_orientation(exif: bytes) -> None:
    """No bytes raise or warn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 1 <= read_orientation(exif) <= 8
