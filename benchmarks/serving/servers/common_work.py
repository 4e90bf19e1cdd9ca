"""What every peer does with a photo, so that they differ in serving alone: decode, resize, crop, normalise, top-1."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import io
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image

WORK = Path(os.environ["WORKLOAD"])
PORT = int(os.environ["PORT"])
MEAN = torch.tensor((0.485, 0.456, 0.406)).view(3, 1, 1)
STD = torch.tensor((0.229, 0.224, 0.225)).view(3, 1, 1)


def prepare(data: bytes) -> torch.Tensor:
    """Decode a JPEG and prepare it as the network was trained: float32 (3, 224, 224)."""
    image = Image.open(io.BytesIO(data)).convert("RGB")
    shorter = min(image.size)
    size = (image.width * 256 // shorter, image.height * 256 // shorter)
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = round((image.width - 224) / 2), round((image.height - 224) / 2)
    pixels = torch.from_numpy(np.array(image.crop((left, top, left + 224, top + 224))))
    return (pixels.permute(2, 0, 1).float() / 255 - MEAN) / STD


def load_network() -> torch.jit.ScriptModule:
    """Load the TorchScript, freeze it, optimise it for inference, and run it warm; one compute thread."""
    torch.set_num_threads(1)
    network = torch.jit.freeze(torch.jit.load(str(WORK / "resnet18.torchscript.pt")).eval())
    network = torch.jit.optimize_for_inference(network)
    for batch in (1, 4, 1, 4):
        top1(network, [torch.zeros(3, 224, 224)] * batch)
    return network


def top1(network: torch.jit.ScriptModule, prepared: list[torch.Tensor]) -> list[int]:
    """Run a batch, and give the class of each photo."""
    with torch.inference_mode():
        classes: list[int] = network(torch.stack(prepared)).argmax(dim=1).tolist()
    return classes
