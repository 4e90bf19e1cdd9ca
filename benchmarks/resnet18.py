"""A bundle with the size and the work of a ResNet-18: 45 MB of weights, answers that differ from photo to photo."""

import argparse
import io
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import nn

Form = Literal["onnx", "torchscript"]
CLASSES = 1000
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
INPUT = {
    "resize": {"mode": "shorter_side", "size": 256, "interpolation": "bilinear"},
    "crop": {"size": [224, 224]},
    "mean": MEAN,
    "std": STD,
}


class Block(nn.Module):
    """Two convolutions and the way around them."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.around: nn.Module = nn.Identity()
        if stride != 1 or channels_in != channels:
            self.around = nn.Sequential(
                nn.Conv2d(channels_in, channels, 1, stride, bias=False), nn.BatchNorm2d(channels)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give (N, channels, H / stride, W / stride)."""
        return torch.relu(self.body(x) + self.around(x))


class ResNet18(nn.Module):
    """
    The network of He et al., 2015, table 1, with random weights from a seed.

    Source:
        https://arxiv.org/abs/1512.03385
    """

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(18)
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)
        )
        widths = ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1), (256, 512, 2))
        self.blocks = nn.Sequential(*(Block(*width) for width in widths), Block(512, 512, 1))
        self.head = nn.Linear(512, CLASSES)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Give (N, 512)."""
        pooled: torch.Tensor = self.blocks(self.stem(x)).mean(dim=(2, 3))
        return pooled

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Give logits (N, classes)."""
        logits: torch.Tensor = self.head(self.features(x))
        return logits


def photo(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Make an RGB image with a colour and a texture of its own: noise of all sizes, in shares that the seed chooses."""
    rng = np.random.default_rng(seed)
    pixels = np.full((height, width, 3), rng.uniform(70, 185, 3))
    for divisor in (2, 4, 8, 16, 32, 64):
        coarse = rng.integers(0, 256, (height // divisor + 2, width // divisor + 2, 3), dtype=np.uint8)
        layer = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
        pixels += (np.asarray(layer) - 128.0) * rng.uniform(0, 0.6)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def encoded(image: Image.Image, kind: str) -> bytes:
    """Encode an image as PNG or JPEG."""
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


def transform(image: Image.Image) -> torch.Tensor:
    """Prepare as `INPUT` says, in Pillow and torch: float32 (3, 224, 224)."""
    shorter = min(image.size)
    image = image.convert("RGB").resize(
        (image.width * 256 // shorter, image.height * 256 // shorter), Image.Resampling.BILINEAR
    )
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    pixels = np.array(image.crop((left, top, left + 224, top + 224)))
    values = torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
    return (values - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def settled(images: list[Image.Image]) -> ResNet18:
    """Make the network answer as a trained one does: statistics from images, and a head around their mean."""
    net = ResNet18()
    batch = torch.stack([transform(image) for image in images])
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    with torch.no_grad():
        net.train()(batch)
        features = net.eval().features(batch)
        net.head.weight.mul_(4 / features.std(dim=0).mean())
        net.head.bias.copy_(-net.head.weight @ features.mean(dim=0))
    return net


def write_bundle(out: Path) -> Path:
    """Pack the network, and give the path of the bundle."""
    images = [photo(seed) for seed in range(16)]
    pack(settled(images), images, out)
    return out


def pack(net: ResNet18, samples: list[Image.Image], out: Path, artifact: Form = "onnx") -> None:
    """Pack a network with the labels `class 0` to `class 999`."""
    import andon  # late: what serves this network elsewhere has no Andon

    labels = [f"class {number}" for number in range(CLASSES)]
    andon.pack(net, samples=samples, labels=labels, out=out, transform=transform, input=INPUT, artifacts=[artifact])


def main() -> None:
    """Write the bundle where the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    path = write_bundle(parser.parse_args().out)
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
