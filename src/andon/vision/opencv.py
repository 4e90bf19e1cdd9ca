"""
OpenCV's resize, for pipelines that were trained with it; the library is imported when it is first needed.

It runs in one thread, as all else in a worker does: where nothing of the process has imported
OpenCV before, the number of its threads, which counts for the whole process, is set to 1. A host
that has imported it keeps its own.
"""

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from andon.bundle.input_spec import Interpolation
from andon.errors import missing_extra

if TYPE_CHECKING:
    from types import ModuleType

_KERNELS: dict[Interpolation, str] = {
    "nearest": "INTER_NEAREST",
    "bilinear": "INTER_LINEAR",
    "bicubic": "INTER_CUBIC",
    "area": "INTER_AREA",
    "lanczos": "INTER_LANCZOS4",
}


def resize_with_opencv(pixels: NDArray[Any], size: tuple[int, int], interpolation: Interpolation) -> NDArray[Any]:
    """
    Resize as `cv2.resize` does, which widens no kernel but `area` where it reduces.

    Args:
        pixels: uint8 or uint16 (H, W) or (H, W, C), any order of channels.
        size: Width and height of the result in pixels.
        interpolation: One of `OPENCV_KERNELS`.

    Returns:
        The same dtype and number of axes, bit for bit what the installed OpenCV gives.

    Raises:
        EnvironmentFault: `environment.extra`: OpenCV is not installed.
    """
    cv2 = _opencv()
    resized: NDArray[Any] = cv2.resize(
        np.ascontiguousarray(pixels), size, interpolation=getattr(cv2, _KERNELS[interpolation])
    )
    return resized


def has_opencv() -> bool:
    """Ask whether OpenCV is installed, without importing it."""
    return importlib.util.find_spec("cv2") is not None


def _opencv() -> "ModuleType":
    is_first = "cv2" not in sys.modules
    try:
        import cv2
    except ImportError:
        raise missing_extra("OpenCV", "opencv", 'an input with "antialias": false') from None
    if is_first:
        cv2.setNumThreads(1)
    return cv2
