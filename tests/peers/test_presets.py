"""The transforms of the real torchvision and timm, in an environment of their own that scripts/peers makes."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from andon.bundle.input_spec import InputSpec
from tests.support.tree import ROOT

PLAIN = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
BORDER = [124, 116, 104]


def short(size: int, crop: int, **resize: Any) -> dict[str, Any]:
    """Declare a resize of the shorter side and a square crop."""
    return {"resize": {"mode": "shorter_side", "size": size, **resize}, "crop": {"size": [crop, crop]}, **PLAIN}


def exact(height: int, width: int, **resize: Any) -> dict[str, Any]:
    """Declare a resize to a size."""
    return {"resize": {"mode": "exact", "size": [height, width], **resize}, **PLAIN}


FOUND: dict[str, dict[str, Any]] = {
    "resnet18": short(256, 224),
    "resnet50 v2": short(232, 224),
    "efficientnet v2": short(384, 384),
    "vit": short(256, 224),
    "swin": short(260, 256, interpolation="bicubic"),
    "wrapped": short(256, 224),
    "v1": short(256, 224),
    "v1 exact": exact(224, 200, interpolation="bicubic"),
    "v1 crop": {"crop": {"size": [200, 200]}, **PLAIN},
    "v1 grey": {"color": "L", "resize": {"mode": "shorter_side", "size": 64}, "crop": {"size": [60, 60]}},
    "v2": short(256, 224),
    "v2 rgb": short(256, 224),
    "v2 uint8": exact(96, 96),
    "v2 float": short(256, 224),
    "v2 float plain": exact(96, 96, antialias=False),
    "timm center": short(248, 224, interpolation="bicubic"),
    "timm squash": {**exact(235, 235), "crop": {"size": [224, 224]}},
    "timm border": {
        "resize": {"mode": "letterbox", "size": [248, 248], "pad": BORDER},
        "crop": {"size": [224, 224], "pad": BORDER},
        **PLAIN,
    },
    "timm inception": {
        "resize": {"mode": "shorter_side", "size": 146},
        "crop": {"size": [128, 128]},
        "mean": [0.5],
        "std": [0.5],
    },
}
ASKED = {
    "v1 random": "pack.mismatch.random",
    "v1 max_size": "pack.input",
    "v1 five": "pack.input",
    "v2 uint8 bicubic": "pack.input",
    "v2 float bicubic": "pack.input",
    "v2 equalized": "pack.input",
    "timm wide": "pack.input",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Ask the real libraries; without their environment the tests are skipped by name."""
    where = subprocess.run([ROOT / "scripts" / "peers", "--where"], capture_output=True, text=True, check=True).stdout
    python = Path(where.strip())
    if not (python.parents[1] / "installed").exists():
        pytest.skip("torchvision and timm are not installed beside; scripts/peers does it, with 6 GB")
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    arguments = [python, ROOT / "tests" / "peers" / "presets.py", tmp_path_factory.mktemp("peers")]
    run = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("name", FOUND)
def test_a_preset_is_found(name: str, answers: dict[str, Any]) -> None:
    """Every field, whether it was read or probed."""
    assert "spec" in answers[name], answers[name]
    assert msgspec.convert(answers[name]["spec"], InputSpec) == msgspec.convert(FOUND[name], InputSpec)


@pytest.mark.slow
@pytest.mark.parametrize("name", ASKED)
def test_what_cannot_be_declared_is_asked_about(name: str, answers: dict[str, Any]) -> None:
    """Chance, a bounded side, a crop in a corner, tensors that are rounded or not clipped, curves."""
    assert answers[name].get("code") == ASKED[name], answers[name]


@pytest.mark.slow
def test_what_can_be_read_is_read(answers: dict[str, Any]) -> None:
    """A preset and a data config are read off, one in a function is probed."""
    assert "read off the steps of the torchvision transform" in answers["resnet18"]["how"]
    assert "read off the steps of the timm transform" in answers["timm center"]["how"]
    assert "found by probing" in answers["wrapped"]["how"]


@pytest.mark.slow
def test_a_network_is_packed_with_what_was_found(answers: dict[str, Any]) -> None:
    """The bundle proves itself, and the preset's pixels are those of the declaration to the last grey level."""
    assert answers["packed"]["pixels"] < 0.01
