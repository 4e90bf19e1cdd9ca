"""
A decoded image becomes the pixels that the graph takes: resize and crop as declared.

Scaling and normalisation live in the graph; `normalise` says what they do, for proof and packing.
"""

from fractions import Fraction
from typing import NamedTuple

import numpy as np
from PIL import Image

from andon.bundle.fields import Pad, Rounding
from andon.bundle.input_spec import Crop, Exact, InputSpec, Letterbox, NoResize, Resize, ShorterSide
from andon.errors import ImageError
from andon.tensors import FloatArray, UInt8Array, UInt16Array
from andon.vision.encoded import beyond_memory
from andon.vision.opencv import resize_with_opencv

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


def prepare(image: Image.Image, spec: InputSpec) -> UInt8Array | UInt16Array:
    """
    Bring a decoded image to the size that the graph was trained on.

    Args:
        image: Mode `RGB`, `L` or `I;16`, as `decode` returns it, of any size.
        spec: Resize, crop and order of channels, read from the manifest.

    Returns:
        `spec.dtype` (H, W, C), C order, read-only, channels in the order of `spec.color`: uint8
        0-255, or uint16 within `spec.levels`.

    Raises:
        ImageError: `image.shape`: the proportions would make a side of no or too many pixels;
            `image.pixels`: there is not enough memory.
        EnvironmentFault: `environment.extra`: OpenCV's kernels are declared, and it is not installed.

    Source:
        Sizes and offsets as torchvision.transforms.Resize and CenterCrop; kernels are Pillow's, or
        OpenCV's without antialias. Agreement with both is exact, tests/unit/vision/test_prepare.py.
    """
    try:
        return _pixels(_resize_and_crop(image, spec), spec)
    except (MemoryError, Image.DecompressionBombError):
        raise beyond_memory() from None


def _pixels(image: Image.Image, spec: InputSpec) -> UInt8Array | UInt16Array:
    """Give the pixels of an image that has its size; grey is repeated where three channels are declared."""
    if spec.color in ("RGB", "BGR"):
        data = image.tobytes("raw", spec.color)
        return np.frombuffer(data, np.uint8).reshape(image.height, image.width, 3)
    levels = np.frombuffer(image.tobytes(), spec.dtype).reshape(image.height, image.width, 1)
    if spec.dtype == "uint16":
        levels = levels.clip(*spec.levels)
    if spec.channels > 1:
        levels = levels.repeat(spec.channels, axis=2)
    levels.flags.writeable = False
    return levels


def normalise(pixels: UInt8Array | UInt16Array, spec: InputSpec) -> FloatArray:
    """
    Scale and normalise prepared pixels as the graph does.

    Args:
        pixels: uint8 (H, W, C), 0-255; or uint16, whose `levels` are brought to 0-255 without rounding.
        spec: `scale`, `mean` and `std`.

    Returns:
        float32 (C, H, W): `(pixels * scale - mean) / std`.
    """
    mean = np.asarray(spec.mean, np.float32)
    std = np.asarray(spec.std, np.float32)
    levels = pixels.astype(np.float32)
    if spec.dtype == "uint16":
        levels = (levels.clip(*spec.levels) - np.float32(spec.levels[0])) * np.float32(spec.level)
    values = (levels * np.float32(spec.scale) - mean) / std
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
            size = (_scaled(width, shorter, resize), _scaled(height, shorter, resize))
        case Exact():
            size = (resize.size[1], resize.size[0])
        case Letterbox():
            size = _fitted_size(width, height, resize)
        case _:
            size = (width, height)
    if not all(1 <= side <= _MAX_SIDE for side in size):
        raise ImageError(
            f"an image of {width} x {height} pixels would be resized to {size[0]} x {size[1]}; "
            f"a side has 1 to {_MAX_SIDE} pixels",
            code="image.shape",
        )
    return size


def _scaled(side: int, shorter: int, resize: ShorterSide) -> int:
    """Scale a side: exactly for `floor`, as torchvision, and by a factor in 64-bit floats for `nearest`, as others."""
    return side * resize.size // shorter if resize.rounding == "floor" else round(side * (resize.size / shorter))


