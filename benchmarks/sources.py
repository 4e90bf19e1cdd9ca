"""
Whether a model answers the same through every source and every runtime: labels against those of its eager network.

    python benchmarks/sources.py IMAGE_FOLDER [--limit N]

EfficientNet-Lite0 of the example `photos` and three small networks are given as modules, exported
programs, TorchScript and ONNX files, packed, and loaded in each runtime that is listed. All images
of the folder are then predicted, and their labels compared with what the transform and the eager
network say in plain PyTorch.
"""

import argparse
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec import Struct
from msgspec.structs import replace
from PIL import Image
from torch import nn

import andon
from andon.bundle.archive import read_bundle, write_bundle
from andon.demo import photos

SAMPLES = 24
SMALL: Mapping[str, Any] = {
    "resize": {"mode": "exact", "size": [96, 96]},
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


class Residual(nn.Module):
    """Convolutions with batch norms, and a way around them."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 5, 2, 2), nn.BatchNorm2d(32), nn.ReLU())
        self.body = nn.Sequential(
            nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 32, 3, 1, 1), nn.BatchNorm2d(32)
        )
        self.head = nn.Linear(32, 12)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Give raw outputs (N, 12)."""
        stem = self.stem(images)
        maps = torch.relu(stem + self.body(stem))
        found: torch.Tensor = self.head(nn.functional.adaptive_avg_pool2d(maps, 1).flatten(1))
        return found


class Depthwise(nn.Module):
    """Depthwise convolutions, hard swish, and weights of the channels that hang on the image."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 48, 3, 4, 1), nn.Hardswish(), nn.Conv2d(48, 48, 5, 2, 2, groups=48))
        self.gate = nn.Sequential(nn.Conv2d(48, 12, 1), nn.ReLU(), nn.Conv2d(12, 48, 1), nn.Hardsigmoid())
        self.head = nn.Linear(48, 20)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Give raw outputs (N, 20)."""
        maps = self.stem(images)
        maps = nn.functional.hardswish(maps * self.gate(maps.mean(dim=(2, 3), keepdim=True)))
        found: torch.Tensor = self.head(maps.amax(dim=(2, 3)))
        return found


class Attention(nn.Module):
    """Patches that look at each other, as in a vision transformer."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 64, 16, 16)
        self.places = nn.Parameter(torch.randn(1, 36, 64) * 0.2)
        self.norm = nn.LayerNorm(64)
        self.mixed = nn.Linear(64, 192)
        self.head = nn.Sequential(nn.Linear(64, 64), nn.GELU(), nn.Linear(64, 16))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Give raw outputs (N, 16)."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.places
        query, key, value = (part.unsqueeze(1) for part in self.mixed(self.norm(tokens)).chunk(3, dim=-1))
        tokens = tokens + nn.functional.scaled_dot_product_attention(query * 3, key, value).squeeze(1)
        found: torch.Tensor = self.head(tokens.mean(dim=1))
        return found


def small_transform(image: Image.Image) -> torch.Tensor:
    """Prepare as `SMALL` declares: float32 (3, 96, 96)."""
    pixels = np.asarray(image.convert("RGB").resize((96, 96), Image.Resampling.BILINEAR), np.float32) / 255
    normalised = (pixels - np.array(SMALL["mean"], np.float32)) / np.array(SMALL["std"], np.float32)
    return torch.from_numpy(np.ascontiguousarray(normalised.transpose(2, 0, 1)))


class Case(Struct, frozen=True, kw_only=True):
    """A network with its preparation."""

    network: nn.Module
    transform: Callable[[Image.Image], torch.Tensor]
    declared: Mapping[str, Any]
    labels: Sequence[str]
    factory: str
    side: int


def efficientnet() -> nn.Module:
    """Build the network of the example without its weights."""
    from efficientnet_lite_pytorch import EfficientNet

    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    return network


def cases(paths: Sequence[Path]) -> Iterator[tuple[str, Case]]:
    """Give each network; the last bias of random ones is set so that many classes occur."""
    yield (
        "EfficientNet-Lite0",
        Case(
            network=photos.model(),
            transform=photos.transform,
            declared=photos.INPUT,
            labels=photos.labels(),
            factory="sources:efficientnet",
            side=224,
        ),
    )
    for kind in (Residual, Depthwise, Attention):
        torch.manual_seed(3)
        network = kind().eval()
        inputs = torch.stack([small_transform(Image.open(path)) for path in paths[:: max(1, len(paths) // 64)]])
        with torch.no_grad():
            last = [part for part in network.modules() if isinstance(part, nn.Linear)][-1]
            scores = network(inputs)
            last.weight.div_(scores.std(dim=0, keepdim=True).T)
            last.bias.div_(scores.std(dim=0))
            last.bias.sub_(network(inputs).mean(dim=0))
        labels = [f"class {number}" for number in range(last.out_features)]
        yield (
            kind.__name__,
            Case(
                network=network,
                transform=small_transform,
                declared=SMALL,
                labels=labels,
                factory=f"sources:{kind.__name__}",
                side=96,
            ),
        )


def given(case: Case, folder: Path) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Give the network as authors have it: source, what `pack` takes, and arguments."""
    example = torch.zeros(2, 3, case.side, case.side)
    free = ({0: torch.export.Dim("batch", min=1)},)
    yield "nn.Module", case.network, {"artifacts": ["onnx", "pt2", "torchscript", "eager"], "factory": case.factory}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(case.network, (example,), dynamic_shapes=free), folder / "net.pt2")
        torch.jit.save(torch.jit.trace(case.network, example), folder / "net.pt")  # type: ignore[no-untyped-call] # it has no types
        torch.onnx.export(
            case.network, (example,), folder / "net.onnx", dynamo=True, dynamic_shapes=free, verbose=False
        )
    yield ".pt2", folder / "net.pt2", {}
    yield "TorchScript", folder / "net.pt", {}
    yield ".onnx", folder / "net.onnx", {}


