"""Tests of `andon inspect`."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Manifest, parse_manifest
from tests.support.bundles import write_colours
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


def test_it_tells_what_is_in_a_bundle(run: Run, colours: Path) -> None:
    """Name, digest, input, labels, executions, golden samples and members, each in its line."""
    ran = run("inspect", colours)
    digest = read_bundle(colours).digest
    assert (ran.code, ran.err) == (0, "")
    for line in (
        "name        colours",
        f"version     {digest[:12]}",
        f"digest      {digest}",
        "task        classification",
        "            shorter side to 40, bilinear, longer side rounded: floor",
        "labels      3 labels: red; green; blue",
        "decision    none: every verdict is Undefined",
        "executions  onnxruntime fp32 cpu, artifact onnx, tolerance 0.001",
        "golden      3 samples",
        "provenance  created by andon tests",
        "members     artifacts/onnx/model.onnx  498 bytes",
    ):
        assert line in ran.out.splitlines()


def test_the_provenance_is_told_as_far_as_it_goes(run: Run, tmp_path: Path) -> None:
    """Source, dataset, metrics and date appear where they were recorded."""
    provenance = {
        "created_by": "andon tests",
        "source": "train.py@3f2a",
        "dataset": "sha256:0123",
        "metrics": {"accuracy": 0.97},
    }
    bundle = write_colours(tmp_path / "c.andon", provenance=provenance, created="2026-11-22T08:00:00Z")
    lines = [line.strip() for line in run("inspect", bundle).out.splitlines()]
    assert lines[lines.index("provenance  created by andon tests") + 1 :][:3] == [
        "source train.py@3f2a",
        "dataset sha256:0123",
        "accuracy 0.97",
    ]
    assert "created     2026-11-22T08:00:00+00:00" in lines


def test_as_json_it_gives_the_whole_manifest(run: Run, colours: Path) -> None:
    """The manifest in the document is the manifest of the bundle."""
    ran = run("inspect", colours, "--json")
    document = json.loads(ran.out)
    bundle = read_bundle(colours)
    assert (document["digest"], document["version"]) == (bundle.digest, bundle.version)
    assert document["size_bytes"] == sum(map(len, bundle.members.values()))
    again: Manifest = parse_manifest(json.dumps(document["manifest"]).encode())
    assert again == bundle.manifest


def test_a_damaged_bundle_is_refused(run: Run, tmp_path: Path, colours: Path) -> None:
    """Every member is verified: one changed byte is an error that names the member, and nothing is shown."""
    damaged = tmp_path / "damaged.andon"
    data = bytearray(colours.read_bytes())
    data[data.index(b"\x89PNG") + 100] ^= 1
    damaged.write_bytes(data)
    ran = run("inspect", damaged)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err.startswith("BundleError [bundle.")
    assert "  in damaged.andon › golden/inputs/0.png" in ran.err.splitlines()


@pytest.mark.slow
def test_no_runtime_is_loaded(colours: Path) -> None:
    """To look at a bundle takes no runtime, and no library that decodes images."""
    code = (
        "import sys\nfrom andon.cli.main import main\n"
        "try:\n    main(['inspect', sys.argv[1]])\n"
        "finally:\n    print(*sorted({'onnxruntime', 'torch', 'PIL', 'cv2'} & set(sys.modules)), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code, str(colours)], check=True, capture_output=True, text=True)
    assert ran.stderr.strip() == ""
