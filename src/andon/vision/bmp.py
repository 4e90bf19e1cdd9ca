"""
BMP files: the size is read and held against the length of the file, then Pillow decodes.

Headers as in Microsoft's BITMAPCOREHEADER to BITMAPV5HEADER. It knows nothing of limits, nor of
what the pixels are for.
"""

import io
import struct

from PIL import Image
from PIL.BmpImagePlugin import BmpImageFile

from andon.vision.encoded import EncodedImage, damaged, not_taken, pillow_errors

_FILE_HEADER_BYTES = 14
_CORE_BYTES = 12
_HEADER_BYTES = frozenset({40, 52, 56, 64, 108, 124})
_BITS = frozenset({1, 4, 8, 16, 24, 32})
_STORED = frozenset({0, 3})
"""BI_RGB and BI_BITFIELDS: pixels that are not compressed."""


def read_bmp(data: bytes) -> EncodedImage:
    """
    Read the header of a BMP file, and see that the file is long enough for its pixels.

    Args:
        data: Begins with `BM`.

    Raises:
        ImageError: `image.truncated`; `image.format`: it is compressed, which nearly no BMP is.
    """
    try:
        (header_bytes,) = struct.unpack_from("<I", data, _FILE_HEADER_BYTES)
        width, height, bits, compression = _read_header(data, header_bytes)
    except struct.error:
        raise damaged("it ends within its header") from None
    if bits not in _BITS:
        raise damaged(f"it has {bits} bits a pixel")
    if compression not in _STORED:
        raise not_taken(f"its BMP compression is number {compression}", "save it without compression, or as PNG")
    row_bytes = (width * bits + 31) // 32 * 4
    if len(data) < _FILE_HEADER_BYTES + header_bytes + row_bytes * height:
        raise damaged(f"it has {len(data)} bytes, too few for {width} x {height} pixels")
    return EncodedImage(width=width, height=height, bits=8, pixel_data=data)


def _read_header(data: bytes, header_bytes: int) -> tuple[int, int, int, int]:
    """Give width, height, bits a pixel and compression; a negative height means that the top row comes first."""
    if header_bytes == _CORE_BYTES:
        width, height, _, bits = struct.unpack_from("<HHHH", data, _FILE_HEADER_BYTES + 4)
        return width, height, bits, 0
    if header_bytes not in _HEADER_BYTES:
        raise damaged(f"its header has {header_bytes} bytes")
    width, height, _, bits, compression = struct.unpack_from("<iiHHI", data, _FILE_HEADER_BYTES + 4)
    if width < 0:
        raise damaged(f"its width is {width}")
    return width, abs(height), bits, compression


def decode_bmp(encoded: EncodedImage) -> Image.Image:
    """
    Decode what `read_bmp` returned.

    Returns:
        A loaded image of mode `1`, `L`, `P`, `RGB` or `RGBA`, pixel for pixel as `PIL.Image.open` gives it.

    Raises:
        ImageError: `image.truncated`.
    """
    with pillow_errors():
        image = BmpImageFile(io.BytesIO(encoded.pixel_data))
        image.load()
    return image
