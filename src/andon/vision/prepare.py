"""
A decoded image becomes the pixels that the graph takes: resize and crop as declared.

Scaling and normalisation live in the graph; `normalise` says what they do, for proof and packing.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from PIL import Image

from andon.bundle.manifest import Crop, Exact, InputSpec, Letterbox, NoResize, Resize, Rounding, ShorterSide
from andon.errors import ImageError
from andon.tensors import FloatArray, UInt8Array
from andon.vision.encoded import beyond_memory

_KERNELS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
_MAX_SIDE = 65_535
"""A resized side beyond it means an image of absurd proportions."""


def prepare(image: Image.Image, spec: InputSpec) -> UInt8Array:
    """
    Bring a decoded image to the size that the graph was trained on.

    Args:
        image: Mode `RGB` or `L`, as `decode` returns it, of any size.
        spec: Resize, crop and order of channels, read from the manifest.

    Returns:
        uint8 (H, W, C), values 0-255, C order, read-only, channels in the order of `spec.color`.

    Raises:
        ImageError: `image.shape`: the proportions would make a side of no or too many pixels;
            `image.pixels`: there is not enough memory.

    Source:
        Sizes and offsets as torchvision.transforms.Resize and CenterCrop; kernels are Pillow's.
        Agreement with Pillow is exact, tests/unit/vision/test_prepare.py.
    """
    try:
        image = _resize_and_crop(image, spec.resize, spec.crop)
        pixels = image.tobytes("raw", spec.color)
    except (MemoryError, Image.DecompressionBombError):
        raise beyond_memory() from None
    return np.frombuffer(pixels, np.uint8).reshape(image.height, image.width, spec.channels)


def normalise(pixels: UInt8Array, spec: InputSpec) -> FloatArray:
    """
    Scale and normalise prepared pixels as the graph does.

    Args:
        pixels: uint8 (H, W, C), 0-255.
        spec: `scale`, `mean` and `std`.

    Returns:
        float32 (C, H, W): `(pixels * scale - mean) / std`.
    """
    mean = np.asarray(spec.mean, np.float32)
    std = np.asarray(spec.std, np.float32)
    values = (pixels.astype(np.float32) * np.float32(spec.scale) - mean) / std
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def resized_size(width: int, height: int, resize: Resize) -> tuple[int, int]:
    """
    Give the width and height in pixels to which a resize brings an image, before any padding.

    Raises:
        ImageError: `image.shape`: a side would have no pixels, or more than 65,535.
    """
    match resize:
        case ShorterSide():
            shorter = min(width, height)
            size = (
                _side(width * resize.size, shorter, resize.rounding),
                _side(height * resize.size, shorter, resize.rounding),
            )
        case Exact():
            size = (resize.size[1], resize.size[0])
        case Letterbox():
            box_height, box_width = resize.size
            if box_width * height <= box_height * width:
                size = (box_width, max(1, _side(height * box_width, width, resize.rounding)))
            else:
                size = (max(1, _side(width * box_height, height, resize.rounding)), box_height)
        case _:
            size = (width, height)
    if not all(1 <= side <= _MAX_SIDE for side in size):
        raise ImageError(
            f"an image of {width} x {height} pixels would be resized to {size[0]} x {size[1]}; "
            f"a side has 1 to {_MAX_SIDE} pixels",
            code="image.shape",
        )
    return size


def _side(numerator: int, denominator: int, rounding: Rounding) -> int:
    return numerator // denominator if rounding == "floor" else round(Fraction(numerator, denominator))


def _resize_and_crop(image: Image.Image, resize: Resize, crop: Crop | None) -> Image.Image:
    if isinstance(resize, NoResize):
        return _cropped(image, crop)
    size = resized_size(image.width, image.height, resize)
    kernel = _KERNELS[resize.interpolation]
    if isinstance(resize, Letterbox):
        return _cropped(_letterboxed(image.resize(size, kernel), resize), crop)
    if crop is None or kernel is Image.Resampling.NEAREST:
        return _cropped(image.resize(size, kernel), crop)
    return _resized_within_crop(image, size, kernel, crop)


def _letterboxed(image: Image.Image, resize: Letterbox) -> Image.Image:
    height, width = resize.size
    background = Image.new(image.mode, (width, height), (resize.pad,) * len(image.getbands()))
    background.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return background


class _Stretch(NamedTuple):
    """One axis of a resize that takes in no more than is needed."""

    begin: float
    """Where it begins in the original, in pixels."""
    end: float
    """Where it ends."""
    pixels: int
    """Of the resized axis."""
    cut: int
    """Where the crop begins among these."""


def _resized_within_crop(
    image: Image.Image, size: tuple[int, int], kernel: Image.Resampling, crop: Crop
) -> Image.Image:
    """Resize only what the crop keeps, wherever that gives the very same pixels."""
    height, width = crop.size
    across = _stretch(_crop_start(size[0], width, crop), width, image.width, size[0])
    down = _stretch(_crop_start(size[1], height, crop), height, image.height, size[1])
    part = (across.pixels, down.pixels)
    if not (_is_columns_first(image, size) and _is_columns_first(image, part)):
        return _cropped(image.resize(size, kernel), crop)
    resized = image.resize(part, kernel, box=(across.begin, down.begin, across.end, down.end))
    return _cut(resized, across.cut, down.cut, width, height)


def _is_columns_first(image: Image.Image, size: tuple[int, int]) -> bool:
    """
    Ask whether Pillow resizes the columns before the rows; it rounds to 8 bits in between.

    From 13.0 on it does not where the height shrinks by more than twice the pixels that the width
    does: https://github.com/python-pillow/Pillow/pull/9549.
    """
    return image.height - size[1] <= 2 * (image.width - size[0])


def _stretch(start: int, wanted: int, side: int, resized_side: int) -> _Stretch:
    """
    Give the stretch of a side that becomes the wanted pixels, or the whole side where that is not exact.

    Pillow takes the edges as 32-bit floats, and computes the centre of each pixel from them in 64
    bits. Both are exact where the reduction is a fraction of a power of two. Elsewhere the last bit
    of a centre may differ, which the kernel `box` shows.
    """
    scale = Fraction(side, resized_side)
    begin, end = start * scale, (start + wanted) * scale
    is_inside = start >= 0 and start + wanted <= resized_side
    if is_inside and not scale.denominator & (scale.denominator - 1) and end.numerator < 2**24 > begin.numerator:
        return _Stretch(float(begin), float(end), wanted, 0)
    return _Stretch(0, side, resized_side, start)


def _cropped(image: Image.Image, crop: Crop | None) -> Image.Image:
    if crop is None:
        return image
    height, width = crop.size
    return _cut(image, _crop_start(image.width, width, crop), _crop_start(image.height, height, crop), width, height)


def _crop_start(side: int, wanted: int, crop: Crop) -> int:
    """Where the crop begins; negative where the image is smaller and black is put around it."""
    if side < wanted:
        return -((wanted - side) // 2)
    spare = side - wanted
    return spare // 2 if crop.offset == "floor" else round(spare / 2)


def _cut(image: Image.Image, x: int, y: int, width: int, height: int) -> Image.Image:
    if (x, y, width, height) == (0, 0, *image.size):
        return image
    return image.crop((x, y, x + width, y + height))