def eager_labels(case: Case, paths: Sequence[Path]) -> list[int]:
    """Ask the eager network about each image, alone."""
    with torch.no_grad():
        return [int(case.network(case.transform(Image.open(path))[None]).argmax()) for path in paths]


def agreements(case: Case, paths: Sequence[Path], expected: Sequence[int]) -> Iterator[tuple[str, str, float, float]]:
    """Pack through each source, and give the share of equal labels in each runtime, and the seconds that it took."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples = paths[:: max(1, len(paths) // SAMPLES)]
        for source, model, arguments in given(case, folder):
            report = andon.pack(
                model,
                samples=samples,
                labels=case.labels,
                out=folder / "bundle.andon",
                transform=case.transform,
                input=case.declared,
                **arguments,
            )
            for execution in report.manifest.executions:
                loaded = andon.load(report.path, runtime=execution.runtime, threads=1, trust=True)
                if execution.artifact != loaded.execution.artifact:
                    loaded = only(report.path, execution.artifact, folder)
                started = time.perf_counter()
                found = [prediction.index for prediction in loaded.predict_many(paths)]
                seconds = time.perf_counter() - started
                equal = float(np.mean(np.array(found) == np.array(expected)))
                yield source, f"{execution.artifact} in {execution.runtime}", equal, seconds


def only(path: Path, artifact: str, folder: Path) -> andon.Model:
    """Load a bundle that lists the executions of one artifact alone."""
    bundle = read_bundle(path)
    executions = tuple(execution for execution in bundle.manifest.executions if execution.artifact == artifact)
    alone = folder / f"{artifact}.andon"
    write_bundle(alone, replace(bundle.manifest, executions=executions), dict(bundle.members))
    return andon.load(alone, threads=1, trust=True)


def main() -> None:
    """Print a table."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--limit", type=int, default=None)
    chosen = arguments.parse_args()
    sys.path.insert(0, str(Path(__file__).parent))
    paths = sorted(path for path in chosen.folder.rglob("*") if path.suffix.lower() in {".jpg", ".png", ".bmp"})
    paths = paths[:: max(1, len(paths) // chosen.limit)] if chosen.limit else paths
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "onnx", "onnxruntime", "openvino"))
    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, {libraries}")
    print(f"{len(paths)} images of {chosen.folder}\n")
    print("| network | source | artifact and runtime | equal labels | s |\n| --- | --- | --- | --- | --- |")
    for name, case in cases(paths):
        expected = eager_labels(case, paths)
        print(f"| {name} | eager | {len(set(expected))} classes occur | | |", flush=True)
        for source, execution, equal, seconds in agreements(case, paths, expected):
            print(f"| {name} | {source} | {execution} | {equal:.2%} | {seconds:.0f} |", flush=True)


if __name__ == "__main__":
    main()
