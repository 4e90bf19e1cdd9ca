"""Executions are chosen by what is asked for, what the bundle lists and what is installed."""

from pathlib import Path

import msgspec
import pytest

from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Artifact, Execution, Manifest
from andon.errors import EnvironmentFault, RuntimeFault, TrustError, UsageError
from andon.model.choose import Request, choose_executions, left_out
from andon.runtimes import onnx_runtime, openvino_runtime
from tests.support.bundles import write_colours


class TestChooseExecutions:
    """Executions are chosen by what is asked for and what is there."""

    @pytest.fixture
    def manifest(self, colours: Path) -> Manifest:
        """The manifest of the bundle of colours."""
        return read_bundle(colours).manifest

    def test_all_that_fit_are_given_in_the_order_of_the_bundle(self, manifest: Manifest) -> None:
        """With nothing asked for, and with exactly what is there."""
        wanted = list(manifest.executions)
        assert choose_executions(manifest, Request()) == wanted
        assert choose_executions(manifest, Request(runtime="onnxruntime", precision="fp32")) == wanted

    @pytest.mark.parametrize(
        ("runtime", "precision", "device", "asked"),
        [
            (None, "int8", "cpu", "any installed runtime int8 cpu"),
            ("onnxruntime", "bf16", "cpu", "onnxruntime bf16 cpu"),
            ("onnxruntime", "bf16", "cuda:1", "onnxruntime bf16 cuda:1"),
        ],
    )
    def test_what_is_not_there_is_refused_with_what_is(
        self, manifest: Manifest, runtime: str | None, precision: str | None, device: str, asked: str
    ) -> None:
        """Precision and device are held to; the message says both sides."""
        with pytest.raises(RuntimeFault) as caught:
            choose_executions(manifest, Request(runtime=runtime, precision=precision, device=device))
        assert caught.value.code == "runtime.none"
        assert f"asked for {asked}, the bundle has onnxruntime fp32 cpu" in caught.value.message

    def test_a_card_that_the_bundle_does_not_list_is_no_obstacle(self, manifest: Manifest) -> None:
        """A runtime that can use cards is offered; whether there is one is seen when it opens."""
        (found,) = choose_executions(manifest, Request(runtime="onnxruntime", device="cuda:1"))
        assert (found.runtime, found.precision, found.device) == ("onnxruntime", "fp32", "cuda")

    @pytest.mark.parametrize("device", ["tpu", "cuda:", "CPU", ""])
    def test_what_is_no_device_is_wrong_use(self, manifest: Manifest, device: str) -> None:
        """It is not taken for one that is absent."""
        with pytest.raises(UsageError, match="expected cpu, cuda or cuda:N"):
            choose_executions(manifest, Request(device=device))

    def test_an_unknown_runtime_is_refused(self, manifest: Manifest) -> None:
        """With the known ones."""
        with pytest.raises(RuntimeFault) as caught:
            choose_executions(manifest, Request(runtime="tensorrt"))
        assert caught.value.code == "runtime.unknown"

    def test_a_missing_library_is_an_error_only_where_it_is_asked_for(
        self, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Asked for, the pip command is told; not asked for, no execution is left."""
        for module in (onnx_runtime, openvino_runtime):
            monkeypatch.setattr(module, "find_spec", lambda _: None)
        with pytest.raises(EnvironmentFault, match="pip install"):
            choose_executions(manifest, Request(runtime="onnxruntime"))
        with pytest.raises(EnvironmentFault, match=r"andon\[openvino\]"):
            choose_executions(manifest, Request(runtime="openvino"))
        with pytest.raises(RuntimeFault, match="no execution fits"):
            choose_executions(manifest, Request())

    def test_a_runtime_that_is_not_listed_takes_the_place_of_one_that_is_not_installed(
        self, manifest: Manifest, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The bundle lists onnxruntime only, and openvino can run its artifact."""
        monkeypatch.setattr(onnx_runtime, "find_spec", lambda _: None)
        monkeypatch.setattr(openvino_runtime, "find_spec", lambda _: object())
        (execution,) = choose_executions(manifest, Request())
        assert (execution.runtime, execution.precision, execution.artifact) == ("openvino", "fp32", "onnx")

    @pytest.mark.parametrize("runtime", ["openvino", None])
    def test_bf16_is_run_by_whoever_can(
        self, manifest: Manifest, runtime: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """With the tolerance that it needs, and never unless it is asked for."""
        monkeypatch.setattr(openvino_runtime, "find_spec", lambda _: object())
        (execution,) = choose_executions(manifest, Request(runtime=runtime, precision="bf16"))
        assert (execution.runtime, execution.precision, execution.device) == ("openvino", "bf16", "cpu")
        assert execution.tolerance.relative == 0.2
        assert {execution.precision for execution in choose_executions(manifest, Request())} == {"fp32"}

    def test_a_quantised_artifact_is_run_in_int8_only(self, tmp_path: Path) -> None:
        """By any runtime that can, with the tolerance that was accepted for it; fp32 is never tried on it."""
        executions = [
            {"artifact": "int8", "runtime": "openvino", "precision": "int8", "tolerance": {"relative": 0.3}},
            {"artifact": "onnx", "runtime": "openvino"},
        ]
        paths = {"onnx": "artifacts/onnx/model.onnx", "int8": "golden/inputs/0.png"}
        artifacts = [{"name": name, "format": "onnx", "path": path} for name, path in paths.items()]
        path = write_colours(tmp_path / "q.andon", artifacts=artifacts, executions=executions)
        bundle = read_bundle(path).manifest
        (found,) = choose_executions(bundle, Request(runtime="onnxruntime", precision="int8"))
        assert (found.artifact, found.precision, found.tolerance.relative) == ("int8", "int8", 0.3)
        (found,) = choose_executions(bundle, Request(runtime="onnxruntime"))
        assert (found.artifact, found.precision) == ("onnx", "fp32")

    def test_int8_is_not_made_of_floats(self, manifest: Manifest) -> None:
        """No runtime quantises while it loads."""
        with pytest.raises(RuntimeFault) as caught:
            choose_executions(manifest, Request(precision="int8"))
        assert caught.value.code == "runtime.none"

    def test_what_would_run_code_is_left_out_until_it_is_trusted(self, manifest: Manifest) -> None:
        """What is safe is taken in its place, and the reason is told."""
        mixed = with_torch(manifest)
        assert [found.runtime for found in choose_executions(mixed, Request())] == ["onnxruntime"]
        (untold,) = left_out(mixed, Request())
        assert (untold.execution.runtime, untold.code) == ("torch", "bundle.trust")
        assert [found.runtime for found in choose_executions(mixed, Request(trust=True))] == ["torch", "onnxruntime"]
        assert list(left_out(mixed, Request(trust=True))) == []

    def test_a_runtime_that_would_run_code_is_refused_where_it_is_asked_for(self, manifest: Manifest) -> None:
        """With the format that could, and how to allow it."""
        with pytest.raises(TrustError, match="format pt2 can run code") as caught:
            choose_executions(with_torch(manifest), Request(runtime="torch"))
        assert caught.value.code == "bundle.trust"
        assert "trust=True" in caught.value.hint
        assert "--trust" in caught.value.hint

    def test_own_code_is_refused_whatever_runs_the_graph(self, manifest: Manifest) -> None:
        """But for `null`, which reads nothing."""
        output = msgspec.structs.replace(manifest.output, finish="blobs:find")
        own = msgspec.structs.replace(manifest, output=output)
        with pytest.raises(TrustError, match="'blobs:find'"):
            choose_executions(own, Request())
        assert [found.runtime for found in choose_executions(own, Request(runtime="null"))] == ["null"]
        assert choose_executions(own, Request(trust=True)) == list(manifest.executions)


def with_torch(manifest: Manifest) -> Manifest:
    """Put an exported program and its execution before those of a bundle."""
    artifact = Artifact(name="pt2", format="pt2", path="artifacts/pt2/model.pt2")
    return msgspec.structs.replace(
        manifest,
        artifacts=(artifact, *manifest.artifacts),
        executions=(Execution(artifact="pt2", runtime="torch"), *manifest.executions),
        files={**manifest.files, artifact.path: next(iter(manifest.files.values()))},
    )
