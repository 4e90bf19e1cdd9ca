"""The formats of encoded images that are taken: their names, suffixes, media types and first bytes; nothing else."""

import re

from msgspec import Struct


class ImageFormat(Struct, frozen=True, kw_only=True):
    """One format, as files, forms and headers name it."""

    name: str
    """As people and Pillow call it, but for capitals."""
    suffixes: tuple[str, ...]
    """Of its files, in small letters, the usual one first."""
    media_type: str
    beginnings: tuple[str, ...]
    """What the first bytes may be, in hexadecimal: regular expressions of two characters a byte."""


FORMATS = (
    ImageFormat(name="JPEG", suffixes=(".jpg", ".jpeg"), media_type="image/jpeg", beginnings=("ffd8ff",)),
    ImageFormat(name="PNG", suffixes=(".png",), media_type="image/png", beginnings=("89504e470d0a1a0a",)),
    ImageFormat(
        name="TIFF",
        suffixes=(".tif", ".tiff"),
        media_type="image/tiff",
        beginnings=("49492a00", "4d4d002a", "49492b00"),
    ),
    ImageFormat(name="BMP", suffixes=(".bmp",), media_type="image/bmp", beginnings=("424d",)),
    ImageFormat(name="WebP", suffixes=(".webp",), media_type="image/webp", beginnings=("52494646........57454250",)),
    ImageFormat(name="GIF", suffixes=(".gif",), media_type="image/gif", beginnings=("474946383761", "474946383961")),
)
SUFFIXES = tuple(suffix for form in FORMATS for suffix in form.suffixes)
MEDIA_TYPES = tuple(form.media_type for form in FORMATS)
FORMAT_NAMES = f"{', '.join(form.name for form in FORMATS[:-1])} or {FORMATS[-1].name}"
"""All of them, for a sentence."""

_BEGINNINGS = tuple((re.compile("|".join(form.beginnings)), form) for form in FORMATS)
_BEGINNING_BYTES = 12


def find_format(data: bytes) -> ImageFormat | None:
    """
    Tell the format of a file from its first bytes.

    Args:
        data: The file, or at least its first 12 bytes.

    Returns:
        None where it begins as none of them does, which an empty one does not.
    """
    first_bytes = data[:_BEGINNING_BYTES].hex()
    return next((form for beginning, form in _BEGINNINGS if beginning.match(first_bytes)), None)
