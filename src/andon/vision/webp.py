"""
WebP files: looked over chunk by chunk, then decoded; of an animation the first picture.

Chunks as in RFC 9649. It knows nothing of limits, nor of what the pixels are for.
"""

import io
import struct
from collections.abc import Iterator

from PIL import Image
from PIL.WebPImagePlugin import WebPImageFile

from andon.vision.encoded import MAX_PARTS, EncodedImage, damaged, pillow_errors

_RIFF_BYTES, _CHUNK_BYTES = 12, 8
_PICTURES = (b"VP8 ", b"VP8L", b"VP8X")
"""What the first chunk may be: a lossy or a lossless picture, or the header of a file that has more than one chunk."""


def read_webp(data: bytes) -> EncodedImage:
    """
    Read the size of a WebP file, and see that all of its chunks are there.

    Args:
        data: Begins with `RIFF`, four bytes of length, and `WEBP`.

    Raises:
        ImageError: `image.truncated`.
    """
    (riff_bytes,) = struct.unpack_from("<I", data, 4)
    if not _RIFF_BYTES <= 8 + riff_bytes <= len(data):
        raise damaged(f"it has {len(data)} bytes, its header says {8 + riff_bytes}")
    whole = data[: 8 + riff_bytes]
    size, exif = None, b""
    for name, begin, end in _chunks(whole):
        if size is None:
            size = _read_size(name, whole[begin : begin + 10])
        elif name == b"EXIF" and not exif:
            exif = whole[begin:end]
    if size is None:
        raise damaged("it has no chunk")
    width, height = size
    return EncodedImage(width=width, height=height, bits=8, pixel_data=whole, exif=exif)


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, begin and end of the content of each chunk; each begins at an even place."""
    position = _RIFF_BYTES
    for _ in range(MAX_PARTS):
        if position >= len(data):
            return
        begin = position + _CHUNK_BYTES
        end = begin + int.from_bytes(data[position + 4 : begin], "little")
        if end > len(data):
            raise damaged(f"it ends within its chunk {data[position : position + 4]!r}")
        yield data[position : position + 4], begin, end
        position = end + end % 2
    raise damaged(f"it has more than {MAX_PARTS} chunks")


def _read_size(name: bytes, head: bytes) -> tuple[int, int]:
    """Give width and height in pixels as the first chunk says; that it does not lie is seen by the decoder."""
    if name not in _PICTURES or len(head) < 10:
        raise damaged(f"its first chunk is {name!r} of {len(head)} bytes")
    if name == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", head, 6)
        return width & 0x3FFF, height & 0x3FFF
    (packed,) = struct.unpack_from("<I", head, 1)
    return 1 + (packed & 0x3FFF), 1 + (packed >> 14 & 0x3FFF)


def decode_webp(encoded: EncodedImage) -> Image.Image:
    """
    Decode what `read_webp` returned.

    Returns:
        A loaded image of mode `RGB` or `RGBA`, pixel for pixel as `PIL.Image.open` gives it.

    Raises:
        ImageError: `image.truncated`.
    """
    with pillow_errors():
        image = WebPImageFile(io.BytesIO(encoded.pixel_data))
        if image.size != (encoded.width, encoded.height):
            raise damaged(f"its picture has another size than its header says: {image.width} x {image.height}")
        image.load()
    return image
