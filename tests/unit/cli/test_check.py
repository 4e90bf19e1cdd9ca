"""Tests of `andon check`."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest

from andon.bundle.archive import write_bundle
from andon.bundle.manifest import Manifest
from tests.support.bundles import INPUT, colour_graph, colour_parts, declared_files, write_colours
from tests.support.cards import give_cards
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]
PERTURBED = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4.1]], np.float32)


def test_a_sound_bundle_holds(run: Run, colours: Path) -> None:
    """A row for its execution with the differences, one sentence of talk, exit code 0."""
    ran = run("check", colours)
    header, row = ran.out.splitlines()
    assert ran.code == 0
    assert header.split() == ["execution", "result", "samples", "pixels", "off", "output", "off", "tolerance"]
    assert row.split()[:6] == ["onnxruntime", "fp32", "cpu", "holds", "3", "0"]
    assert 0 <= float(row.split()[6]) < 1e-5
    assert ran.err == "colours.andon is sound: 5 members intact, 3 golden samples reproduced by 1 execution\n"


@pytest.mark.parametrize(
    ("graph", "fields", "stage"),
    [
        (colour_graph(PERTURBED), {}, "raw output"),
        (None, {"input": {**INPUT, "color": "BGR"}}, "pixels"),
        (None, {"input": {**INPUT, "mean": [0.5, 0.5, 0.5]}}, "model input"),
    ],
)
def test_a_bundle_that_answers_otherwise_fails_at_the_stage_where_it_starts(
    run: Run, tmp_path: Path, graph: bytes | None, fields: dict[str, object], stage: str
) -> None:
    """With all digests right, the exit code is 1, and the stage and the sample are named."""
    bundle = write_colours(tmp_path / "c.andon", graph, **fields)
    ran = run("check", bundle)
    assert ran.code == 1
    assert ran.out.splitlines()[1].split()[3] == "fails"
    assert ran.err.startswith("ProofError [proof.failed]: ")
    assert f"stage {stage}:" in ran.err
    assert "  in c.andon › golden/inputs/" in ran.err


def test_every_execution_has_its_row_and_one_that_fails_is_enough(run: Run, tmp_path: Path) -> None:
    """The others are still proven; the error is that of the first that fails."""
    executions = [
        {"artifact": "onnx", "runtime": "onnxruntime"},
        {"artifact": "onnx", "runtime": "onnxruntime", "tolerance": {"relative": 0}},
        {"artifact": "onnx", "runtime": "onnxruntime", "tolerance": {"relative": 1}},
    ]
    ran = run("check", write_colours(tmp_path / "c.andon", executions=executions))
    assert ran.code == 1
    assert [line.split()[3] for line in ran.out.splitlines()[1:]] == ["holds", "fails", "holds"]
    assert "allowed 0 " in ran.err


def test_as_json_it_gives_every_finding(run: Run, tmp_path: Path) -> None:
    """The document is written also where the check fails."""
    ran = run("check", write_colours(tmp_path / "c.andon", colour_graph(PERTURBED)), "--json")
    document = json.loads(ran.out)
    (execution,) = document["executions"]
    assert (ran.code, document["holds"], execution["holds"]) == (1, False, False)
    assert document["model"]["name"] == "colours"
    assert (execution["runtime"], execution["samples"], execution["worst_pixel_difference"]) == ("onnxruntime", 3, 0)
    assert execution["worst_output_difference"] > execution["tolerance"]
    assert {finding["stage"] for finding in execution["findings"]} == {"raw output"}
    assert execution["error"]["code"] == "proof.failed"


def test_an_artifact_that_does_not_load_fails(run: Run, tmp_path: Path) -> None:
    """There are no differences to show then; the runtime's reason is."""
    bundle = write_colours(tmp_path / "c.andon", b"no graph")
    ran = run("check", bundle)
    assert ran.code == 1
    assert ran.out.splitlines()[1].split()[3:] == ["fails", "-", "-", "-", "0.001"]
    assert ran.err.startswith("RuntimeFault [runtime.load]: ")
    assert json.loads(run("check", bundle, "--json").out)["executions"][0]["worst_output_difference"] is None


def test_a_runtime_that_proves_nothing_does_not_hold(run: Run, colours: Path) -> None:
    """Zeros are no proof."""
    ran = run("check", colours, "--runtime", "null")
    assert ran.code == 1
    assert "answers zeros" in ran.err


