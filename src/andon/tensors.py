"""Names for the arrays that travel between the layers, and how two of them are compared."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
"""Pixels: uint8, (H, W, C) or (N, H, W, C), values 0-255, C order."""

FloatArray = NDArray[np.float32]
"""Model inputs (N, C, H, W) and raw outputs (N, K): float32, C order."""


def relative_difference(found: NDArray[Any], expected: NDArray[Any]) -> float:
    """
    Tell how far an array is from the expected one.

    Args:
        found: Any numeric array.
        expected: Another one of the same shape.

    Returns:
        The largest absolute difference divided by the largest absolute expected value;
        0.0 for equal arrays (all zero ones too); infinity where the shapes differ or where
        either holds a number that is not finite.
    """
    if found.shape != expected.shape:
        return float("inf")
    if not (np.isfinite(found).all() and np.isfinite(expected).all()):
        return float("inf")
    largest = float(np.abs(found.astype(np.float64) - expected).max(initial=0.0))
    if largest == 0.0:
        return 0.0
    reference = float(np.abs(expected).max(initial=0.0))
    return largest / reference if reference else float("inf")
