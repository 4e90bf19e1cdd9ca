"""
PNG files: looked over chunk by chunk without decoding, then decoded.

Chunks as in ISO/IEC 15948. It knows nothing of limits, nor of what the pixels are for.
"""

import io
import struct
import zlib
from collections.abc import Iterator

from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from andon.vision.encoded import MAX_PARTS, EncodedImage, damaged, pillow_errors, without_gaps

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_GREY = 0
"""The colour type of grey without alpha."""
_FRAMING_BYTES = 12
"""Of a chunk: four each for length, name and checksum."""
_PIXEL_CHUNKS = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
"""Not `tRNS`: alpha is dropped. Not `acTL`: of an animation only the still image is taken."""


def read_png(data: bytes) -> EncodedImage:
    """
    Read the header of a PNG file, and see by its checksums that the file is whole.

    Args:
        data: Begins with `PNG_SIGNATURE`.

    Raises:
        ImageError: `image.truncated`.
    """
    view = memoryview(data)
    header, exif, kept = b"", b"", [view[: len(PNG_SIGNATURE)]]
    for name, begin, end in _chunks(view):
        if (name == b"IHDR") == bool(header):
            raise damaged("its header is not its first chunk")
        if name == b"IHDR":
            header = data[begin + 8 : end - 4]
        elif name == b"eXIf":
            exif = data[begin + 8 : end - 4]
        if name in _PIXEL_CHUNKS:
            kept.append(view[begin:end])
    if len(header) != 13:
        raise damaged(f"its header has {len(header)} bytes, expected 13")
    width, height, bits, colour = struct.unpack_from(">IIBB", header)
    return EncodedImage(
        width=width,
        height=height,
        bits=bits,
        is_grey=colour == _GREY,
        pixel_data=without_gaps(kept, data),
        exif=exif,
    )


def _chunks(view: memoryview) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, begin and end of each chunk up to `IEND`; what follows that is no part of the image."""
    begin = len(PNG_SIGNATURE)
    for _ in range(MAX_PARTS):
        end = begin + _FRAMING_BYTES + int.from_bytes(view[begin : begin + 4])
        if end > len(view):
            break
        name, checksum = bytes(view[begin + 4 : begin + 8]), int.from_bytes(view[end - 4 : end])
        if zlib.crc32(view[begin + 4 : end - 4]) != checksum:
            raise damaged(f"the checksum of its chunk {name!r} is wrong")
        yield name, begin, end
        if name == b"IEND":
            return
        begin = end
    raise damaged("it has no end chunk")


def decode_png(encoded: EncodedImage) -> Image.Image:
    """
    Decode what `read_png` returned.

    Returns:
        A loaded image of mode `1`, `L`, `LA`, `P`, `RGB`, `RGBA` or `I;16`, pixel for pixel as
        `PIL.Image.open` gives it, but for transparent colours: they are not marked.

    Raises:
        ImageError: `image.truncated`.
    """
    with pillow_errors():
        image = PngImageFile(io.BytesIO(encoded.pixel_data))
        image.load()
    return image