def test_an_execution_that_is_not_installed_is_named(run: Run, tmp_path: Path) -> None:
    """What was not proven is said, and is no failure of the bundle."""
    executions = [{"artifact": "onnx", "runtime": name} for name in ("onnxruntime", "abacus")]
    bundle = write_colours(tmp_path / "c.andon", executions=executions)
    ran = run("check", bundle)
    assert (ran.code, len(ran.out.splitlines())) == (0, 2)
    assert "not proven: abacus fp32 cpu: there is no runtime 'abacus'" in ran.err
    assert "abacus" not in run("check", bundle, "--runtime", "onnxruntime").err


def test_an_execution_that_is_not_trusted_is_named(run: Run, tmp_path: Path) -> None:
    """What is safe is proven all the same."""
    manifest, members = colour_parts()
    members["artifacts/pt2/model.pt2"] = b"not looked at"
    manifest["artifacts"].append({"name": "pt2", "format": "pt2", "path": "artifacts/pt2/model.pt2"})
    manifest["executions"].append({"artifact": "pt2", "runtime": "torch"})
    manifest["files"] = declared_files(members)
    bundle = tmp_path / "c.andon"
    write_bundle(bundle, msgspec.convert(manifest, Manifest), members)
    ran = run("check", bundle)
    assert ran.code == 0
    assert "not proven: torch fp32 cpu: loading an artifact of the format pt2 can run code" in ran.err
    assert run("check", bundle, "--trust").code == 1
    shown = run("inspect", bundle).out
    assert "trust       needed for a part of it" in shown
    assert "artifact pt2, of the format pt2, can run code that is in it" in shown


def test_an_execution_for_another_device_is_named(run: Run, tmp_path: Path) -> None:
    """With how to prove it; who asks for something does not hear of the rest."""
    executions = [{"artifact": "onnx", "runtime": "onnxruntime", "device": name} for name in ("cpu", "cuda")]
    bundle = write_colours(tmp_path / "c.andon", executions=executions)
    assert "onnxruntime fp32 cuda: it is for another device; check it with --device cuda" in run("check", bundle).err
    assert "cuda" not in run("check", bundle, "--precision", "fp32").err


def test_a_runtime_that_is_not_listed_can_be_proven_in_each_precision(run: Run, colours: Path) -> None:
    """The row says which it was, and the tolerance that goes with it."""
    for precision, tolerance in (("fp32", "0.001"), ("bf16", "0.2")):
        ran = run("check", colours, "--runtime", "openvino", "--precision", precision)
        if "environment." in ran.err:
            pytest.skip(ran.err.splitlines()[0])
        assert ran.code == 0
        row = ran.out.splitlines()[1].split()
        assert (row[:4], row[-1]) == (["openvino", precision, "cpu", "holds"], tolerance)


def test_a_precision_that_a_runtime_has_not_is_told(run: Run, colours: Path) -> None:
    """With what the bundle has."""
    ran = run("check", colours, "--runtime", "onnxruntime", "--precision", "bf16")
    assert ran.code == 1
    assert "asked for onnxruntime bf16 cpu, the bundle has onnxruntime fp32 cpu" in ran.err


def test_the_number_of_threads_is_checked(run: Run, colours: Path) -> None:
    """One thread is enough, none is not."""
    assert run("check", colours, "--threads", 1).code == 0
    assert run("check", colours, "--threads", 0).code == 2


def test_a_bundle_is_proven_on_a_card(run: Run, colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the one that is named; executions for the CPU are not said to be missing."""
    library = give_cards(monkeypatch)
    ran = run("check", colours, "--device", "cuda:1")
    assert (ran.code, ran.out.splitlines()[1].split()[:4]) == (0, ["onnxruntime", "fp32", "cuda", "holds"])
    assert [told["device_id"] for told, _ in library.opened] == ["1"]
    assert "not installed" not in ran.err


@pytest.mark.parametrize(
    ("device", "code", "said"),
    [("gpu", 2, "there is no device 'gpu'"), ("cuda:7", 3, "ONNX Runtime cannot use the card: CUDA failure 101")],
)
def test_a_device_that_is_none_is_refused(
    run: Run, colours: Path, monkeypatch: pytest.MonkeyPatch, device: str, code: int, said: str
) -> None:
    """As wrong use, or as something that this machine does not have."""
    give_cards(monkeypatch)
    ran = run("check", colours, "--device", device)
    assert ran.code == code
    assert said in ran.err
