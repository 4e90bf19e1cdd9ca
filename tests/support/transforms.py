"""Steps of the transforms that algorithm engineers write, with Pillow, OpenCV, torch and albumentations."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image, ImageOps
from torch.nn import functional

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Transform = Callable[[Image.Image], Any]
PILLOW = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
OPENCV = {
    "nearest": cv2.INTER_NEAREST,
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "area": cv2.INTER_AREA,
    "lanczos": cv2.INTER_LANCZOS4,
}


def rgb(image: Image.Image) -> Image.Image:
    """Make an image RGB as most pipelines do."""
    return image.convert("RGB")


def shorter_side(image: Image.Image, size: int, kernel: str = "bilinear", rounding: str = "floor") -> Image.Image:
    """Resize with Pillow, the longer side truncated as torchvision does, or rounded."""
    short = min(image.size)
    sides = [
        size * side // short if rounding == "floor" else round(side * (size / short))
        for side in (image.width, image.height)
    ]
    return image.resize((sides[0], sides[1]), PILLOW[kernel])


def center_crop(image: Image.Image, height: int, width: int, rounding: str = "nearest") -> Image.Image:
    """Cut out of the middle; half a pixel is rounded to even as torchvision does, or down."""
    if image.width < width or image.height < height:
        padded = Image.new(image.mode, (max(width, image.width), max(height, image.height)))
        padded.paste(image, (max(0, (width - image.width) // 2), max(0, (height - image.height) // 2)))
        image = padded
    half = round if rounding == "nearest" else int
    left, top = half((image.width - width) / 2), half((image.height - height) / 2)
    return image.crop((left, top, left + width, top + height))


def letterbox(
    image: Image.Image, width: int, height: int, *, kernel: str = "bilinear", pad: Any = 114, truncate: bool = False
) -> Image.Image:
    """Fit into a box with Pillow, the border around it."""
    ratio = min(width / image.width, height / image.height)
    turn = int if truncate else round
    fitted = image.resize((turn(image.width * ratio), turn(image.height * ratio)), PILLOW[kernel])
    background = Image.new(image.mode, (width, height), pad if isinstance(pad, tuple) else (pad,) * len(image.mode))
    background.paste(fitted, ((width - fitted.width) // 2, (height - fitted.height) // 2))
    return background


def letterbox_cv2(pixels: Any, width: int, height: int, *, kernel: str = "bilinear", scale_up: bool = True) -> Any:
    """Fit into a box as detectors do with OpenCV, grey 114 around it."""
    ratio = min(height / pixels.shape[0], width / pixels.shape[1])
    ratio = ratio if scale_up else min(ratio, 1.0)
    new_width, new_height = round(pixels.shape[1] * ratio), round(pixels.shape[0] * ratio)
    right, down = (width - new_width) / 2, (height - new_height) / 2
    if (new_width, new_height) != pixels.shape[1::-1]:
        pixels = cv2.resize(pixels, (new_width, new_height), interpolation=OPENCV[kernel])
    edges = round(down - 0.1), round(down + 0.1), round(right - 0.1), round(right + 0.1)
    return cv2.copyMakeBorder(pixels, *edges, cv2.BORDER_CONSTANT, value=(114, 114, 114))


def to_tensor(pixels: Any, scale: float = 1 / 255) -> torch.Tensor:
    """Make a float tensor (C, H, W) of an image or an array."""
    array = np.asarray(pixels, np.float32)
    array = array[:, :, None] if array.ndim == 2 else array
    return torch.from_numpy(np.ascontiguousarray(array.transpose(2, 0, 1))) * np.float32(scale)


def normalised(pixels: Any, mean: Any = MEAN, std: Any = STD) -> torch.Tensor:
    """Scale to 0-1 and normalise."""
    tensor = to_tensor(pixels)
    shape = (-1, 1, 1)
    return tensor.sub_(torch.tensor(mean).reshape(shape)).div_(torch.tensor(std).reshape(shape))


def interpolated(image: Image.Image, size: tuple[int, int], mode: str, *, antialias: bool) -> torch.Tensor:
    """Resize a float tensor, in fractions of grey levels."""
    tensor = to_tensor(rgb(image)).unsqueeze(0)
    options = {} if mode.startswith("nearest") else {"antialias": antialias, "align_corners": False}
    return functional.interpolate(tensor, size, mode=mode, **options)[0]


def padded_to_square(image: Image.Image, fill: int = 0) -> Image.Image:
    """Put a border around an image before it is resized."""
    return ImageOps.pad(image, (max(image.size),) * 2, color=(fill,) * 3)
