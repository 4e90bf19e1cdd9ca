"""Names for the arrays that travel between the layers, and how two of them are compared."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

UInt8Array = NDArray[np.uint8]
"""Pixels: uint8, (H, W, C) or (N, H, W, C), values 0-255, C order."""

UInt16Array = NDArray[np.uint16]
"""Pixels of more than 8 bits, as `UInt8Array` but for their levels."""

PixelArray = UInt8Array | UInt16Array
"""Prepared pixels of either depth."""

FloatArray = NDArray[np.float32]
"""Model inputs (N, C, H, W) and raw outputs (N, ...), often (N, K): float32, C order."""

InputArray = NDArray[np.uint8 | np.uint16 | np.float32]
"""What a graph takes: pixels (N, H, W, C), or the float model input (N, C, H, W) of the author's own code."""


def fits_shape(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Ask whether a shape has the wanted sides; None wants any."""
    return len(shape) == len(wanted) and all(
        want is None or side == want for side, want in zip(shape, wanted, strict=True)
    )


def sides_in_words(shape: Sequence[int | None]) -> str:
    """List the sides of a shape, None as `any`: `1, any, 3`."""
    return ", ".join("any" if side is None else str(side) for side in shape)


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
