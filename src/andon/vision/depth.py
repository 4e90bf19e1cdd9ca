"""
How many bits a pixel has: images that have others than declared are refused, and levels brought to 8 bits as declared.

Deep images are of grey: Pillow's mode `I;16`, of which every 16 bits are one level.
"""

import numpy as np
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError
from andon.tensors import UInt8Array

DEEP_MODES = frozenset({"I;16", "I;16L", "I;16B", "I;16N"})
"""Pillow's modes of 16 unsigned bits; they differ in which byte comes first."""
_BAND_PIXELS = 1024 * 1024
"""Pixels that are looked up at once: as indices they take eight bytes each."""


def require_depth(bits: int, spec: InputSpec | None, *, is_grey: bool) -> None:
    """
    Refuse an image whose pixels have other bits than declared, before it is decoded where possible.

    Args:
        bits: Of one channel; those of 9 to 15 bits usually come in 16.
        spec: The declaration; None where there is none yet.
        is_grey: Whether a pixel is one level of grey and nothing else.

    Raises:
        ImageError: `image.depth`.
    """
    if bits > 8 and not is_grey:
        raise ImageError(
            f"the image has {bits} bits a channel and is not plain grey; of more than 8 bits only grey is taken",
            code="image.depth",
            hint="convert it to 8 bits as the training did",
        )
    if spec is None:
        return
    if bits <= 8 < spec.depth:
        raise ImageError(
            f"the image has 8 bits a channel, the model takes grey images of {spec.depth}",
            code="image.depth",
            hint="send the file of the camera with all its bits, as PNG or TIFF of 16 bits",
        )
    if bits > 8 and spec.depth == 8:
        raise ImageError(
            f"the image has {bits} bits a channel, expected 8",
            code="image.depth",
            hint='convert it to 8 bits as the training did, or pack the model with "depth" and "color": "L" declared',
        )
    if 8 < bits < spec.depth:
        raise ImageError(
            f"the image has {bits} bits a channel, the model takes {spec.depth}: its white would be grey",
            code="image.depth",
            hint="send images of the depth that the model was trained with",
        )


def deep_image(image: Image.Image, spec: InputSpec) -> Image.Image:
    """
    Bring a deep image to what is declared of it.

    Args:
        image: Of one of `DEEP_MODES`.
        spec: Its `depth` is more than 8.

    Returns:
        Mode `L` where `to_8_bits` is declared, else `I;16` with the levels as they are.

    Raises:
        ImageError: `image.depth`: a level has more bits than declared.
    """
    if image.mode not in ("I;16", "I;16L"):
        image = Image.fromarray(np.asarray(image).astype(np.uint16))
    highest = image.getextrema()[1]
    if highest >= 2**spec.depth:
        raise ImageError(
            f"the image has the level {highest}, {spec.depth} bits end at {2**spec.depth - 1}",
            code="image.depth",
            hint='is it of another camera, or are its bits shifted up? "depth" is what the training images had',
        )
    return image if spec.to_8_bits is None else _eight_bits(image, spec)


def _eight_bits(image: Image.Image, spec: InputSpec) -> Image.Image:
    table = grey_levels_of(spec)
    levels = np.asarray(image)
    pixels = np.empty(levels.shape, np.uint8)
    rows = max(1, _BAND_PIXELS // levels.shape[1])
    for start in range(0, len(levels), rows):
        pixels[start : start + rows] = table[levels[start : start + rows]]
    return Image.fromarray(pixels)


def grey_levels_of(spec: InputSpec) -> UInt8Array:
    """
    Tell what each level becomes of 8 bits.

    Args:
        spec: Its `range` becomes 0-255, what lies outside is clipped, and fractions are rounded as
            `to_8_bits` says; `nearest` takes halves to the even neighbour.

    Returns:
        uint8 (2**depth,).
    """
    low, high = spec.levels
    levels = np.clip(np.arange(2**spec.depth), low, high) - low
    if spec.to_8_bits == "floor":
        return (levels * 255 // (high - low)).astype(np.uint8)
    return np.rint(levels * 255 / (high - low)).astype(np.uint8)
