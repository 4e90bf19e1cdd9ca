"""
An image source becomes encoded bytes, from which whoever decodes them gets the pixels that `decode` gives here.

It is the other side of `decode`, for images that travel. It knows nothing of how they travel.
"""

import struct
import zlib

import numpy as np
from PIL import Image

from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.tensors import UInt8Array, UInt16Array
from andon.vision.decode import ImageSource, converted, read_encoded, require_allowed_bytes
from andon.vision.depth import DEEP_MODES
from andon.vision.encoded import pillow_errors
from andon.vision.exif import read_orientation
from andon.vision.pixels import open_pixels
from andon.vision.png import PNG_SIGNATURE

_GREY_MODES = frozenset({"1", "L", "LA"})
_GREY, _RGB = 0, 2
"""Colour types of PNG."""
_SUB = 1
"""The filter that stores the difference to the pixel on the left; numpy makes it in one step."""


def encode(source: ImageSource, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """
    Encode one image without loss.

    Args:
        source: As `decode` takes it.
        limits: Bounds on encoded bytes and on pixels.

    Returns:
        Files and bytes as they are; whether they are an image is not looked at. Arrays and Pillow
        images as a PNG with the EXIF orientation and no other metadata: grey ones as grey, of 8
        or 16 bits as they are, all others as RGB. Alpha and palettes are gone, as `decode` would
        drop and resolve them. The one loss: a Pillow image of mode `YCbCr`, which is rare, becomes
        RGB, whose grey may be a level off for a model of grey.

    Raises:
        ImageError: What `decode` raises of a source without decoding bytes: `image.missing`,
            `image.bytes`, `image.pixels`, `image.depth` or `image.shape`. The bytes of an array
            are those of its PNG.
    """
    if isinstance(source, np.ndarray | Image.Image):
        image, exif = open_pixels(source, limits)
        with pillow_errors():
            pixels = _plain_pixels(image)
        data = _png(pixels, read_orientation(exif))
    else:
        data = read_encoded(source, limits)
    require_allowed_bytes(data, limits)
    return data


def _plain_pixels(image: Image.Image) -> UInt8Array | UInt16Array:
    """Give uint8 (H, W, 3) or (H, W), or uint16 (H, W)."""
    if image.mode in DEEP_MODES:
        return np.asarray(image)
    return np.asarray(converted(image, "L" if image.mode in _GREY_MODES else "RGB"))


def _png(pixels: UInt8Array | UInt16Array, orientation: int) -> bytes:
    """
    Write a PNG file.

    Args:
        pixels: uint8 (H, W, 3) or (H, W), or uint16 (H, W).
        orientation: 1-8 as in EXIF; 1 is not written down.

    Source:
        ISO/IEC 15948. Pillow writes the same pixels, and takes two to five times as long for
        files of about the same size: it tries each filter on each row.
    """
    height, width = pixels.shape[:2]
    bits = 8 * pixels.itemsize
    header = struct.pack(">IIBBBBB", width, height, bits, _GREY if pixels.ndim == 2 else _RGB, 0, 0, 0)
    exif = _chunk(b"eXIf", _exif(orientation)) if orientation != 1 else b""
    data = zlib.compress(_filtered(pixels).data, level=1)
    return b"".join((PNG_SIGNATURE, _chunk(b"IHDR", header), exif, _chunk(b"IDAT", data), _chunk(b"IEND", b"")))


def _filtered(pixels: UInt8Array | UInt16Array) -> UInt8Array:
    """Give uint8 (H, 1 + bytes of a row): a row begins with the number of its filter, a level with its high byte."""
    height, pixel_bytes = pixels.shape[0], pixels[0, 0].nbytes
    rows = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder(">")).reshape(height, -1).view(np.uint8)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _SUB
    filtered[:, 1 : 1 + pixel_bytes] = rows[:, :pixel_bytes]
    np.subtract(rows[:, pixel_bytes:], rows[:, :-pixel_bytes], out=filtered[:, 1 + pixel_bytes :])
    return filtered


def _chunk(name: bytes, content: bytes) -> bytes:
    return b"".join((struct.pack(">I", len(content)), name, content, struct.pack(">I", zlib.crc32(name + content))))


def _exif(orientation: int) -> bytes:
    """Make a TIFF structure of one directory with one entry, of type SHORT."""
    return struct.pack("<4sIHHHIHHI", b"II*\x00", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
