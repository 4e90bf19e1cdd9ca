"""A small network that is trained in seconds to find scratches in photos of real surfaces."""

from pathlib import Path

import numpy as np
import skimage
import torch
from PIL import Image
from torch import nn

from andon.build.author import one_thread

TILE, OVERLAP, CELL, LENGTH = 128, 32, 4, 20
SURFACES = ("brick",)


def surface(name: str) -> np.ndarray:
    """Give a photo of a surface, uint8 (512, 512)."""
    with Image.open(Path(skimage.data_dir) / f"{name}.png") as image:
        return np.asarray(image.convert("L"))


def large_surface(name: str, width: int, height: int) -> np.ndarray:
    """Lay photos of a surface side by side, each the mirror image of its neighbour."""
    photo = surface(name)
    pair = np.concatenate([photo, photo[:, ::-1]], axis=1)
    block = np.concatenate([pair, pair[::-1]], axis=0)
    return np.tile(block, (height // 1024 + 1, width // 1024 + 1))[:height, :width].copy()


def scratched(pixels: np.ndarray, x: int, y: int, angle: float) -> None:
    """Draw a white scratch of 20 x 3 pixels around a place into an image."""
    rows, columns = np.mgrid[y - LENGTH : y + LENGTH + 1, x - LENGTH : x + LENGTH + 1]
    along = (columns - x) * np.cos(angle) + (rows - y) * np.sin(angle)
    across = (rows - y) * np.cos(angle) - (columns - x) * np.sin(angle)
    inside = (np.abs(along) <= LENGTH / 2) & (np.abs(across) <= 1.5)
    inside &= (rows >= 0) & (rows < pixels.shape[0]) & (columns >= 0) & (columns < pixels.shape[1])
    pixels[rows[inside], columns[inside]] = 250


class Finder(nn.Module):
    """Takes grey tiles (N, 1, 128, 128), 0-1, gives logits (N, 1, 32, 32) of whether a scratch crosses a cell."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 12, 5, stride=2, padding=2),
            nn.ReLU(),
            nn.Conv2d(12, 16, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 16, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(16, 1, 3, padding=1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Find scratches."""
        answer: torch.Tensor = self.layers(image - 0.5)
        return answer


def transform(image: Image.Image) -> torch.Tensor:
    """Bring a tile to what the network takes: float32 (1, 128, 128), 0-1."""
    return torch.from_numpy(np.asarray(image.convert("L"), np.float32) / 255)[None]


def trained(steps: int = 200) -> Finder:
    """Train the network on tiles of the surfaces, with up to two scratches each."""
    with one_thread():
        return _trained(steps)


def _trained(steps: int) -> Finder:
    torch.manual_seed(0)
    random = np.random.default_rng(0)
    photos = [large_surface(name, 1024, 1024) for name in SURFACES]
    net = Finder()
    optimiser = torch.optim.Adam(net.parameters(), lr=4e-3)
    for _ in range(steps):
        tiles, wanted = zip(*(_example(photos, random) for _ in range(16)), strict=True)
        images = torch.from_numpy(np.stack(tiles)).float()[:, None] / 255
        targets = torch.from_numpy(np.stack(wanted))[:, None]
        loss = nn.functional.binary_cross_entropy_with_logits(net(images), targets, pos_weight=torch.tensor(5.0))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


def _example(photos: list[np.ndarray], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Make a tile and which of its cells a scratch crosses."""
    photo = photos[random.integers(len(photos))]
    x, y = random.integers(0, 1024 - TILE, 2)
    clean = photo[y : y + TILE, x : x + TILE].copy()
    tile = clean.copy()
    for _ in range(random.integers(0, 3)):
        scratched(tile, int(random.integers(0, TILE)), int(random.integers(0, TILE)), random.uniform(0, np.pi))
    drawn = (tile == 250) & (clean != 250)
    cells = drawn.reshape(TILE // CELL, CELL, TILE // CELL, CELL).mean(axis=(1, 3)) > 0.2
    return tile, cells.astype(np.float32)
