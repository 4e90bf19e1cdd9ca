"""What every server is given: photos, one network in the form that each needs, and the labels of eager PyTorch."""

import io
import json
import subprocess
import sys
from pathlib import Path

import torch
from msgspec import Struct
from PIL import Image
from resnet18 import ResNet18, pack, settled, transform

from serving.photos import write_photos

SAMPLES = 16
BUNDLE = "resnet18.andon"
TORCH_BUNDLE = "resnet18-torch.andon"
OPTIMIZED = "resnet18-optimized.andon"
"""What `andon optimize` makes of the bundle."""
CALIBRATION = 300
"""Photos that `andon optimize` is given; none of them is among those that are asked about."""
MIN_CLASSES = 30
"""With fewer labels than this a check of answers would prove little."""


class Workload(Struct, frozen=True, kw_only=True):
    """The files of one folder."""

    folder: Path
    photos: list[bytes]
    """JPEG."""
    expected: list[int]
    """The class of each photo, by the eager network and its own transform."""


def write_workload(folder: Path) -> Workload:
    """Make the files in a folder, where they are not yet there."""
    photos = [path.read_bytes() for path in write_photos(folder / "photos")]
    labels = folder / "expected.json"
    if not labels.exists():
        labels.write_text(json.dumps(write_network(folder, photos)))
    return Workload(folder=folder, photos=photos, expected=json.loads(labels.read_text()))


def write_network(folder: Path, photos: list[bytes]) -> list[int]:
    """Write the network as weights, as TorchScript and as a bundle, and give the class of each photo."""
    images: list[Image.Image] = [Image.open(io.BytesIO(photo)) for photo in photos]
    net = settled(images)
    batch = torch.stack([transform(image) for image in images])
    with torch.inference_mode():
        expected: list[int] = net(batch).argmax(dim=1).tolist()
    if len(set(expected)) < MIN_CLASSES:
        raise SystemExit(f"only {len(set(expected))} labels occur: the answers would prove little")
    torch.save(net.state_dict(), folder / "resnet18.weights.pt")
    write_torchscript(net, folder / "resnet18.torchscript.pt")
    pack(net, images[:SAMPLES], folder / BUNDLE)
    pack(net, images[:SAMPLES], folder / TORCH_BUNDLE, artifact="torchscript")
    return expected


def write_optimized(folder: Path) -> bool:
    """Make the optimised bundle with this Andon, where it is not yet there; False where it cannot, which is told."""
    out, data = folder / OPTIMIZED, folder / "calibration"
    if not out.exists():
        write_photos(data, CALIBRATION, seed=6)
        andon = str(Path(sys.executable).with_name("andon"))
        command = [andon, "optimize", str(folder / BUNDLE), "-o", str(out), "--data", str(data)]
        subprocess.run(command, check=False, stdout=sys.stderr)
    return out.exists()


def write_torchscript(net: ResNet18, path: Path) -> None:
    """Trace the network; whoever loads it freezes it and optimises it for inference."""
    with torch.no_grad():
        traced = torch.jit.trace(net, torch.zeros(1, 3, 224, 224))  # type: ignore[no-untyped-call]
    traced.save(str(path))
