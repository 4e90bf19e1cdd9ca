"""
Encoded bytes, arrays and Pillow images become one decoded image in the declared channels, of the declared part.

It checks the limits before it decodes, and knows nothing of sizes that a graph wants.
"""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from andon.bundle.input_spec import InputSpec, Roi
from andon.errors import ImageError
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.vision.bmp import decode_bmp, read_bmp
from andon.vision.depth import DEEP_MODES, deep_image, require_depth
from andon.vision.encoded import EncodedImage, pillow_errors
from andon.vision.exif import upright
from andon.vision.formats import FORMAT_NAMES, FORMATS, find_format
from andon.vision.gif import decode_gif, read_gif
from andon.vision.jpeg import decode_jpeg, read_jpeg
from andon.vision.pixels import open_pixels, require_pixels, require_usable_size
from andon.vision.png import decode_png, read_png
from andon.vision.tiff import decode_tiff, read_tiff
from andon.vision.webp import decode_webp, read_webp

ImageSource = str | os.PathLike[str] | bytes | bytearray | memoryview | np.ndarray[Any, Any] | Image.Image
"""What `predict` takes: a path, encoded bytes, an array as `open_pixels` takes it, or a Pillow image."""


def decode(source: ImageSource, spec: InputSpec, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """
    Decode one image to the declared channels, with the pixels that `PIL.Image.open` gives.

    Args:
        source: A path or encoded bytes of a format in `andon.vision.formats`, an array uint8
            (H, W, 3) in RGB order, uint8 or uint16 (H, W) of grey, or a Pillow image.
        spec: Its `orientation`, `roi`, `depth` and `color` are applied. Alpha is dropped, palettes
            are resolved and grey is spread over three channels as `Image.convert("RGB")` does.
        limits: Bounds on encoded bytes and on pixels, checked before decoding.

    Returns:
        A loaded image of mode `RGB` (also for `BGR`, whose order is made while preparing), `L`, or
        `I;16` where levels of more than 8 bits are kept. It may be the caller's own; of an array it
        is a copy.

    Raises:
        ImageError: `image.missing`, `image.format`, `image.truncated`, `image.bytes`,
            `image.pixels`, `image.depth` or `image.shape`.
    """
    if isinstance(source, np.ndarray | Image.Image):
        image, exif = open_pixels(source, limits)
        is_deep = image.mode in DEEP_MODES
        require_depth(16 if is_deep else 8, spec, is_grey=is_deep)
    else:
        image, exif = _decode(read_encoded(source, limits), limits, spec)
    with pillow_errors():
        if spec.orientation == "exif":
            image = upright(image, exif)
        image = _part(image, spec.roi)
        if spec.depth > 8:
            return deep_image(image, spec)
        return converted(image, "L" if spec.color in ("L", "LLL") else "RGB")


def require_image(source: ImageSource, spec: InputSpec, limits: Limits = DEFAULT_LIMITS) -> None:
    """
    Refuse what is seen not to be a usable image without decoding a pixel.

    Args:
        source: As `decode` takes it; of encoded bytes the header is read, and that the file has an end.
        spec: Its `depth` is applied.
        limits: As `decode` has them.

    Raises:
        ImageError: As `decode`; but what only decoding shows, damage in the midst of a file, is not seen.
    """
    if isinstance(source, np.ndarray):
        require_pixels(source, limits)
    elif isinstance(source, Image.Image):
        decode(source, spec, limits)
    else:
        _look_over(read_encoded(source, limits), limits, spec)


def open_encoded(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Image.Image:
    """
    Open encoded bytes as `PIL.Image.open` does, metadata and its warnings included, with the pixels loaded.

    Raises:
        ImageError: As `decode`, but for the depth: 16 bits are opened as they are.
    """
    _decode(data, limits)
    with pillow_errors():
        image = Image.open(io.BytesIO(data), formats=[form.name.upper() for form in FORMATS])
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
_CODECS: dict[str, tuple[_Reader, _Decoder]] = {
    "JPEG": (read_jpeg, decode_jpeg),
    "PNG": (read_png, decode_png),
    "TIFF": (read_tiff, decode_tiff),
    "BMP": (read_bmp, decode_bmp),
    "WebP": (read_webp, decode_webp),
    "GIF": (read_gif, decode_gif),
}
"""By the name of the format; only these of Pillow's decoders are ever reached."""


def _decode(data: bytes, limits: Limits, spec: InputSpec | None = None) -> tuple[Image.Image, bytes]:
    """Decode bytes that are within the limits and of the declared depth; give the image and its EXIF block."""
    encoded, decode_format = _look_over(data, limits, spec)
    return decode_format(encoded), encoded.exif


def _look_over(data: bytes, limits: Limits, spec: InputSpec | None) -> tuple[EncodedImage, _Decoder]:
    """Read what a file says of its image, refuse what is beyond the limits, and find what decodes it."""
    require_allowed_bytes(data, limits)
    form = find_format(data)
    if form is None:
        raise ImageError(
            "not an image of a format that is taken" if data else "the image is empty",
            code="image.format",
            hint=f"send the file itself: {FORMAT_NAMES}",
        )
    read, decode_format = _CODECS[form.name]
    encoded = read(data)
    require_usable_size(encoded.width, encoded.height, limits)
    require_depth(encoded.bits, spec, is_grey=encoded.is_grey)
    return encoded, decode_format


def require_allowed_bytes(data: bytes, limits: Limits) -> None:
    """
    Refuse an encoded image that is over the limit.

    Raises:
        ImageError: `image.bytes`.
    """
    if len(data) > limits.max_image_bytes:
        raise ImageError(
            f"the image has more than {limits.max_image_bytes} bytes, which is the limit",
            code="image.bytes",
            hint="send it as JPEG or PNG, or allow more with max_image_bytes",
        )


def _part(image: Image.Image, roi: Roi | None) -> Image.Image:
    """Cut out the part to look at; no more than that is copied."""
    if roi is None:
        return image
    right, below = roi.x + roi.width, roi.y + roi.height
    if right > image.width or below > image.height:
        raise ImageError(
            f"the image has {image.width} x {image.height} pixels, the part to look at reaches to {right} x {below}",
            code="image.shape",
            hint="is it of another camera, or turned? `roi` counts pixels from the left and upper edge",
        )
    return image.crop((roi.x, roi.y, right, below))


def converted(image: Image.Image, mode: str) -> Image.Image:
    """Bring an image to mode `RGB` or `L`; one that has it already is given back itself."""
    if image.mode == mode:
        return image
    if "transparency" in image.info:
        # Pillow would convert the transparent colour too, and warn where it cannot.
        image = image.copy()
        del image.info["transparency"]
    return image.convert(mode)
