"""
Encoded bytes, arrays and Pillow images become one decoded 8-bit image in the declared channels.

It checks the limits before it decodes, and knows nothing of sizes that a graph wants.
"""

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from andon.bundle.manifest import InputSpec
from andon.errors import ImageError
from andon.settings import DEFAULT_LIMITS, Limits

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview | np.ndarray[Any, Any] | Image.Image
"""What `predict` takes: a path, encoded bytes, an array (H, W, 3) or (H, W) of uint8, or a Pillow image."""

FORMATS = ("JPEG", "PNG")
_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr"})


def decode(source: ImageSource, spec: InputSpec, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """
    Decode one image to the declared channels, with the pixels that `PIL.Image.open` gives.

    Args:
        source: A path, encoded JPEG or PNG bytes, an array uint8 (H, W, 3) in RGB order or
            (H, W) of grey, or a Pillow image.
        spec: Its `color` and `orientation` are applied. Alpha is dropped, palettes are resolved
            and grey is spread over three channels as `Image.convert("RGB")` does.
        limits: Bounds on encoded bytes and on pixels, checked before decoding.

    Returns:
        A loaded image of mode `RGB` (also for `BGR`, whose order is made while preparing) or `L`.

    Raises:
        ImageError: `image.missing`, `image.format`, `image.truncated`, `image.bytes`,
            `image.pixels`, `image.depth` or `image.shape`.
    """
    if isinstance(source, np.ndarray):
        image = _from_array(source)
        _require_few_pixels(image, limits)
    elif isinstance(source, Image.Image):
        image = source
        _require_few_pixels(image, limits)
    elif isinstance(source, str | os.PathLike):
        image = _open(_read_file(Path(source), limits), limits)
    elif isinstance(source, bytes | bytearray | memoryview):
        image = _open(bytes(source), limits)
    else:
        raise ImageError(
            f"expected a path, bytes, an array or a Pillow image, got {type(source).__name__}", code="image.shape"
        )
    return _to_declared_channels(image, spec)


def open_encoded(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """
    Open encoded bytes exactly as `PIL.Image.open` does, with the pixels loaded.

    Raises:
        ImageError: As `decode`.
    """
    image = _open(data, limits)
    _load(image)
    return image


def _read_file(path: Path, limits: Limits) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.max_image_bytes + 1)
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}", code="image.missing", where=str(path)) from None


def _open(data: bytes, limits: Limits) -> Image.Image:
    """Parse the header only; pixels are decoded when they are first asked for."""
    if len(data) > limits.max_image_bytes:
        raise ImageError(
            f"the image has more than {limits.max_image_bytes} bytes, which is the limit", code="image.bytes"
        )
    try:
        with warnings.catch_warnings():
            # Pillow's own bomb warning starts at another number than our limit, which is checked next.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError:
        raise ImageError(
            "not a JPEG or PNG image" if data else "the image is empty",
            code="image.format",
            hint="send the file itself, as JPEG or PNG",
        ) from None
    except Image.DecompressionBombError:
        raise _too_many_pixels(limits) from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, ArithmeticError, IndexError, TypeError) as error:
        raise _damaged(error) from None
    _require_few_pixels(image, limits)
    return image


def _require_few_pixels(image: Image.Image, limits: Limits) -> None:
    if image.width * image.height > limits.max_image_pixels:
        raise _too_many_pixels(limits)
    if not image.width or not image.height:
        raise ImageError(f"the image is {image.width} x {image.height} pixels", code="image.shape")


def _too_many_pixels(limits: Limits) -> ImageError:
    return ImageError(
        f"the image has more than {limits.max_image_pixels} pixels, which is the limit", code="image.pixels"
    )


def _damaged(error: Exception) -> ImageError:
    return ImageError(
        f"the image is cut off or damaged: {error}", code="image.truncated", hint="send the whole file again"
    )


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError, ArithmeticError, IndexError, TypeError) as error:
        # Pillow's plug-ins raise any of these on damaged data, and document none.
        raise _damaged(error) from None


def _to_declared_channels(image: Image.Image, spec: InputSpec) -> Image.Image:
    if image.mode not in _EIGHT_BIT_MODES:
        raise ImageError(
            f"the image has pixels of mode {image.mode}, expected 8 bits a channel",
            code="image.depth",
            hint="convert it to 8 bits as the training did",
        )
    _load(image)
    if spec.orientation == "exif":
        image = ImageOps.exif_transpose(image)
    mode = "L" if spec.color == "L" else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _from_array(array: np.ndarray[Any, Any]) -> Image.Image:
    if array.dtype != np.uint8:
        raise ImageError(
            f"the array is {array.dtype}, expected uint8 with values 0-255",
            code="image.depth",
            hint="pass the pixels before scaling",
        )
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] != 3):
        raise ImageError(
            f"the array has the shape {array.shape}, expected (H, W, 3) in RGB order or (H, W)", code="image.shape"
        )
    if 0 in array.shape:
        raise ImageError(f"the array has the shape {array.shape}: a side has no pixels", code="image.shape")
    return Image.fromarray(np.ascontiguousarray(array))
