"""
The orientation in an EXIF block, read without raising and without a warning.

TIFF 6.0, section 2: a header, and a directory of entries of 12 bytes. The orientation is tag 274.
"""

import struct

from PIL import Image

_ORIENTATION = 274
_KINDS = {3: "H", 4: "I"}
"""How a value of type SHORT or LONG is unpacked."""
_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image, exif: bytes) -> Image.Image:
    """
    Turn or mirror an image as its EXIF block says.

    Args:
        image: As it was stored.
        exif: The block, with or without its prefix `Exif`; anything unreadable changes nothing.

    Returns:
        What `PIL.ImageOps.exif_transpose` gives; it also heeds XMP, which is not looked at here.
    """
    method = _TRANSPOSES.get(read_orientation(exif))
    return image if method is None else image.transpose(method)


def read_orientation(exif: bytes) -> int:
    """Return the orientation 1-8; 1, which is upright, where there is none or it cannot be read."""
    tiff = exif.removeprefix(b"Exif\x00\x00")
    order = {b"II*\x00": "<", b"MM\x00*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        return _find_orientation(tiff, order)
    except struct.error:
        return 1


def _find_orientation(tiff: bytes, order: str) -> int:
    (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
    (entries,) = struct.unpack_from(f"{order}H", tiff, offset)
    for entry in range(entries):
        position = offset + 2 + 12 * entry
        tag, kind, count = struct.unpack_from(f"{order}HHI", tiff, position)
        if tag == _ORIENTATION and count == 1 and kind in _KINDS:
            (value,) = struct.unpack_from(order + _KINDS[kind], tiff, position + 8)
            return int(value) if 1 <= value <= 8 else 1
    return 1
