"""What is written of an optimisation."""

from pathlib import Path

import msgspec
import pytest

from andon.build.optimize.candidates import Form, Tried, listed_forms
from andon.build.optimize.faster import assemble_faster
from andon.bundle.archive import Bundle, read_bundle, write_bundle
from andon.bundle.evidence import EVIDENCE_MEMBER, CandidateEvidence, Limits, OptimizeEvidence, Speed, read_evidence
from andon.bundle.manifest import Artifact, Execution, Tolerance
from andon.model.load import load
from tests.support.bundles import write_colours
from tests.support.quantised import quantised


def tried(form: Form, fate: str = "listed") -> Tried:
    """Say of a form that it is listed, at 100 images a second."""
    evidence = CandidateEvidence(
        artifact=form.artifact.name,
        runtime=form.execution.runtime,
        precision=form.execution.precision,
        fate="first" if fate == "first" else "listed",
        speeds=(Speed(threads=1, batch=1, batch_ms=10), Speed(threads=2, batch=8, batch_ms=40)),
    )
    return Tried(form=form, evidence=evidence)


def int8() -> Form:
    """Give the classifier of colours in 8 bits."""
    return Form(
        artifact=Artifact(name="int8", format="onnx", path="artifacts/int8/model.onnx"),
        data=quantised().SerializeToString(),
        execution=Execution(
            artifact="int8", runtime="onnxruntime", precision="int8", tolerance=Tolerance(relative=0.1)
        ),
    )


def told(bundle: Bundle, listed: list[Tried]) -> OptimizeEvidence:
    """Make the evidence of these candidates."""
    return OptimizeEvidence(
        source=bundle.digest,
        data="0" * 64,
        images=3,
        reference="onnxruntime fp32",
        goal="throughput",
        limits=Limits(),
        machine={"processor": "a chip", "cores": 2},
        versions={"andon": "1", "nncf": "2"},
        candidates=tuple(each.evidence for each in listed),
    )


@pytest.fixture
def optimised(colours: Path, tmp_path: Path) -> Path:
    """The classifier of colours with int8 before fp32."""
    bundle = read_bundle(colours)
    form = int8()
    listed = [tried(form, "first"), *map(tried, listed_forms(bundle, trust=False))]
    path = tmp_path / "fast.andon"
    write_bundle(path, *assemble_faster(bundle, listed, told(bundle, listed)))
    return path


def test_the_new_bundle_runs_on_what_is_first(optimised: Path) -> None:
    """It proves itself by the tolerance that was accepted, and fp32 is still in it."""
    model = load(optimised, threads=1)
    assert (model.execution.precision, model.execution.artifact) == ("int8", "int8")
    assert load(optimised, threads=1, precision="fp32").execution.artifact == "onnx"


def test_everything_else_of_the_bundle_stays(colours: Path, optimised: Path) -> None:
    """Input, output, golden samples, name; only who made it says more."""
    old, new = read_bundle(colours), read_bundle(optimised)
    for field in ("name", "task", "created", "input", "output", "decision", "golden"):
        assert getattr(new.manifest, field) == getattr(old.manifest, field)
    assert new.manifest.provenance.created_by == "andon tests; optimised by andon 1, nncf 2"
    assert new.members.keys() - old.members.keys() == {EVIDENCE_MEMBER, "artifacts/int8/model.onnx"}


def test_executions_carry_their_numbers(optimised: Path) -> None:
    """At the best setting: 100 images a second and core, at two threads and batches of eight."""
    evidence = read_bundle(optimised).manifest.executions[0].evidence
    assert evidence == {"images_per_core_s": 100.0, "threads": 1, "batch": 1, "latency_ms": 10.0}


def test_the_evidence_is_read_back(colours: Path, optimised: Path) -> None:
    """Every candidate of it; a bundle that was not optimised has none."""
    evidence = read_evidence(read_bundle(optimised))
    assert evidence is not None
    assert [each.fate for each in evidence.candidates] == ["first", "listed"]
    assert read_evidence(read_bundle(colours)) is None


def test_equal_measurements_give_equal_bytes(colours: Path, optimised: Path, tmp_path: Path) -> None:
    """The bundle is a function of what went in."""
    bundle = read_bundle(colours)
    listed = [tried(int8(), "first"), *map(tried, listed_forms(bundle, trust=False))]
    write_bundle(tmp_path / "again.andon", *assemble_faster(bundle, listed, told(bundle, listed)))
    assert (tmp_path / "again.andon").read_bytes() == optimised.read_bytes()


def test_a_bundle_that_is_optimised_again_loses_its_old_int8(optimised: Path) -> None:
    """Its artifact, its execution and who optimised it."""
    bundle = read_bundle(optimised)
    listed = [tried(form, "first") for form in listed_forms(bundle, trust=False) if form.artifact.name == "onnx"]
    manifest, members = assemble_faster(bundle, listed, told(bundle, listed))
    assert [artifact.name for artifact in manifest.artifacts] == ["onnx"]
    assert [execution.precision for execution in manifest.executions] == ["fp32"]
    assert "artifacts/int8/model.onnx" not in members
    assert manifest.provenance.created_by.count("optimised by") == 1


def test_what_could_not_be_tried_comes_last(tmp_path: Path) -> None:
    """For cards, and of fp32 that failed here; bf16 that was refused is gone."""
    executions = [
        {"artifact": "onnx", "runtime": "onnxruntime", "device": "cuda"},
        {"artifact": "onnx", "runtime": "openvino", "precision": "bf16"},
        {"artifact": "onnx", "runtime": "openvino"},
        {"artifact": "onnx", "runtime": "onnxruntime"},
    ]
    bundle = read_bundle(write_colours(tmp_path / "many.andon", executions=executions))
    form = next(form for form in listed_forms(bundle, trust=False) if form.name == "onnxruntime fp32")
    evidence = told(bundle, [tried(form, "first")])
    refused = [
        CandidateEvidence(artifact="onnx", runtime="openvino", precision="bf16", fate="refused"),
        CandidateEvidence(artifact="onnx", runtime="openvino", precision="fp32", fate="failed"),
    ]
    evidence = msgspec.structs.replace(evidence, candidates=(*evidence.candidates, *refused))
    manifest, _ = assemble_faster(bundle, [tried(form, "first")], evidence)
    found = [(each.runtime, each.precision, each.device) for each in manifest.executions]
    assert found == [("onnxruntime", "fp32", "cpu"), ("onnxruntime", "fp32", "cuda"), ("openvino", "fp32", "cpu")]
