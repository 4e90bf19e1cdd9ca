"""Bounds on what comes in from outside, each with its unit, default and refusal."""

from typing import Annotated

import msgspec
from msgspec import Meta

Count = Annotated[int, Meta(ge=1, le=2**40)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds on what comes in from outside; each has an error code of its own."""

    max_image_bytes: Count = 64 * 1024 * 1024
    """Bytes of one encoded image, 1 or more. Over it: `image.bytes`."""
    max_image_pixels: Count = 64_000_000
    """Width times height of one image, 1 or more, read from its header before decoding. Over it: `image.pixels`."""
    max_tiles: Count = 4_096
    """Tiles that one image is cut into, 1 or more. Over it: `image.tiles`."""
    max_body_bytes: Count = 64 * 1024 * 1024
    """Bytes of one request body, 1 or more. Over it: `request.bytes`."""
    max_json_bytes: Count = 16 * 1024 * 1024
    """Bytes of numbers in JSON, 1 or more; in memory they take eight times as much. Over it: `request.bytes`."""
    max_images: Count = 32
    """Images in one request, 1 or more. Over it: `request.images`."""


DEFAULT_LIMITS = Limits()
MAX_DRAINED_BYTES = 256 * 1024 * 1024
"""How much of a body that was refused is read and thrown away, so that its client hears the answer."""
