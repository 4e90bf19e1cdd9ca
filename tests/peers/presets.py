"""
What is found of the transforms of torchvision and timm; run with the Python of scripts/peers.

It prints a JSON object of each name: the declaration, how it was found and what is noted, or the error.
With a folder as its argument it also packs a network with a preset, and proves it.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import timm.data
import torch
from torchvision import models, transforms
from torchvision.transforms import InterpolationMode, v2

import andon
from andon.build.infer import find_input
from andon.build.samples import read_samples
from andon.errors import AndonError
from tests.support.author import LABELS, Net, photo

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PHOTOS = [photo(number, size) for number, size in enumerate([(331, 297), (290, 340), (400, 350), (277, 277)])]
Transform = Callable[[Any], Any]


def first(*steps: Any) -> Transform:
    """Compose steps of torchvision's first transforms."""
    return transforms.Compose([*steps, transforms.ToTensor(), transforms.Normalize(MEAN, STD)])


def second(*steps: Any, on_tensors: bool = False) -> Transform:
    """Compose steps of its second transforms, on Pillow images or on uint8 tensors."""
    to_image = [v2.ToImage()]
    before, after = (to_image, []) if on_tensors else ([], to_image)
    return v2.Compose([*before, *steps, *after, v2.ToDtype(torch.float32, scale=True), v2.Normalize(MEAN, STD)])


def floats(*steps: Any) -> Transform:
    """Compose steps on float tensors."""
    return v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True), *steps, v2.Normalize(MEAN, STD)])


def of_timm(**config: Any) -> Transform:
    """Make timm's transform of a data config."""
    return timm.data.create_transform(**{"input_size": (3, 224, 224), "is_training": False, **config})


def wrapped(image: Any) -> Any:
    """Call a preset as a data set does, so that nothing can be read."""
    return models.ResNet18_Weights.DEFAULT.transforms()(image.convert("RGB"))


BICUBIC = InterpolationMode.BICUBIC
TRANSFORMS: dict[str, Transform] = {
    "resnet18": models.ResNet18_Weights.DEFAULT.transforms(),
    "resnet50 v2": models.ResNet50_Weights.IMAGENET1K_V2.transforms(),
    "efficientnet v2": models.EfficientNet_V2_S_Weights.DEFAULT.transforms(),
    "vit": models.ViT_B_16_Weights.DEFAULT.transforms(),
    "swin": models.Swin_V2_T_Weights.DEFAULT.transforms(),
    "wrapped": wrapped,
    "v1": first(transforms.Resize(256), transforms.CenterCrop(224)),
    "v1 exact": first(transforms.Resize((224, 200), BICUBIC)),
    "v1 crop": first(transforms.CenterCrop(200)),
    "v1 grey": transforms.Compose(
        [transforms.Grayscale(), transforms.Resize(64), transforms.CenterCrop(60), transforms.ToTensor()]
    ),
    "v1 random": first(transforms.RandomResizedCrop(100)),
    "v1 max_size": first(transforms.Resize(100, max_size=150), transforms.CenterCrop(112)),
    "v1 five": first(transforms.Resize(128), transforms.Lambda(lambda image: image.crop((0, 0, 112, 112)))),
    "v2": second(v2.Resize(256), v2.CenterCrop(224)),
    "v2 rgb": second(v2.RGB(), v2.Resize(256), v2.CenterCrop(224)),
    "v2 uint8": second(v2.Resize((96, 96)), on_tensors=True),
    "v2 uint8 bicubic": second(v2.Resize((96, 96), BICUBIC), on_tensors=True),
    "v2 float": floats(v2.Resize(256), v2.CenterCrop(224)),
    "v2 float plain": floats(v2.Resize((96, 96), antialias=False)),
    "v2 float bicubic": floats(v2.Resize((96, 96), BICUBIC)),
    "v2 equalized": second(v2.Resize((96, 96)), v2.RandomEqualize(p=1.0)),
    "timm center": of_timm(crop_pct=0.9, interpolation="bicubic"),
    "timm squash": of_timm(crop_pct=0.95, crop_mode="squash"),
    "timm border": of_timm(crop_pct=0.9, crop_mode="border"),
    "timm inception": of_timm(input_size=(3, 128, 128), crop_pct=0.875, mean=(0.5,) * 3, std=(0.5,) * 3),
    "timm wide": of_timm(input_size=(3, 192, 256), crop_pct=0.9),
}


def found(transform: Transform) -> dict[str, Any]:
    """Find what a transform does."""
    try:
        result = find_input(transform, read_samples(PHOTOS))
    except AndonError as error:
        return {"code": error.code, "message": error.message}
    return {"spec": msgspec.to_builtins(result.spec), "how": result.how, "notes": result.notes}


def packed(folder: str) -> dict[str, Any]:
    """Pack a network with a preset and prove it."""
    transform = models.ResNet18_Weights.DEFAULT.transforms()
    spec = find_input(transform, read_samples(PHOTOS)).spec
    out = Path(folder) / "preset.andon"
    report = andon.pack(Net(), samples=PHOTOS, labels=LABELS, out=out, transform=transform, input=spec)
    return {"label": andon.load(out).predict(PHOTOS[0]).label, "pixels": report.worst["pixels"]}


if __name__ == "__main__":
    torch.set_num_threads(1)
    answers = {name: found(transform) for name, transform in TRANSFORMS.items()}
    if sys.argv[1:]:
        answers["packed"] = packed(sys.argv[1])
    sys.stdout.write(json.dumps(answers))
