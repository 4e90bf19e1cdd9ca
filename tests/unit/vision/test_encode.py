"""What is encoded here and decoded elsewhere has the pixels that decoding here gives."""

import io
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError
from andon.settings.limits import Limits
from andon.vision.decode import ImageSource, decode
from andon.vision.encode import encode
from tests.support.bundles import INPUT
from tests.support.pictures import deep_photo, encoded, photo, tiff_file

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
BY_WAY_OF = {"RGBa": "RGBA", "PA": "L"}
"""Modes that Pillow reaches only from another."""


def spec(**fields: Any) -> InputSpec:
    """Declare an input; grey has no values for three channels."""
    base = {"resize": INPUT["resize"], "crop": INPUT["crop"]} if fields.get("color") == "L" else INPUT
    return msgspec.convert({**base, **fields}, InputSpec)


SPECS = [spec(color=color, orientation=turn) for color in ("RGB", "BGR", "L") for turn in ("stored", "exif")]


def in_mode(mode: str) -> Image.Image:
    """Make a picture of a mode."""
    return photo(mode=BY_WAY_OF.get(mode, "RGB")).convert(mode)


def assert_same_pixels(source: ImageSource, declared: InputSpec) -> None:
    """Compare what is decoded here with what is decoded of the encoded image."""
    there = decode(encode(source), declared)
    here = decode(source, declared)
    assert there.mode == here.mode
    assert np.array_equal(np.asarray(there), np.asarray(here))


@pytest.mark.parametrize("declared", SPECS, ids=lambda s: f"{s.color}-{s.orientation}")
@pytest.mark.parametrize("mode", MODES)
def test_a_pillow_image_arrives_with_its_pixels(mode: str, declared: InputSpec) -> None:
    """Every mode of 8 bits is decoded elsewhere as it is here, whatever the model takes."""
    image = in_mode(mode)
    if mode == "YCbCr" and declared.color == "L":
        there, here = (np.asarray(decode(s, declared), np.int16) for s in (encode(image), image))
        assert abs(there - here).max() <= 1
    else:
        assert_same_pixels(image, declared)


@pytest.mark.parametrize("declared", SPECS, ids=lambda s: f"{s.color}-{s.orientation}")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_the_orientation_of_an_open_file_travels(form: str, orientation: int, declared: InputSpec) -> None:
    """Pillow does not turn what it opens; the block that says how travels along, in either form of it."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    with Image.open(io.BytesIO(encoded(photo(), form, exif=exif))) as image:
        assert_same_pixels(image, declared)
        if declared.orientation == "exif" and declared.color == "RGB":
            upright = ImageOps.exif_transpose(image)
            assert np.array_equal(np.asarray(decode(encode(image), declared)), np.asarray(upright))


@pytest.mark.parametrize("exif", [b"", b"rubbish", 17, b"Exif\x00\x00II*\x00"])
def test_an_unreadable_orientation_changes_nothing(exif: object) -> None:
    """What cannot be read is upright, as `decode` takes it."""
    image = photo()
    image.info["exif"] = exif
    for declared in SPECS:
        assert_same_pixels(image, declared)


@pytest.mark.parametrize("mode", ["P", "L", "RGB", "1"])
@pytest.mark.parametrize("transparent", [0, (1, 2, 3), b"\x00\x80", "none"])
def test_a_transparent_colour_changes_no_pixel(mode: str, transparent: object) -> None:
    """`decode` drops alpha, so none is sent; a mark that makes no sense for the mode does no harm."""
    image = photo(mode=mode)
    image.info["transparency"] = transparent
    for declared in SPECS:
        assert_same_pixels(image, declared)


def test_no_metadata_leaves_the_machine() -> None:
    """Of EXIF only the orientation travels: no place, no comment, no colour profile, no serial number."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "line 7, secret"
    image = photo()
    image.info.update(exif=exif.tobytes(), icc_profile=b"secret", comment="secret", xmp=b"secret")
    data = encode(image)
    assert b"secret" not in data
    with Image.open(io.BytesIO(data)) as sent:
        assert dict(sent.getexif()) == {0x0112: 6}
        assert set(sent.info) <= {"exif"}


def test_the_image_of_the_caller_is_left_alone() -> None:
    """Neither its pixels nor what it knows of itself change."""
    image = photo(mode="P")
    image.info["transparency"] = 3
    before = image.tobytes()
    encode(image)
    assert (image.tobytes(), image.mode, image.info["transparency"]) == (before, "P", 3)


