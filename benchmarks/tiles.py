"""
How long an image of 20 or 64 megapixels takes in tiles of 512, and how much memory, by the size of a batch.

    python benchmarks/tiles.py [--rounds N]

The graph has the work of a ResNet-18 for every tile. Each row is a process of its own, which loads
the bundle, answers one tile, then the image; the sizes of a batch take turns. The peak of memory is
Linux's `VmHWM`, of the image by itself; that of loading and proving the bundle stands beside it.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

import andon

SIZES = {"20 MP": (5472, 3648), "64 MP": (7998, 8000)}
TILE, OVERLAP = 512, 64
BATCHES = (1, 4, 8)
CHILD = """
import json, re, sys, time
import andon
def peak(): return int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
model = andon.load(sys.argv[1])
model.predict(sys.argv[2])
loading = peak()
open("/proc/self/clear_refs", "w").write("5")  # the peak counts from here: the proof has had one of its own
before, started = peak(), time.perf_counter()
(found,) = model.predict_many([sys.argv[3]], batch_size=int(sys.argv[4]))
took = time.perf_counter() - started
assert found.error is None, found.error
print(json.dumps({"s": took, "loading": loading, "before": before, "peak": peak(), **found.timings_ms}))
"""


def network() -> nn.Module:
    """Make a ResNet-18 of two labels, with random weights."""
    sys.path.insert(0, str(Path(__file__).parent))
    from resnet18 import ResNet18

    net = ResNet18()
    net.head = nn.Linear(512, 2)
    return net.eval()


def transform(image: Image.Image) -> torch.Tensor:
    """Bring a tile to floats: float32 (3, 512, 512), 0-1."""
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float() / 255


def surface(width: int, height: int) -> Image.Image:
    """Make a surface with some texture."""
    random = np.random.default_rng(0)
    block = random.integers(120, 140, (512, 512, 3), dtype=np.uint8)
    return Image.fromarray(np.tile(block, (height // 512 + 1, width // 512 + 1, 1))[:height, :width])


def write_files(folder: Path) -> None:
    """Write the bundle, a tile and the images."""
    andon.pack(
        network(),
        samples=[surface(TILE, TILE), surface(900, 700)],
        labels=["ok", "bad"],
        out=folder / "tiles.andon",
        transform=transform,
        input={"tiles": {"size": [TILE, TILE], "overlap": OVERLAP}},
        decision={"ok_labels": ["ok"]},
    )
    surface(TILE, TILE).save(folder / "tile.jpg", quality=90)
    for name, size in SIZES.items():
        surface(*size).save(folder / f"{name}.jpg", quality=90)


def measured(folder: Path, name: str, batch: int) -> dict[str, float]:
    """Run one process."""
    files = [folder / "tiles.andon", folder / "tile.jpg", folder / f"{name}.jpg"]
    command = [sys.executable, "-c", CHILD, *map(str, files), str(batch)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def main() -> None:
    """Write the files, run the rows in turns, and print their medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        rows: dict[tuple[str, int], list[dict[str, float]]] = {}
        for _ in range(rounds):
            for size in SIZES:
                for batch in BATCHES:
                    rows.setdefault((size, batch), []).append(measured(folder, size, batch))
    print(f"{platform.processor() or platform.machine()}, onnxruntime {version('onnxruntime')}, medians of {rounds}")
    print("image   batch   seconds   decode  prepare    infer   finish ms   peak MB   above before   of loading")
    for (size, batch), found in rows.items():
        middle = {key: statistics.median(row[key] for row in found) for key in found[0]}
        stages = "".join(f"{middle[stage]:9.0f}" for stage in ("decode", "prepare", "infer", "finish"))
        above = middle["peak"] - middle["before"]
        print(
            f"{size:6}{batch:7}{middle['s']:10.1f}{stages}{middle['peak']:13.0f}{above:15.0f}{middle['loading']:13.0f}"
        )


if __name__ == "__main__":
    main()
