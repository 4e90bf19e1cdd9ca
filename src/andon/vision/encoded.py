"""
What the formats of encoded images have in common.

A file is looked over before any decoder sees it, and Pillow is handed only what makes pixels. So
nothing that Pillow would inflate, keep or warn about for the sake of metadata gets as far.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from msgspec import Struct
from PIL import Image

from andon.errors import ImageError

MAX_PARTS = 100_000
"""Segments or chunks of one file; a file of 64 MB may be in parts of 640 bytes."""


class EncodedImage(Struct, frozen=True, kw_only=True):
    """What a file says of its image before it is decoded."""

    width: int
    """Pixels; 0 is possible and refused later."""
    height: int
    """As `width`."""
    bits: int
    """Bits of one channel of one pixel."""
    is_grey: bool = False
    """Whether a pixel is one unsigned level of grey and nothing else, so that it may have more than 8 bits."""
    pixel_data: bytes
    """A file of the same format that holds nothing but what makes pixels."""
    exif: bytes = b""
    """The EXIF block, which is a TIFF structure; empty where there is none, or where Pillow has applied it."""


def without_gaps(parts: Sequence[bytes | memoryview], whole: bytes) -> bytes:
    """Join the parts of a file that are kept; where they are all of it, give the file itself, for a copy costs time."""
    return whole if sum(map(len, parts)) == len(whole) else b"".join(parts)


def damaged(reason: str) -> ImageError:
    """Make the error for bytes that begin as an image and do not go on as one."""
    return ImageError(
        f"the image is cut off or damaged: {reason}", code="image.truncated", hint="send the whole file again"
    )


def not_taken(reason: str, hint: str = "save it as PNG") -> ImageError:
    """Make the error for an image of a known format, in a form of it that is not taken."""
    return ImageError(f"the image is of a kind that is not taken: {reason}", code="image.format", hint=hint)


def require_within_pillow(encoded: EncodedImage) -> None:
    """
    Refuse what some of Pillow's decoders would warn of or refuse by its size, whatever the limits of the service are.

    Raises:
        ImageError: `image.pixels`.
    """
    if encoded.width * encoded.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise beyond_memory()


def beyond_memory() -> ImageError:
    """Make the error for an image within the limits that this machine or Pillow cannot hold."""
    return ImageError("the image has more pixels than there is memory for", code="image.pixels")


@contextmanager
def pillow_errors() -> Iterator[None]:
    """Turn whatever Pillow raises on the image in hand into `ImageError`; its plug-ins document nothing."""
    try:
        yield
    except ImageError:
        raise
    except (MemoryError, Image.DecompressionBombError):
        raise beyond_memory() from None
    except Exception as error:
        raise damaged(f"{type(error).__name__}: {error}"[:300]) from error
