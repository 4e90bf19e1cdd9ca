"""The work of an algorithm engineer: a small network, images, a transform, and the ways to get it wrong."""

from typing import Any

import numpy as np
import torch
from msgspec import Struct
from PIL import Image, ImageDraw
from torch import nn

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
LABELS = ["ok", "scratch", "dent", "stain"]
INPUT: dict[str, Any] = {
    "resize": {"mode": "shorter_side", "size": 64, "interpolation": "bicubic"},
    "crop": {"size": [56, 56]},
    "mean": MEAN,
    "std": STD,
}


class Author(Struct, frozen=True, kw_only=True):
    """A transform of PIL and torch, as found in notebooks; each field is a way to differ from `INPUT`."""

    kernel: Image.Resampling = Image.Resampling.BICUBIC
    exact: bool = False
    size: int = 64
    crop: int = 56
    moved: tuple[int, int] = (0, 0)
    bgr: bool = False
    divisor: float = 255.0
    mean: tuple[float, ...] = MEAN
    std: tuple[float, ...] = STD
    times_normalised: int = 1
    mirrored_half_the_time: bool = False

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Prepare one image: float32 (3, crop, crop)."""
        image = self.resize(image.convert("RGB"))
        left = round((image.width - self.crop) / 2) + self.moved[0]
        top = round((image.height - self.crop) / 2) + self.moved[1]
        pixels = np.asarray(image.crop((left, top, left + self.crop, top + self.crop)), np.float32) / self.divisor
        if self.mirrored_half_the_time and torch.rand(()) < 0.5:
            pixels = pixels[:, ::-1]
        if self.bgr:
            pixels = pixels[:, :, ::-1]
        for _ in range(self.times_normalised):
            pixels = (pixels - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1), dtype=np.float32))

    def resize(self, image: Image.Image) -> Image.Image:
        """Resize the whole image."""
        if self.exact:
            return image.resize((self.size, self.size), self.kernel)
        shorter = min(image.size)
        return image.resize((self.size * image.width // shorter, self.size * image.height // shorter), self.kernel)


class Net(nn.Module):
    """A small network whose answers differ from image to image."""

    def __init__(self, classes: int = len(LABELS), channels: int = 3) -> None:
        super().__init__()
        torch.manual_seed(7)
        self.body = nn.Sequential(
            nn.Conv2d(channels, 16, 3, 2), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 24, 3, 2), nn.ReLU()
        )
        self.head = nn.Linear(24, classes)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Pool over the image: (N, 24)."""
        return self.body(x).mean((2, 3)) * 8

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give logits (N, classes)."""
        return self.head(self.features(x))


def photo(seed: int, size: tuple[int, int] = (131, 97)) -> Image.Image:
    """Make an image with colour, edges, slopes and fine detail; `size` is width and height."""
    random = np.random.default_rng(seed)
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    slopes = random.uniform(-120, 120, (3, 2))
    base = np.stack([128 + a * (x - 0.5) + b * (y - 0.5) for a, b in slopes], axis=2)
    noisy = base + random.normal(0, 12, base.shape)
    image = Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        draw.rectangle((left, top, left + int(random.integers(2, 40)), top + int(random.integers(2, 30))), fill=colour)
    return image


def photos(count: int = 4) -> list[Image.Image]:
    """Make images of several sizes, upright and lying."""
    sizes = ((131, 97), (90, 140), (200, 150), (77, 77))
    return [photo(number, sizes[number % len(sizes)]) for number in range(count)]
