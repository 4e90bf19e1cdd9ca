"""
Whether the author's own `prepare` leaves places where boxes and maps take them to be: stretched to its size.

What it does is not known, so it is watched: marks in an image must come out where stretching puts them.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from andon.build.samples import Sample
from andon.errors import PackError, RuntimeFault
from andon.model.steps import Steps

_MARKS = ((0.15, 0.2), (0.85, 0.15), (0.2, 0.85), (0.8, 0.8))
"""Centres of marks, as shares of width and height."""
_HALF = 0.05
"""Half the side of a mark, as a share."""
_TOLERANCE = 0.02
"""How far off, as a share, a mark may come out, beside one pixel: what rounding and kernels do."""


def require_stretched(sample: Sample, steps: Steps) -> None:
    """
    Refuse own code that moves places, where the answer has places in it.

    Args:
        sample: One that the code prepares.
        steps: With the author's own `prepare`, or without; only the outputs boxes and map have places.

    Raises:
        PackError: `pack.prepare`, saying which place comes out where.
    """
    if steps.spec.prepare is None or steps.output.kind not in ("boxes", "map"):
        return
    base = _with_marks(steps.decode_sample(sample.encoded))
    plain = _prepared(base, steps, sample.name)
    allowed = [_TOLERANCE + 1 / side for side in (plain.shape[1], plain.shape[0])]
    for wanted in _MARKS:
        found = _place_of_change(plain, _prepared(_with_mirrored(base, wanted), steps, sample.name))
        if found is None or any(np.abs(np.subtract(found, wanted)) > allowed):
            raise _moved(str(steps.spec.prepare), wanted, found, sample)


def _with_marks(image: Image.Image) -> NDArray[np.unsignedinteger]:
    """Give the pixels of an image with all marks in it, the left half of each black and the right half white."""
    pixels = np.array(image)
    for mark in _MARKS:
        square = pixels[_square(pixels, mark)]
        square[:] = 0
        square[:, square.shape[1] // 2 :] = np.iinfo(pixels.dtype).max
    return pixels


def _with_mirrored(pixels: NDArray[np.unsignedinteger], mark: tuple[float, float]) -> NDArray[np.unsignedinteger]:
    """Mirror one mark: no level comes or goes in the whole image, so that its contrast stays what it is."""
    changed = pixels.copy()
    place = _square(pixels, mark)
    changed[place] = pixels[place][:, ::-1]
    return changed


def _square(pixels: NDArray[np.unsignedinteger], mark: tuple[float, float]) -> tuple[slice, slice]:
    """Give the rows and columns of a mark."""
    columns, rows = (
        slice(round((share - _HALF) * side), round((share + _HALF) * side) + 1)
        for share, side in zip(mark, (pixels.shape[1], pixels.shape[0]), strict=True)
    )
    return rows, columns


def _prepared(pixels: NDArray[np.unsignedinteger], steps: Steps, name: str) -> NDArray[np.float64]:
    """Give what is prepared as (H, W, C)."""
    try:
        prepared = steps.prepare(Image.fromarray(pixels))
    except RuntimeFault as error:
        where = f"{name}, with marks in it to see where they come out"
        raise PackError(error.message, code="pack.prepare", where=where, hint=error.hint) from error
    return np.asarray(prepared.transpose(1, 2, 0) if prepared.dtype == np.float32 else prepared, np.float64)


def _place_of_change(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float] | None:
    """Give the middle of what changed most, as shares of width and height; None where nothing did."""
    change = np.abs(after - before).sum(axis=2) if after.shape == before.shape else np.zeros((1, 1))
    if not change.max():
        return None
    rows, columns = np.nonzero(change > change.max() / 3)
    height, width = change.shape
    return (columns.mean() + 0.5) / width, (rows.mean() + 0.5) / height


def _moved(name: str, wanted: tuple[float, float], found: tuple[float, float] | None, sample: Sample) -> PackError:
    where = "nowhere" if found is None else f"at {found[0]:.0%} of its width and {found[1]:.0%} of its height"
    return PackError(
        f"what lies at {wanted[0]:.0%} of the width and {wanted[1]:.0%} of the height of the image comes out of {name} "
        f"{where}, so boxes and maps would be shown at wrong places: it is held to stretch the whole image to its size",
        code="pack.prepare",
        where=sample.name,
        hint="cut and fit nothing in it: declare a roi, or a resize and crop without own code",
    )
