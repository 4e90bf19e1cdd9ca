"""A bundle is loaded only with an execution that reproduces its golden samples."""

import logging
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

import andon
from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Artifact, Execution, Manifest
from andon.errors import BundleError, EnvironmentFault, ProofError, RuntimeFault, UsageError
from andon.machine import available_cores
from andon.model.load import load
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from andon.runtimes.registry import RUNTIMES
from tests.support.bundles import LABELS, colour_graph, colour_image, colour_parts, encode, write_colours


class AttentiveRuntime(OnnxRuntime):
    """ONNX Runtime, which remembers the options that it was given."""

    def __init__(self) -> None:
        self.options: list[SessionOptions] = []

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Remember the options, and load the artifact."""
        self.options.append(options)
        return super().open(artifact, data, execution, options)


class TestLoad:
    """Loading proves first."""

    def test_a_loaded_model_says_what_it_is(self, colours: Path) -> None:
        """Name, version, labels, execution and the proof that held."""
        model = andon.load(colours)
        digest = read_bundle(colours).digest
        assert (model.name, model.digest, model.version, model.labels) == ("colours", digest, digest[:12], LABELS)
        assert model.proof is not None
        assert model.proof.holds
        assert repr(model) == f"<andon.Model colours:{digest[:12]} on onnxruntime cpu>"

    @pytest.mark.parametrize(
        ("fields", "stage", "hint"),
        [
            ({"input": {"resize": {"mode": "exact", "size": [32, 32]}}}, "pixels", "preparation differs"),
            (
                {"input": {**colour_parts()[0]["input"], "mean": [0.5, 0.5, 0.5]}},
                "model input",
                "not those of the author's transform",
            ),
        ],
        ids=["pixels", "model input"],
    )
    def test_a_bundle_that_does_not_prove_itself_is_not_loaded(
        self, tmp_path: Path, fields: dict[str, Any], stage: str, hint: str
    ) -> None:
        """The error names the sample, the stage, how far and what to look at."""
        path = write_colours(tmp_path / "skewed.andon", **fields)
        with pytest.raises(ProofError) as caught:
            load(path)
        assert caught.value.code == "proof.failed"
        assert f"stage {stage}:" in caught.value.message
        assert "more findings" in caught.value.message
        assert caught.value.where == "skewed.andon › golden/inputs/0.png"
        assert hint in caught.value.hint

    def test_perturbed_weights_are_not_loaded(self, tmp_path: Path) -> None:
        """A graph with right digests and other weights is named at the raw output."""
        weights = np.array([[4, -2, -2], [-2, 4.1, -2], [-2, -2, 4]], np.float32)
        path = write_colours(tmp_path / "perturbed.andon", colour_graph(weights))
        with pytest.raises(ProofError, match="stage raw output"):
            load(path)

    def test_the_runtime_that_is_asked_for_is_used(self, colours: Path) -> None:
        """`null` need not be listed: it can run the artifact, and proves nothing."""
        model = load(colours, runtime="null")
        assert (model.execution.runtime, model.proof) == ("null", None)
        assert model.predict(encode(colour_image((40, 180, 60)))).score == pytest.approx(1 / 3)
        assert load(colours, runtime="onnxruntime").execution.runtime == "onnxruntime"

    def test_the_null_runtime_is_never_chosen_unasked(self, tmp_path: Path) -> None:
        """A bundle that lists it first is still proven, by an execution that computes."""
        executions = [{"artifact": "onnx", "runtime": "null"}, {"artifact": "onnx", "runtime": "onnxruntime"}]
        model = load(write_colours(tmp_path / "null.andon", executions=executions))
        assert model.execution.runtime == "onnxruntime"
        assert model.proof is not None
        alone = load(write_colours(tmp_path / "only.andon", executions=executions[:1]))
        assert alone.execution.runtime == "onnxruntime"

    @pytest.mark.parametrize(("threads", "asked"), [(1, 1), (3, 3), (None, available_cores())])
    def test_threads_reach_the_session(
        self, colours: Path, threads: int | None, asked: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As many as the caller wants, or one a core."""
        runtime = AttentiveRuntime()
        monkeypatch.setitem(RUNTIMES, runtime.name, runtime)
        load(colours, threads=threads)
        assert [options.threads for options in runtime.options] == [asked]

    @pytest.mark.parametrize("threads", [0, -3])
    def test_less_than_one_thread_is_refused(self, colours: Path, threads: int) -> None:
        """Before anything is read."""
        with pytest.raises(UsageError, match="expected 1 or more"):
            load(colours, threads=threads)

    def test_an_execution_that_fails_is_passed_over_with_a_warning(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """The next that holds is used, and the log `andon` says what was wrong with the first."""
        path = two_artifacts(tmp_path, colour_graph(np.eye(3, dtype=np.float32)), colour_graph())
        with caplog.at_level(logging.WARNING, "andon"):
            model = load(path)
        assert model.execution.artifact == "second"
        assert model.predict(encode(colour_image((50, 60, 190)))).label == "blue"
        (record,) = caplog.records
        assert "stage raw output" in record.getMessage()
        assert "using onnxruntime fp32, passed over onnxruntime fp32" in record.getMessage()
        (passed_over,) = model.passed_over
        assert (passed_over.execution.artifact, passed_over.code) == ("first", "proof.failed")
        assert passed_over.reason in record.getMessage()

    def test_an_execution_that_does_not_open_is_passed_over_too(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Here its artifact is no ONNX file at all."""
        model = load(two_artifacts(tmp_path, b"rubbish", colour_graph()))
        assert model.execution.artifact == "second"
        assert len(caplog.records) == 1
        assert [each.code for each in model.passed_over] == ["runtime.load"]

    @pytest.mark.parametrize(
        ("execution", "words"),
        [
            ({"runtime": "torch"}, "does not run artifacts of the format onnx"),
            ({"precision": "bf16"}, "precision bf16"),
        ],
    )
    def test_a_runtime_is_not_given_what_it_cannot_run(
        self, execution: dict[str, str], words: str, tmp_path: Path
    ) -> None:
        """A foreign format never reaches it, and fp32 is never called bf16; what comes after is used."""
        sound = {"artifact": "onnx", "runtime": "onnxruntime"}
        path = write_colours(tmp_path / "c.andon", executions=[{**sound, **execution}])
        with pytest.raises(RuntimeFault, match=words) as caught:
            load(path)
        assert caught.value.code == "runtime.load"
        both = write_colours(tmp_path / "both.andon", executions=[{**sound, **execution}, sound])
        (passed_over,) = load(both).passed_over
        assert words in passed_over.reason

    def test_an_execution_that_cannot_be_tried_is_passed_over_too(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """A library that is missing is told, in the order of the bundle; what comes after the one in use is not."""
        runtimes = ("abacus", "onnxruntime", "slide_rule")
        executions = [{"artifact": "onnx", "runtime": name} for name in runtimes]
        model = load(write_colours(tmp_path / "c.andon", executions=executions))
        assert [(each.execution.runtime, each.code) for each in model.passed_over] == [("abacus", "runtime.unknown")]
        assert len(caplog.records) == 1
        assert load(write_colours(tmp_path / "c.andon", executions=executions[1:])).passed_over == ()

    def test_passed_over_stands_in_the_order_of_the_bundle(self, tmp_path: Path) -> None:
        """Whether they were tried or not."""
        executions = [
            {"artifact": "onnx", "runtime": "onnxruntime", "tolerance": {"relative": 0}},
            {"artifact": "onnx", "runtime": "abacus"},
            {"artifact": "onnx", "runtime": "onnxruntime"},
        ]
        model = load(write_colours(tmp_path / "c.andon", executions=executions))
        assert [each.execution.runtime for each in model.passed_over] == ["onnxruntime", "abacus"]

    def test_the_runtime_that_was_asked_for_passes_over_nothing(self, tmp_path: Path) -> None:
        """Others were not wanted."""
        executions = [{"artifact": "onnx", "runtime": name} for name in ("abacus", "onnxruntime")]
        path = write_colours(tmp_path / "c.andon", executions=executions)
        assert load(path, runtime="onnxruntime").passed_over == ()
        assert load(path, runtime="null").passed_over == ()

    def test_a_card_that_is_not_there_is_not_replaced(self, tmp_path: Path) -> None:
        """The CPU is used only where it was asked for."""
        executions = [{"artifact": "onnx", "runtime": "onnxruntime", "device": name} for name in ("cuda", "cpu")]
        path = write_colours(tmp_path / "c.andon", executions=executions)
        assert load(path).passed_over == ()
        with pytest.raises(EnvironmentFault) as caught:
            load(path, device="cuda:77")
        assert caught.value.code == "environment.device"

    def test_where_none_holds_the_proof_that_failed_is_told(
        self, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        """It says more than an artifact that does not open; the log stays quiet, for the error says it."""
        for graphs in (
            (b"rubbish", colour_graph(np.eye(3, dtype=np.float32))),
            (colour_graph(np.eye(3, dtype=np.float32)), b"rubbish"),
        ):
            with pytest.raises(ProofError):
                load(two_artifacts(tmp_path, *graphs))
        with pytest.raises(RuntimeFault) as caught:
            load(two_artifacts(tmp_path, b"rubbish", b"rubbish too"))
        assert caught.value.code == "runtime.load"
        assert caught.value.where == "artifacts/first/model.onnx"
        assert caplog.records == []

    def test_what_is_no_bundle_is_not_loaded(self, tmp_path: Path) -> None:
        """The errors of reading come out as they are."""
        with pytest.raises(BundleError) as caught:
            load(tmp_path / "none.andon")
        assert caught.value.code == "bundle.missing"


def two_artifacts(folder: Path, first: bytes, second: bytes) -> Path:
    """Write a bundle of colours with two artifacts and an execution of each."""
    from andon.bundle.archive import write_bundle
    from tests.support.bundles import declared_files

    manifest, members = colour_parts()
    del members["artifacts/onnx/model.onnx"]
    members |= {"artifacts/first/model.onnx": first, "artifacts/second/model.onnx": second}
    manifest["artifacts"] = [
        {"name": name, "format": "onnx", "path": f"artifacts/{name}/model.onnx"} for name in ("first", "second")
    ]
    manifest["executions"] = [{"artifact": name, "runtime": "onnxruntime"} for name in ("first", "second")]
    manifest["files"] = declared_files(members)
    path = folder / "two.andon"
    write_bundle(path, msgspec.convert(manifest, Manifest), members)
    return path
