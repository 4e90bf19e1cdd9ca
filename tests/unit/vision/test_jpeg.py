"""JPEG files are taken whole or not at all, and only what makes pixels reaches the decoder."""

import io
import re
import time

import numpy as np
import pytest
from PIL import Image

from andon.errors import ImageError
from andon.vision.encoded import MAX_PARTS
from andon.vision.jpeg import MAX_SCANS, decode_jpeg, read_jpeg
from tests.support.odd_images import mpo
from tests.support.pictures import encoded, jpeg_segment, photo

PLAIN = encoded(photo(), "JPEG")
PROGRESSIVE = encoded(photo(), "JPEG", progressive=True)
END = b"\xff\xd9"


def pixels(data: bytes) -> np.ndarray:
    """Read and decode."""
    return np.asarray(decode_jpeg(read_jpeg(data)))


def reason(data: bytes) -> str:
    """Give the message with which bytes are refused as damaged."""
    with pytest.raises(ImageError) as caught:
        pixels(data)
    assert caught.value.code == "image.truncated"
    return caught.value.message


def test_the_header_is_read_without_decoding() -> None:
    """Size and bits come from the frame."""
    image = read_jpeg(PLAIN)
    assert (image.width, image.height, image.bits, image.exif) == (61, 43, 8, b"")


def test_metadata_are_left_out_and_colours_are_not() -> None:
    """Comments, profiles and previews go; JFIF and Adobe stay, for they say what colours there are."""
    extras = b"".join(jpeg_segment(marker, b"x" * 500) for marker in (0xE1, 0xE2, 0xE3, 0xED, 0xEF, 0xFE))
    image = read_jpeg(PLAIN[:2] + extras + PLAIN[2:] + b"preview" + END)
    assert image.pixel_data.startswith(b"\xff\xd8\xff\xe0")
    assert len(PLAIN) <= len(image.pixel_data) < len(PLAIN) + 20
    cmyk = encoded(photo(mode="CMYK"), "JPEG")
    assert b"Adobe" in read_jpeg(cmyk).pixel_data


def test_exif_is_collected() -> None:
    """The block comes without its prefix, from all the segments that it was cut into."""
    segments = jpeg_segment(0xE1, b"Exif\0\0first ") + jpeg_segment(0xE1, b"Exif\0\0second")
    assert read_jpeg(PLAIN[:2] + segments + PLAIN[2:]).exif == b"first second"


def test_stray_bytes_between_segments_are_passed_over() -> None:
    """As libjpeg and Pillow do: junk, fill bytes and escaped ones."""
    for junk in (b"junk", b"\xff\xff\xff", b"\xff\x00", b"\xff\x01", b"\xff\xd0"):
        np.testing.assert_array_equal(pixels(PLAIN[:2] + junk + PLAIN[2:]), pixels(PLAIN))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (PLAIN[:2] + b"\xff" + END, "no scan"),
        (PLAIN[:2] + b"\xff\xe0\x00\x01" + PLAIN[2:], "no scan"),
        (PLAIN[:2] + b"\xff\xfe\xff\xff", "no scan"),
        (PLAIN[: PLAIN.index(b"\xff\xc0")] + PLAIN[PLAIN.index(b"\xff\xc4") :], "0 frames"),
        (PLAIN[:2] + jpeg_segment(0xC0, b"\x08\0\x01\0\x01\x01\x01\x11\0") + PLAIN[2:], "2 frames"),
        (PLAIN[:2] + jpeg_segment(0xC0, b"\x08") + PLAIN[PLAIN.index(b"\xff\xda") :], "1 frames"),
        (PLAIN[:-2], "no end marker"),
        (PLAIN[:2] + b"\xff\xfe\0\x02" * (MAX_PARTS + 1) + PLAIN[2:], "no scan"),
    ],
    ids=["empty", "short segment", "long segment", "no frame", "two frames", "short frame", "no end", "many segments"],
)
def test_a_header_that_is_none_is_refused(data: bytes, message: str) -> None:
    """Each with its reason."""
    assert message in reason(data)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", [{}, {"restart_marker_blocks": 2}, {"subsampling": 0}], ids=str)
