"""A hundred JPEG photos of about 104 KB and 456 x 394 pixels, cut from the photographs that scikit-image ships."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from andon.demo.packages import package_folder

COUNT = 100
SOURCES = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "ihc.png",
    "motorcycle_left.png",
    "retina.jpg",
    "rocket.jpg",
)
SIZE = (456, 394)
SIZE_BYTES = 124_000
"""What a file may have before its own spread; qualities come in steps, so that the mean is 104 KB."""
SPREAD = 0.25
"""Sides and bytes differ from photo to photo by up to this share."""


def photos(count: int = COUNT, seed: int = 5) -> list[bytes]:
    """Encode photos, the same ones for a seed: JPEG, RGB, no two alike."""
    originals = [Image.open(package_folder("skimage") / "data" / name).convert("RGB") for name in SOURCES]
    rng = np.random.default_rng(seed)
    return [photo(originals[number % len(originals)], rng) for number in range(count)]


def photo(original: Image.Image, rng: np.random.Generator) -> bytes:
    """Cut a part of one photograph, bring it to its own size, and encode it in its own number of bytes."""
    width, height = (round(side * rng.uniform(1 - SPREAD, 1 + SPREAD)) for side in SIZE)
    scale = rng.uniform(0.4, 1.0) * min(original.width / width, original.height / height)
    across, down = width * scale, height * scale
    left, top = rng.uniform(0, original.width - across), rng.uniform(0, original.height - down)
    image = original.resize((width, height), Image.Resampling.BICUBIC, (left, top, left + across, top + down))
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return encoded(grained(image, rng), round(SIZE_BYTES * rng.uniform(1 - SPREAD, 1 + SPREAD)))


def grained(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Add the grain of a camera, which enlarging took away: a few grey levels."""
    pixels = np.asarray(image) + rng.normal(0, 5, (image.height, image.width, 1))
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, size_bytes: int) -> bytes:
    """Encode as JPEG in the highest quality whose file is not above a size; never below 50."""
    for quality in range(98, 47, -3):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        if buffer.tell() <= size_bytes:
            break
    return buffer.getvalue()


def write_photos(folder: Path, count: int = COUNT, seed: int = 5) -> list[Path]:
    """Write photos to a folder, where they are not yet there, and give their paths."""
    paths = [folder / f"{number:03}.jpg" for number in range(count)]
    if not all(path.exists() for path in paths):
        folder.mkdir(parents=True, exist_ok=True)
        for path, data in zip(paths, photos(count, seed), strict=True):
            path.write_bytes(data)
    return paths
