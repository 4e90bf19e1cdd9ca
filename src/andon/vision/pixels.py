"""Arrays and Pillow images, which are not encoded, become one loaded Pillow image."""

import threading
from typing import Any

import numpy as np
from PIL import Image

from andon.errors import ImageError
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.vision.depth import DEEP_MODES
from andon.vision.encoded import pillow_errors

_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"})
_loading = threading.Lock()
"""Held while a caller's image is loaded: Pillow mixes up the pixels where two threads load the same one."""


def open_pixels(
    source: np.ndarray[Any, Any] | Image.Image, limits: Limits = DEFAULT_LIMITS
) -> tuple[Image.Image, bytes]:
    """
    Take an image that is not encoded, as it is.

    Args:
        source: An array uint8 (H, W, 3) in RGB order, or uint8 or uint16 (H, W) or (H, W, 1) of
            grey, in any order of memory; or a Pillow image of 8 bits, or of 16 bits of grey.
        limits: Its bound on pixels is applied.

    Returns:
        The loaded image in its own mode, which may be the caller's own, and its EXIF block, which
        is not applied; empty where there is none. Of an array it is a copy.

    Raises:
        ImageError: `image.pixels`, `image.depth`, `image.shape`, or `image.truncated` of a file
            that was open and not yet read.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, limits), b""
    exif = source.info.get("exif")
    return _loaded(source, limits), exif if isinstance(exif, bytes) else b""


def require_usable_size(width: int, height: int, limits: Limits) -> None:
    """
    Refuse an image of too many pixels, or of none.

    Raises:
        ImageError: `image.pixels` or `image.shape`.
    """
    if width * height > limits.max_image_pixels:
        raise ImageError(
            f"the image has {width} x {height} pixels, at most {limits.max_image_pixels} are allowed",
            code="image.pixels",
        )
    if not width or not height:
        raise ImageError(f"the image has {width} x {height} pixels", code="image.shape")


def _loaded(image: Image.Image, limits: Limits) -> Image.Image:
    """Load a caller's image, which may be open and not yet read."""
    require_usable_size(image.width, image.height, limits)
    if image.mode not in _EIGHT_BIT_MODES | DEEP_MODES:
        raise ImageError(
            f"the image has pixels of mode {image.mode}, expected 8 bits a channel, or I;16",
            code="image.depth",
            hint="convert it to RGB, L or I;16 as the training did",
        )
    with _loading, pillow_errors():
        image.load()
    return image


def _from_array(array: np.ndarray[Any, Any], limits: Limits) -> Image.Image:
    require_pixels(array, limits)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.dtype == np.uint8:
        # Pillow would share the memory of a grey array, and copies that of a colour one anyway.
        return Image.fromarray(np.array(array) if array.ndim == 2 else np.ascontiguousarray(array))
    return Image.fromarray(np.array(array, np.uint16, order="C"))


def require_pixels(array: np.ndarray[Any, Any], limits: Limits) -> None:
    """
    Refuse an array that is no usable image, by its dtype and shape.

    Args:
        array: Any; its values are not looked at.
        limits: Its bound on pixels is applied.

    Raises:
        ImageError: `image.pixels`, `image.depth` or `image.shape`.
    """
    _require_levels(array)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3):
        raise ImageError(
            f"the array has the shape {array.shape}, expected (H, W, 3) in RGB order or (H, W)",
            code="image.shape",
            hint=_shape_hint(array.shape),
        )
    require_usable_size(array.shape[1], array.shape[0], limits)
    if array.dtype != np.uint8 and channels == 3:
        raise ImageError(
            "the array is uint16 in colour; of more than 8 bits only grey is taken",
            code="image.depth",
            hint="convert it to 8 bits as the training did",
        )


def _require_levels(array: np.ndarray[Any, Any]) -> None:
    if array.dtype != np.uint8 and array.dtype.newbyteorder("=") != np.uint16:
        raise ImageError(
            f"the array is {array.dtype}, expected uint8 with values 0-255, or uint16 of grey",
            code="image.depth",
            hint="pass the pixels before scaling",
        )


def _shape_hint(shape: tuple[int, ...]) -> str:
    """Say how the nearest usable array is made from one of another shape."""
    if len(shape) == 4:
        return "pass one image, or each image of the batch to predict_many"
    if len(shape) == 3 and shape[0] == 3:
        return "array.transpose(1, 2, 0) puts the channels last"
    if len(shape) == 3 and shape[2] == 4:
        return "array[:, :, :3] drops alpha"
    return ""
