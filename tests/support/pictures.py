"""Pictures for the tests of vision: like photos, in every mode, whole or taken apart."""

import io
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image


def photo(width: int = 61, height: int = 43, mode: str = "RGB", seed: int = 0) -> Image.Image:
    """Make a picture with slopes, edges and noise."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    slopes = np.stack([columns * 255 / width, rows * 255 / height, (columns // 8 + rows // 8) % 2 * 200], axis=2)
    pixels = np.clip(slopes + rng.integers(-20, 21, slopes.shape), 0, 255).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    """Encode a picture."""
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Take a PNG file apart: yield name and content of each chunk."""
    position = 8
    while position < len(data):
        size = int.from_bytes(data[position : position + 4])
        yield data[position + 4 : position + 8], data[position + 8 : position + 8 + size]
        position += 12 + size


def png_file(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Put a PNG file together, with right checksums."""
    parts = [b"\x89PNG\r\n\x1a\n"]
    for name, content in chunks:
        parts += [struct.pack(">I", len(content)), name, content, struct.pack(">I", zlib.crc32(name + content))]
    return b"".join(parts)


def png_header(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    """Make the content of the chunk IHDR."""
    return struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)


def jpeg_segment(marker: int, content: bytes) -> bytes:
    """Make a JPEG segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def tiff_file(tags: dict[int, Any], parts: Iterable[bytes], *, order: str = "<", big: bool = False) -> bytes:
    """
    Put a TIFF file together.

    Args:
        tags: By number: a number, a tuple of them, or bytes. The places of the parts are written as
            strips (273), or as tiles (324) where the tags have the width of a tile (322), unless
            the tags say them; so are their sizes.
        parts: What the strips or tiles hold.
        order: `<` or `>`.
        big: Write the form of 64 bits.
    """
    parts = list(parts)
    start, places_tag, sizes_tag = 16 if big else 8, *((324, 325) if 322 in tags else (273, 279))
    places = [start + sum(map(len, parts[:number])) for number in range(len(parts))]
    tags = {places_tag: tuple(places), sizes_tag: tuple(map(len, parts)), **tags}
    word, letter, kind = (8, "Q", 16) if big else (4, "I", 4)
    data = b"".join(parts)
    end, entries = start + len(data), b""
    for tag, value in sorted(tags.items()):
        values = value if isinstance(value, tuple | bytes) else (value,)
        is_bytes = isinstance(values, bytes)
        content = bytes(values) if is_bytes else struct.pack(f"{order}{len(values)}{letter}", *values)
        place = content.ljust(word, b"\0")
        if len(content) > word:
            place = struct.pack(order + letter, end)
            data += content
            end += len(content)
        entries += struct.pack(f"{order}HH{letter}", tag, 7 if is_bytes else kind, len(values)) + place
    mark = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}H", 43 if big else 42)
    mark += struct.pack(f"{order}HHQ", 8, 0, end) if big else struct.pack(f"{order}I", end)
    return mark + data + struct.pack(f"{order}{'Q' if big else 'H'}", len(tags)) + entries + bytes(word)


def deep_photo(width: int = 61, height: int = 43, depth: int = 16) -> np.ndarray:
    """Make a picture of more than 8 bits, with slopes and noise: uint16 (H, W), up to the highest level."""
    rng = np.random.default_rng(1)
    rows, columns = np.mgrid[0:height, 0:width]
    slope = (rows / height + columns / width) / 2 * (2**depth - 1)
    pixels = np.clip(slope + rng.integers(-(2**depth // 20), 2**depth // 20, slope.shape), 0, 2**depth - 1)
    pixels[0, 0], pixels[-1, -1] = 0, 2**depth - 1
    return pixels.astype(np.uint16)
