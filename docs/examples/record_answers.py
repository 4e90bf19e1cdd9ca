"""
Record what an old model answers, where it still runs: Python 3.6 or later, any PyTorch.

    python record_answers.py ANSWERS.npz IMAGE...

Copy this file next to your old code, and put your model and your transform where `load` has its own.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image


def load() -> Any:
    """Give your model, with its weights, and the transform of your validation."""
    from torchvision import transforms  # type: ignore[import-not-found, unused-ignore] # as your training had it

    model = torch.load("model.pth", map_location="cpu")  # your own file: loading it runs code
    transform = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224), transforms.ToTensor()])
    return model, transform


def record(model: Any, transform: Any, images: Any, out: str) -> None:
    """Write the weights, and for each image the model input and the raw output."""
    model.eval()
    arrays = {}
    for path in images:
        with torch.no_grad():
            model_input = transform(Image.open(path))
            raw_output = model(model_input.unsqueeze(0))[0]
        name = Path(path).name
        arrays["input/" + name] = model_input.numpy()
        arrays["output/" + name] = raw_output.numpy()
    for name, tensor in model.state_dict().items():
        arrays["weights/" + name] = tensor.cpu().numpy()
    np.savez(out, **arrays)
    print(f"recorded the answers for {len(images)} images in {out}")


if __name__ == "__main__":
    loaded, validation = load()
    record(loaded, validation, sys.argv[2:], sys.argv[1])
