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
