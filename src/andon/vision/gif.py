"""
GIF files: looked over block by block to their end, then the first picture is decoded.

Blocks as in GIF89a. It knows nothing of limits, nor of what the pixels are for.
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image
from PIL.GifImagePlugin import GifImageFile

from andon.vision.encoded import MAX_PARTS, EncodedImage, damaged, pillow_errors, require_within_pillow

_SCREEN_BYTES, _PICTURE_BYTES, _CONTROL_BYTES = 13, 10, 8
_PICTURE, _EXTENSION, _END = 0x2C, 0x21, 0x3B
_CONTROL = 0xF9
"""The extension that says which colour is transparent."""
_MAX_PIECES = 500_000
"""Pieces of data in one file; each may have 255 bytes, so a file of 64 MB needs half of that."""


def read_gif(data: bytes) -> EncodedImage:
    """
    Read the size of a GIF file, find its first picture, and see that the file has an end.

    Args:
        data: Begins with `GIF87a` or `GIF89a`.

    Raises:
        ImageError: `image.truncated`.
    """
    try:
        (width, height, flags) = struct.unpack_from("<HHB", data, 6)
        start = _SCREEN_BYTES + _colours_bytes(flags)
        kept, picture = [data[:start]], b""
        for kind, begin, end in _blocks(data, start):
            if kind == _PICTURE and not picture:
                picture = data[begin:end]
            elif kind == _EXTENSION and data[begin + 1] == _CONTROL and not picture:
                kept.append(data[begin : begin + _CONTROL_BYTES])
        left, top, across, down = struct.unpack_from("<HHHH", picture, 1)
    except (struct.error, IndexError):
        raise damaged("it ends within a block, or holds no picture") from None
    if not across or not down:
        raise damaged(f"its first picture has {across} x {down} pixels")
    # A picture that reaches beyond the screen makes it larger, as in Pillow.
    size = {"width": max(width, left + across), "height": max(height, top + down)}
    return EncodedImage(**size, bits=8, pixel_data=b"".join((*kept, picture, bytes([_END]))))


def _colours_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _blocks(data: bytes, position: int) -> Iterator[tuple[int, int, int]]:
    """Yield kind, begin and end of each block up to the end of the file; IndexError where there is none."""
    pieces_left = _MAX_PIECES
    for _ in range(MAX_PARTS):
        begin, kind = position, data[position]
        if kind == _END:
            return
        if kind == _PICTURE:
            position += _PICTURE_BYTES + _colours_bytes(data[position + _PICTURE_BYTES - 1]) + 1
        elif kind == _EXTENSION:
            position += 2
        else:
            raise damaged(f"it has a block of the unknown kind {kind:#04x}")
        while length := data[position]:
            position += 1 + length
            pieces_left -= 1
            if not pieces_left:
                raise damaged(f"its data are in more than {_MAX_PIECES} pieces")
        position += 1
        yield kind, begin, position
    raise damaged(f"it has more than {MAX_PARTS} blocks")


def decode_gif(encoded: EncodedImage) -> Image.Image:
    """
    Decode the first picture of what `read_gif` returned.

    Returns:
        A loaded image of mode `L` or `P`, pixel for pixel as `PIL.Image.open` gives it.

    Raises:
        ImageError: `image.truncated`, or `image.pixels`: Pillow takes no GIF of this size.
    """
    require_within_pillow(encoded)
    with pillow_errors():
        image = GifImageFile(io.BytesIO(encoded.pixel_data))
        image.load()
    return image
