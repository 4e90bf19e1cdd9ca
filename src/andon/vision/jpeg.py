"""
JPEG files: looked over without decoding, then decoded whole or not at all.

Segments as in ITU-T T.81, Annex B. It knows nothing of limits, nor of what the pixels are for.
"""

import io
import re
import struct
from collections.abc import Iterator

from PIL import Image, ImageChops
from PIL.JpegImagePlugin import JpegImageFile

from andon.vision.encoded import MAX_PARTS, EncodedImage, damaged, pillow_errors, without_gaps

JPEG_SIGNATURE = b"\xff\xd8\xff"
MAX_SCANS = 50
"""Scans of one image. Encoders write about ten, and a scan of a few bytes costs a pass over all pixels."""

_START, _END, _SCAN = b"\xff\xd8", b"\xff\xd9", b"\xff\xda"
_MARKER = re.compile(rb"\xff[^\x00\xff]")
_AFTER_DATA = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that ends the data of a scan: none that stands for a byte of them, and none of a restart."""
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_TABLES = frozenset({0xC4, 0xCC, 0xDB, 0xDD})
_COLOURS = frozenset({0xE0, 0xEE})
"""The segments of JFIF and Adobe, which say what colours the channels are."""
_EXIF, _EXIF_PREFIX = 0xE1, b"Exif\x00\x00"
_FILLER = b"".join(bytes((*range(0xFF), 0xFF, restart)) for restart in range(0xD0, 0xD8))
"""Data of a scan that do not decode to even grey, and a restart marker of each number."""


def read_jpeg(data: bytes) -> EncodedImage:
    """
    Read the header of a JPEG file, and see that the file has an end.

    Args:
        data: Begins with `JPEG_SIGNATURE`.

    Raises:
        ImageError: `image.truncated`.
    """
    frames: list[bytes] = []
    kept: list[bytes | memoryview] = [_START]
    exif, first_scan = [], 0
    for marker, begin, end in _segments(data):
        first_scan = begin
        segment = data[begin:end]
        if marker in _FRAMES:
            frames.append(segment)
        elif marker == _EXIF and segment.startswith(_EXIF_PREFIX, 4):
            exif.append(segment[4 + len(_EXIF_PREFIX) :])
        if marker in _FRAMES | _TABLES | _COLOURS:
            kept.append(segment)
    if len(frames) != 1 or len(frames[0]) < 10:
        raise damaged(f"it has {len(frames)} frames before its first scan")
    kept.append(_scans(data, first_scan))
    bits, height, width = struct.unpack_from(">BHH", frames[0], 4)
    pixel_data = without_gaps(kept, data)
    return EncodedImage(width=width, height=height, bits=bits, pixel_data=pixel_data, exif=b"".join(exif))


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, begin and end of each segment up to the header of the first scan, passing over stray bytes."""
    position = len(_START)
    for _ in range(MAX_PARTS):
        found = _MARKER.search(data, position)
        if found is None:
            break
        begin, position = found.span()
        marker = data[begin + 1]
        if marker in _WITHOUT_LENGTH:
            continue
        position = begin + 2 + int.from_bytes(data[begin + 2 : begin + 4])
        if not begin + 4 <= position <= len(data):
            break
        yield marker, begin, position
        if marker == _SCAN[1]:
            return
    raise damaged("it has no scan")


def _scans(data: bytes, begin: int) -> memoryview:
    """
    Give the bytes from the first scan to the end marker of the picture.

    What follows is no part of it: phones put more pictures there.
    """
    first_scan, scans = begin, 0
    for _ in range(MAX_PARTS):
        scans += data[begin + 1] == _SCAN[1]
        if scans > MAX_SCANS:
            raise damaged(f"it has more than {MAX_SCANS} scans")
        found = _AFTER_DATA.search(data, begin + 2 + int.from_bytes(data[begin + 2 : begin + 4]))
        if found is None or found[0] == _START:
            break
        begin = found.start()
        if found[0] == _END:
            return memoryview(data)[first_scan : begin + len(_END)]
    raise damaged("it has no end marker")


def decode_jpeg(encoded: EncodedImage) -> Image.Image:
    """
    Decode what `read_jpeg` returned.

    Returns:
        A loaded image of mode `L`, `RGB` or `CMYK`, pixel for pixel as `PIL.Image.open` gives it.

    Raises:
        ImageError: `image.truncated`: it is damaged, or its data end before its last pixel.
    """
    image = _decode(encoded.pixel_data)
    if _ends_in_grey(image) and _ends_early(image, encoded.pixel_data):
        raise damaged("its data end before its last pixel")
    return image


def _decode(pixel_data: bytes) -> Image.Image:
    with pillow_errors():
        image = JpegImageFile(io.BytesIO(pixel_data))
        image.load()
    return image


def _ends_in_grey(image: Image.Image) -> bool:
    """Ask whether the last pixel is what libjpeg makes of data that are not there: coefficients of zero."""
    last = image.getpixel((image.width - 1, image.height - 1))
    return all(level in (127, 128) for level in (last if isinstance(last, tuple) else (last,)))


def _ends_early(image: Image.Image, pixel_data: bytes) -> bool:
    """
    Ask whether data put before the end marker change the image.

    Neither libjpeg nor Pillow report data that end early. Blocks that lack data take what is put
    there, while behind the last block it is passed over.
    """
    filled = _decode(pixel_data[: -len(_END)] + _FILLER + _END)
    return ImageChops.difference(image, filled).getbbox() is not None