def _fitted_size(width: int, height: int, resize: Letterbox) -> tuple[int, int]:
    """Fit an image into a box by one factor in 64-bit floats, as albumentations, ultralytics and others compute it."""
    factor = min(resize.size[1] / width, resize.size[0] / height)
    if factor > 1 and not resize.enlarge:
        return width, height
    sides = (width * factor, height * factor)
    fitted = [max(1, int(side) if resize.rounding == "floor" else round(side)) for side in sides]
    return fitted[0], fitted[1]


def _resize_and_crop(image: Image.Image, spec: InputSpec) -> Image.Image:
    resize, crop = spec.resize, spec.crop
    if isinstance(resize, NoResize):
        return _cropped(image, spec)
    size = resized_size(image.width, image.height, resize)
    if isinstance(resize, Letterbox):
        return _cropped(_letterboxed(_resized(image, size, resize), resize, spec), spec)
    if crop is None or not resize.antialias or resize.interpolation == "nearest":
        return _cropped(_resized(image, size, resize), spec)
    return _resized_within_crop(image, size, _KERNELS[resize.interpolation], crop, spec)


def _resized(image: Image.Image, size: tuple[int, int], resize: ShorterSide | Exact | Letterbox) -> Image.Image:
    if resize.antialias:
        return image.resize(size, _KERNELS[resize.interpolation])
    return Image.fromarray(resize_with_opencv(np.asarray(image), size, resize.interpolation))


def _letterboxed(image: Image.Image, resize: Letterbox, spec: InputSpec) -> Image.Image:
    height, width = resize.size
    background = Image.new(image.mode, (width, height), _border(resize.pad, spec, image))
    background.paste(image, letterbox_corner(image.size, resize))
    return background


def letterbox_corner(size: tuple[int, int], resize: Letterbox) -> tuple[int, int]:
    """Give pixels from the left and the upper edge of the box to an image of this fitted width and height."""
    if resize.position == "top_left":
        return 0, 0
    return _half(resize.size[1] - size[0], resize.offset), _half(resize.size[0] - size[1], resize.offset)


def _border(pad: Pad, spec: InputSpec, image: Image.Image) -> tuple[int, ...]:
    """Give the levels of a border in the order of the image's own channels."""
    if isinstance(pad, tuple):
        return pad[::-1] if spec.color == "BGR" else pad
    level = pad if spec.dtype == "uint8" else spec.levels[0] + round(pad / spec.level)
    return (level,) * len(image.getbands())


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
    image: Image.Image, size: tuple[int, int], kernel: Image.Resampling, crop: Crop, spec: InputSpec
) -> Image.Image:
    """Resize only what the crop keeps, wherever that gives the very same pixels."""
    height, width = crop.size
    left, top = crop_corner(size, crop)
    across = _stretch(left, width, image.width, size[0])
    down = _stretch(top, height, image.height, size[1])
    part = (across.pixels, down.pixels)
    if not (_is_columns_first(image, size) and _is_columns_first(image, part)):
        return _cropped(image.resize(size, kernel), spec)
    resized = image.resize(part, kernel, box=(across.begin, down.begin, across.end, down.end))
    return _cut(resized, (across.cut, down.cut), crop, spec)


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


def _cropped(image: Image.Image, spec: InputSpec) -> Image.Image:
    return image if spec.crop is None else _cut(image, crop_corner(image.size, spec.crop), spec.crop, spec)


def crop_corner(size: tuple[int, int], crop: Crop) -> tuple[int, int]:
    """Give where the crop begins in an image of this width and height; negative where the image is smaller."""
    height, width = crop.size
    return _crop_start(size[0], width, crop), _crop_start(size[1], height, crop)


def _crop_start(side: int, wanted: int, crop: Crop) -> int:
    if side < wanted:
        return -((wanted - side) // 2)
    return _half(side - wanted, crop.offset)


def _half(spare: int, rounding: Rounding) -> int:
    return spare // 2 if rounding == "floor" else round(spare / 2)


def _cut(image: Image.Image, corner: tuple[int, int], crop: Crop, spec: InputSpec) -> Image.Image:
    """Cut the crop out of an image at a corner, with its border where the image ends before it."""
    (x, y), (height, width) = corner, crop.size
    if (x, y, width, height) == (0, 0, *image.size):
        return image
    is_inside = x >= 0 and y >= 0 and x + width <= image.width and y + height <= image.height
    if is_inside or crop.pad == 0:
        return image.crop((x, y, x + width, y + height))
    background = Image.new(image.mode, (width, height), _border(crop.pad, spec, image))
    background.paste(image, (-x, -y))
    return background
