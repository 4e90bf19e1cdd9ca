"""An author's own code around a network, as it would be installed beside it."""

import sys

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from tests.support.author import MEAN, STD, Author


def floats(image: Image.Image) -> np.ndarray:
    """Prepare as the author's transform, with a step that no declaration has: float32 (3, 56, 56)."""
    blurred = image.convert("RGB").filter(ImageFilter.BoxBlur(1))
    return Author()(blurred).numpy()


def pixels(image: Image.Image) -> np.ndarray:
    """Prepare up to the normalisation: uint8 (56, 56, 3)."""
    levels = floats(image) * np.reshape(STD, (3, 1, 1)) + np.reshape(MEAN, (3, 1, 1))
    return np.rint(levels * 255).clip(0, 255).astype(np.uint8).transpose(1, 2, 0)


def stretched(image: Image.Image) -> np.ndarray:
    """Prepare by stretching the whole image: uint8 (64, 64, 3), its own darkest level 0 and its brightest 255."""
    return np.asarray(ImageOps.autocontrast(image.convert("RGB").resize((64, 64), Image.Resampling.BILINEAR)))


def loud(image: Image.Image) -> np.ndarray:
    """Prepare, and print as one does while one looks for an error."""
    sys.stdout.write(f"preparing {image.size}\n")
    return floats(image)


def turning(image: Image.Image) -> np.ndarray:
    """Prepare after turning as EXIF says, which a service has done already or drops."""
    return floats(ImageOps.exif_transpose(image))


def grey_only(image: Image.Image) -> np.ndarray:
    """Prepare what has one channel, and fail for anything else."""
    if image.mode != "L":
        raise ValueError(f"mode {image.mode}")
    return floats(image)


def random(image: Image.Image) -> np.ndarray:
    """Prepare otherwise each time."""
    return floats(image) + np.random.default_rng().normal(0, 0.1)


def flat(image: Image.Image) -> np.ndarray:
    """Return something that is no image."""
    return floats(image).ravel()


def tempered(raw_output: np.ndarray) -> np.ndarray:
    """Finish with a softmax at a temperature of 2: scores (K,)."""
    halves = np.exp((raw_output - raw_output.max()) / 2)
    return halves / halves.sum()


def squashed(raw_output: np.ndarray) -> np.ndarray:
    """Finish a map with sigmoids at a temperature of 2: scores (K, H, W)."""
    return 1 / (1 + np.exp(-raw_output / 2))


def in_rows(raw_output: np.ndarray) -> np.ndarray:
    """Finish a grid of scores (2, 8, 8): boxes (64, 6), one a cell."""
    y, x = np.mgrid[0:64:8, 0:64:8]
    corners = np.stack([x, y, x + 8, y + 8])
    return np.concatenate([corners, squashed(raw_output)]).reshape(6, -1).T


def backwards(raw_output: np.ndarray) -> np.ndarray:
    """Finish in the other order: scores (K,)."""
    return tempered(raw_output)[::-1]


def short(raw_output: np.ndarray) -> np.ndarray:
    """Return one score too few."""
    return tempered(raw_output)[1:]


def raw(raw_output: np.ndarray) -> np.ndarray:
    """Return logits for scores."""
    return raw_output
