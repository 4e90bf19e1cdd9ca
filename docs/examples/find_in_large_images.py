"""
Pack a model that looks at tiles, and find small things in large images.

    python find_in_large_images.py IMAGE_FOLDER OUT.andon IMAGE

Put your network, your transform of one tile and your labels where this file has small ones of its own.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import andon

TILE = 256
LABELS = ["spot"]


class Spots(nn.Module):
    """Your trained network. This one tells how dark each 8 x 8 pixels are: (N, 3, 256, 256) to a map (N, 1, 32, 32)."""

    def forward(self, tiles: torch.Tensor) -> torch.Tensor:
        """Give logits."""
        darkness: torch.Tensor = 0.25 - nn.functional.avg_pool2d(tiles.mean(dim=1, keepdim=True), 8)
        return darkness * 40


def transform(tile: Image.Image) -> torch.Tensor:
    """Your validation transform of one tile: float32 (3, 256, 256)."""
    return torch.from_numpy(np.array(tile.convert("RGB"))).permute(2, 0, 1).float() / 255


def main(folder: str, out: str, image: str) -> None:
    """Pack with the images of a folder, and say what is found in another one."""
    report = andon.pack(
        Spots(),
        samples=sorted(Path(folder).glob("*.png")),
        labels=LABELS,
        out=out,
        transform=transform,
        task="segmentation",
        activation="sigmoid",
        input={"tiles": {"size": [TILE, TILE], "overlap": 32}},
        decision={"thresholds": {"spot": {"low": 0.5, "high": 0.8}}},
    )
    print(f"packed {report.path}: compared on {report.samples} tiles")
    found = andon.load(out).predict(image)
    print(f"{found.verdict.name}: {'; '.join(found.reasons)}")
    for box in found.boxes:
        print(f"{box.label} {box.score:.2f} at ({box.x:.0f}, {box.y:.0f}), {box.width:.0f} x {box.height:.0f} pixels")


if __name__ == "__main__":
    main(*sys.argv[1:])
