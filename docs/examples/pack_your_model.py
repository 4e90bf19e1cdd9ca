"""
Pack your own model.

    python pack_your_model.py IMAGE_FOLDER OUT.andon

Put your network, your validation transform and your labels where this file has small ones of its own.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import andon

LABELS = ["red", "green", "blue"]
MEAN = [0.485, 0.456, 0.406]
STD = [0.229, 0.224, 0.225]


class Colours(nn.Module):
    """Your trained network. This one judges the mean colour: float32 (N, 3, H, W) to raw outputs (N, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.tensor([[4.0, -2, -2], [-2, 4, -2], [-2, -2, 4]]))
            self.linear.bias.copy_(torch.tensor([0.1, -0.2, 0.3]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Average over the image, then one linear layer."""
        scores: torch.Tensor = self.linear(images.mean(dim=(2, 3)))
        return scores


def transform(image: Image.Image) -> torch.Tensor:
    """
    Your validation transform, as it is: what `PIL.Image.open` gives in, float32 (C, H, W) out.

    This one is torchvision's Resize(256), CenterCrop(224), ToTensor(), Normalize(MEAN, STD), spelled out.
    """
    image = image.convert("RGB")
    shorter = min(image.size)
    width, height = (side * 256 // shorter for side in image.size)
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    pixels = np.array(image.crop((left, top, left + 224, top + 224)))
    values = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    return (values - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


INPUT = {
    "resize": {"mode": "shorter_side", "size": 256, "interpolation": "bilinear"},
    "crop": {"size": [224, 224]},
    "mean": MEAN,
    "std": STD,
}
"""The same preparation, declared: `pack` holds it against the transform on every sample."""


def main(folder: str, out: str) -> None:
    """Pack the model with the images of a folder as samples."""
    samples = sorted(path for path in Path(folder).iterdir() if path.suffix in {".jpg", ".png"})
    report = andon.pack(Colours(), samples=samples, labels=LABELS, out=out, transform=transform, input=INPUT)
    print(f"packed {report.path}: compared on {report.samples} images, {report.golden} golden samples")
    for note in report.notes:
        print(f"note: {note}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
