"""
Encoded bytes, arrays and Pillow images become one decoded 8-bit image in the declared channels.

It checks the limits before it decodes, and knows nothing of sizes that a graph wants.
"""

import io
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from andon.bundle.manifest import InputSpec
from andon.errors import ImageError
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.vision.encoded import EncodedImage, pillow_errors
from andon.vision.exif import upright
from andon.vision.jpeg import JPEG_SIGNATURE, decode_jpeg, read_jpeg
from andon.vision.png import PNG_SIGNATURE, decode_png, read_png

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview | np.ndarray[Any, Any] | Image.Image
"""What `predict` takes: a path, encoded bytes, an array (H, W, 3) or (H, W) of uint8, or a Pillow image."""

FORMATS = ("JPEG", "PNG")
_EIGHT_BIT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"})
_loading = threading.Lock()
"""Held while a caller's image is loaded: Pillow mixes up the pixels where two threads load the same one."""


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
        It may be the caller's own; of an array it is a copy.

    Raises:
        ImageError: `image.missing`, `image.format`, `image.truncated`, `image.bytes`,
            `image.pixels`, `image.depth` or `image.shape`.
    """
    if isinstance(source, np.ndarray | Image.Image):
        image, exif = open_pixels(source, limits)
    else:
        image, exif = _decode(read_encoded(source, limits), limits)
    with pillow_errors():
        if spec.orientation == "exif":
            image = upright(image, exif)
        return converted(image, "L" if spec.color == "L" else "RGB")


def open_pixels(
    source: np.ndarray[Any, Any] | Image.Image, limits: Limits = DEFAULT_LIMITS
) -> tuple[Image.Image, bytes]:
    """
    Take an image that is not encoded, as it is.

    Returns:
        The loaded image in its own mode, which may be the caller's own, and its EXIF block, which
        is not applied; empty where there is none.

    Raises:
        ImageError: `image.pixels`, `image.depth`, `image.shape`, or `image.truncated` of a file
            that was open and not yet read.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, limits), b""
    exif = source.info.get("exif")
    return _loaded(source, limits), exif if isinstance(exif, bytes) else b""


def open_encoded(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """
    Open encoded bytes as `PIL.Image.open` does, metadata and its warnings included, with the pixels loaded.

    Raises:
        ImageError: As `decode`.
    """
    _decode(data, limits)
    with pillow_errors():
        image = Image.open(io.BytesIO(data), formats=FORMATS)
        image.load()
    return image


def read_encoded(source: object, limits: Limits = DEFAULT_LIMITS) -> bytes:
    """
    Read a path or take bytes; whether they are an image is not looked at.

    Returns:
        The bytes; of a file that is too large, one more than is allowed.

    Raises:
        ImageError: `image.missing`, or `image.shape` for what is neither.
    """
    if isinstance(source, str | os.PathLike):
        return _read_file(Path(source), limits)
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source)
    raise ImageError(
        f"expected a path, bytes, an array or a Pillow image, got {type(source).__name__}", code="image.shape"
    )


def _read_file(path: Path, limits: Limits) -> bytes:
    """Read a file, of one that is too large only one byte more than is allowed."""
    try:
        with path.open("rb") as file:
            size_bytes = os.fstat(file.fileno()).st_size or limits.max_image_bytes
            return file.read(min(size_bytes, limits.max_image_bytes) + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"cannot be read: {reason}", code="image.missing", where=str(path)) from None


_Reader = Callable[[bytes], EncodedImage]
_Decoder = Callable[[EncodedImage], Image.Image]
_FORMATS: dict[bytes, tuple[_Reader, _Decoder]] = {
    JPEG_SIGNATURE: (read_jpeg, decode_jpeg),
    PNG_SIGNATURE: (read_png, decode_png),
}


def _decode(data: bytes, limits: Limits) -> tuple[Image.Image, bytes]:
    """Decode bytes that are within the limits; give the image and its EXIF block."""
    require_allowed_bytes(data, limits)
    for signature, (read, decode_format) in _FORMATS.items():
        if data.startswith(signature):
            encoded = read(data)
            _require_usable_size(encoded.width, encoded.height, limits)
            _require_eight_bits(encoded.bits)
            return decode_format(encoded), encoded.exif
    raise ImageError(
        "not a JPEG or PNG image" if data else "the image is empty",
        code="image.format",
        hint="send the file itself, as JPEG or PNG",
    )


def require_allowed_bytes(data: bytes, limits: Limits) -> None:
    """
    Refuse an encoded image that is over the limit.

    Raises:
        ImageError: `image.bytes`.
    """
    if len(data) > limits.max_image_bytes:
        raise ImageError(
            f"the image has more than {limits.max_image_bytes} bytes, which is the limit", code="image.bytes"
        )


def _require_usable_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.max_image_pixels:
        raise ImageError(
            f"the image has {width} x {height} pixels, at most {limits.max_image_pixels} are allowed",
            code="image.pixels",
        )
    if not width or not height:
        raise ImageError(f"the image has {width} x {height} pixels", code="image.shape")


def _require_eight_bits(bits: int) -> None:
    if bits > 8:
        raise ImageError(
            f"the image has {bits} bits a channel, expected 8",
            code="image.depth",
            hint="convert it to 8 bits as the training did",
        )


def _loaded(image: Image.Image, limits: Limits) -> Image.Image:
    """Load a caller's image, which may be open and not yet read."""
    _require_usable_size(image.width, image.height, limits)
    if image.mode not in _EIGHT_BIT_MODES:
        raise ImageError(
            f"the image has pixels of mode {image.mode}, expected 8 bits a channel",
            code="image.depth",
            hint="convert it to RGB or L as the training did",
        )
    with _loading, pillow_errors():
        image.load()
    return image


def converted(image: Image.Image, mode: str) -> Image.Image:
    """Bring an image to mode `RGB` or `L`; one that has it already is given back itself."""
    if image.mode == mode:
        return image
    if "transparency" in image.info:
        # Pillow would convert the transparent colour too, and warn where it cannot.
        image = image.copy()
        del image.info["transparency"]
    return image.convert(mode)


def _from_array(array: np.ndarray[Any, Any], limits: Limits) -> Image.Image:
    if array.dtype != np.uint8:
        raise ImageError(
            f"the array is {array.dtype}, expected uint8 with values 0-255",
            code="image.depth",
            hint="pass the pixels before scaling",
        )
    if array.ndim != 2 and (array.ndim != 3 or array.shape[2] != 3):
        raise ImageError(
            f"the array has the shape {array.shape}, expected (H, W, 3) in RGB order or (H, W)",
            code="image.shape",
            hint=_shape_hint(array.shape),
        )
    _require_usable_size(array.shape[1], array.shape[0], limits)
    # Pillow would share the memory of a grey array, and copies that of a colour one anyway.
    return Image.fromarray(np.array(array) if array.ndim == 2 else np.ascontiguousarray(array))


def _shape_hint(shape: tuple[int, ...]) -> str:
    """Say how the nearest usable array is made from one of another shape."""
    if len(shape) == 4:
        return "pass one image, or each image of the batch to predict_many"
    if len(shape) == 3 and shape[0] == 3:
        return "array.transpose(1, 2, 0) puts the channels last"
    if len(shape) == 3 and shape[2] in (1, 4):
        return "array[:, :, 0] is the grey image" if shape[2] == 1 else "array[:, :, :3] drops alpha"
    return ""