@settings(max_examples=60, deadline=None)
@given(
    st.tuples(st.integers(1, 9), st.integers(1, 9)),
    st.sampled_from(["(H, W)", "(H, W, 3)"]),
    st.sampled_from(["C", "BGR", "Fortran", "upside down", "every other"]),
    st.integers(0, 2**32 - 1),
)
def test_an_array_arrives_with_its_pixels(size: tuple[int, int], shape: str, order: str, seed: int) -> None:
    """Any size from one pixel on, grey or colour, in any order of memory."""
    height, width = (2 * size[0], 2 * size[1]) if order == "every other" else size
    whole = (height, width) if shape == "(H, W)" else (height, width, 3)
    array = np.random.default_rng(seed).integers(0, 256, whole, np.uint8)
    views = {
        "C": array,
        "BGR": array[..., ::-1],
        "Fortran": np.asfortranarray(array),
        "upside down": array[::-1],
        "every other": array[::2, ::2],
    }
    for declared in SPECS:
        assert_same_pixels(views[order], declared)


def test_files_and_bytes_go_as_they_are(tmp_path: Path) -> None:
    """Nothing is encoded twice, and what is no image is for the other side to say."""
    jpeg = encoded(photo(), "JPEG")
    (tmp_path / "part.jpg").write_bytes(jpeg)
    for source in (jpeg, bytearray(jpeg), memoryview(jpeg), tmp_path / "part.jpg", str(tmp_path / "part.jpg")):
        assert encode(source) == jpeg
    assert encode(b"no image") == b"no image"
    assert encode(b"") == b""


BAD_SOURCES: dict[str, Any] = {
    "absent": "/nowhere/part.png",
    "a folder": "/",
    "a null byte": "part\0.png",
    "float": np.zeros((4, 4, 3), np.float32),
    "batch": np.zeros((2, 4, 4, 3), np.uint8),
    "channels first": np.zeros((3, 4, 4), np.uint8),
    "no pixel": np.zeros((0, 4), np.uint8),
    "32 bits": Image.new("I", (4, 4)),
    "floating point": Image.new("F", (4, 4)),
    "no pixel, Pillow": Image.new("RGB", (0, 4)),
    "number": 42,
    "nothing": None,
}


@pytest.mark.parametrize("name", BAD_SOURCES)
def test_a_bad_source_is_refused_as_decode_does(name: str) -> None:
    """Code, message and hint are the same, so that a client need not ask for them."""
    source = BAD_SOURCES[name]
    with pytest.raises(ImageError) as there:
        encode(source)
    with pytest.raises(ImageError) as here:
        decode(source, SPECS[0])
    assert (there.value.code, there.value.message, there.value.hint) == (
        here.value.code,
        here.value.message,
        here.value.hint,
    )


def test_an_image_that_ends_early_is_refused_when_it_is_read(tmp_path: Path) -> None:
    """Pillow opens a file without reading its pixels; what it then lacks is an error of the image."""
    (tmp_path / "cut.png").write_bytes(encoded(photo(), "PNG")[:2000])
    with Image.open(tmp_path / "cut.png") as image, pytest.raises(ImageError) as caught:
        encode(image)
    assert caught.value.code == "image.truncated"


def test_the_limits_hold_for_what_is_sent(tmp_path: Path) -> None:
    """Bytes of files, of bytes and of the PNG of an array; pixels of arrays."""
    few_bytes = Limits(max_image_bytes=100)
    noise = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    (tmp_path / "part.png").write_bytes(bytes(101))
    for source in (bytes(101), tmp_path / "part.png", noise):
        with pytest.raises(ImageError) as caught:
            encode(source, few_bytes)
        assert caught.value.code == "image.bytes"
    assert encode(bytes(100), few_bytes) == bytes(100)
    with pytest.raises(ImageError) as caught:
        encode(noise, Limits(max_image_pixels=399))
    assert caught.value.code == "image.pixels"
    assert encode(noise, Limits(max_image_pixels=400))


def test_a_picture_is_compressed() -> None:
    """What repeats itself is sent as less than its pixels."""
    array = np.zeros((300, 400, 3), np.uint8)
    assert len(encode(array)) < array.nbytes / 100


@pytest.mark.parametrize(
    "source",
    [
        deep_photo(),
        deep_photo().astype(">u2"),
        np.asfortranarray(deep_photo())[::-1, ::2],
        deep_photo()[..., None],
        Image.fromarray(deep_photo()),
        Image.open(io.BytesIO(tiff_file({256: 2, 257: 1, 258: 16, 262: 1, 277: 1}, [b"\x12\x34\x56\x78"], order=">"))),
    ],
    ids=["array", "other order of bytes", "view", "one channel", "Pillow", "Pillow I;16B"],
)
def test_deep_grey_travels_with_all_its_bits(source: ImageSource) -> None:
    """As a PNG of 16 bits, from which the levels come back."""
    assert_same_pixels(source, InputSpec(color="L", depth=16))
    assert np.asarray(decode(encode(source), InputSpec(color="L", depth=16))).max() > 255