def test_data_that_end_early_are_refused(mode: str, options: dict[str, int]) -> None:
    """An end marker before its time makes an image half of grey, of which neither libjpeg nor Pillow say anything."""
    data = encoded(photo(mode=mode), "JPEG", **options)
    whole, first = pixels(data).astype(int), data.index(b"\xff\xda") + 14
    refused = 0
    for length in range(first, len(data), 3):
        try:
            found = pixels(data[:length] + END)
        except ImageError:
            refused += 1
        else:
            # Within the last block of 16 x 16 pixels, and the colours beside it, an end cannot be told.
            differs = np.argwhere(found != whole)
            assert differs.size == 0 or differs.min(axis=0)[0] >= 43 - 28, length
            assert differs.size == 0 or differs.min(axis=0)[1] >= 61 - 30, length
    assert refused > 0.8 * (len(data) - first) / 3


def test_a_progressive_first_scan_that_ends_early_is_refused() -> None:
    """Without the rest of its first scan the image is grey; without later ones it is only coarse."""
    data = encoded(photo(200, 150), "JPEG", progressive=True)
    first, second = [found.start() for found in re.finditer(b"\xff\xda", data)][:2]
    Image.open(io.BytesIO(data[: (first + second) // 2] + END)).load()
    assert "before its last pixel" in reason(data[: (first + second) // 2] + END)
    pixels(data[:second] + END)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    "options", [{}, {"restart_marker_rows": 1}, {"optimize": True}, {"progressive": True}], ids=str
)
@pytest.mark.parametrize("level", [126, 127, 128, 129])
def test_an_image_that_is_grey_is_taken(mode: str, options: dict[str, int], level: int) -> None:
    """Even grey is what missing data look like, yet a whole grey image, or one with a grey end, is whole."""
    even = Image.new(mode, (50, 40), (level,) * len(Image.new(mode, (1, 1)).getbands()))
    half = photo(50, 40, mode)
    half.paste(even.crop((0, 0, 50, 16)), (0, 24))
    for image in (even, half):
        data = encoded(image, "JPEG", **options)
        np.testing.assert_array_equal(pixels(data), np.asarray(Image.open(io.BytesIO(data))))


def test_more_scans_than_encoders_write_are_refused_at_once() -> None:
    """A scan of 14 bytes costs a pass over all pixels, so that a small file could hold a processor for hours."""
    last = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    scans = PROGRESSIVE.count(b"\xff\xda")
    pixels(PROGRESSIVE[:-2] + last * (MAX_SCANS - scans) + END)
    assert f"more than {MAX_SCANS} scans" in reason(PROGRESSIVE[:-2] + last * (MAX_SCANS - scans + 1) + END)


@pytest.mark.slow
def test_reading_takes_time_in_proportion_to_the_bytes() -> None:
    """8 MB of what is worst to search through are read within a second."""
    for filling in (
        b"\xff",
        b"\xff\x00",
        b"\xff\xe1\x00\x02",
        b"\xff\xe1\x00\x08Exif\0\0",
        b"\xff\xda\x00\x02",
        b"\xff\xd0",
    ):
        started = time.process_time()
        assert reason(PLAIN[:2] + filling * (8_000_000 // len(filling)))
        assert time.process_time() - started < 1


def test_of_two_pictures_in_one_file_the_first_is_read() -> None:
    """Phones put a second picture behind the first; its bytes reach no decoder."""
    data = mpo()
    assert data.count(END) >= 2
    assert read_jpeg(data).pixel_data.count(END) == 1
    np.testing.assert_array_equal(pixels(data), np.asarray(Image.open(io.BytesIO(data))))


def test_a_first_picture_that_ends_early_is_refused_whatever_follows() -> None:
    """The whole second picture, with an end marker of its own, makes up for nothing."""
    data = mpo()
    first, second = data.index(b"\xff\xda"), data.index(END) + len(END)
    middle = (first + second) // 2
    assert "before its last pixel" in reason(data[:middle] + END + data[second:])
    assert "no end marker" in reason(data[:middle] + data[second:])
