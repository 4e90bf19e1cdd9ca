"""Image files that are sent as they are: one that is none is refused here, and not in thousands of answers of 400."""

import os
from pathlib import Path

from andon.errors import ImageError, UsageError
from andon.vision.decode import open_encoded


def shown_name(path: Path) -> str:
    """Give the name of a file, which may have any bytes, as text that can be written."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def read_image(path: Path) -> bytes:
    """
    Read an image file as it is.

    Raises:
        ImageError: It is no image.
        UsageError: `usage.path`: it cannot be read.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", code="usage.path", where=shown_name(path)) from None
    try:
        open_encoded(data)
    except ImageError as error:
        raise ImageError(error.message, code=error.code, where=shown_name(path), hint=error.hint) from None
    return data
