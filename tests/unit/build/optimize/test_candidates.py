"""Candidates are opened, proven and compared; whatever goes wrong is evidence."""

from pathlib import Path

import numpy as np
import pytest

from andon.build.optimize.candidates import Bench, Form, further_forms, listed_forms, rounded_up
from andon.build.optimize.images import read_given
from andon.build.optimize.restore import restore
from andon.bundle.archive import read_bundle
from andon.bundle.evidence import Limits
from andon.bundle.manifest import Artifact, Execution
from andon.errors import RuntimeFault
from andon.model.steps import load_steps
from tests.support.bundles import write_colours
from tests.support.quantised import original, quantised


@pytest.fixture
def bench(colours: Path, parts: list[Path]) -> Bench:
    """A bench whose reference has answered."""
    bundle = read_bundle(colours)
    steps = load_steps(bundle.manifest.input, bundle.manifest.output)
    given = read_given(parts, bundle, steps, {}, lambda *_: None)
    made = Bench(bundle, steps, given, Limits(), threads=1)
    (form,) = listed_forms(bundle, trust=False)
    made.expect(made.raw_outputs(made.open(form, 1), given.images))
    return made


def int8_form(step: float) -> Form:
    """Give the classifier in 8 bits, rounded to steps of this size."""
    return Form(
        artifact=Artifact(name="int8", format="onnx", path="artifacts/int8/model.onnx"),
        data=restore(quantised(step), original(), []),
        execution=Execution(artifact="int8", runtime="onnxruntime", precision="int8"),
        float_nodes=(),
    )


def test_the_reference_agrees_with_itself(bench: Bench) -> None:
    """It is listed with its own tolerance."""
    (form,) = listed_forms(bench.bundle, trust=False)
    tried = bench.attempt(form)
    assert tried.holds
    assert tried.form.execution.tolerance.relative == 1e-3
    assert tried.evidence.agreement is not None
    assert tried.evidence.agreement.largest_change == 0


def test_what_is_near_enough_holds_and_its_tolerance_is_what_was_seen(bench: Bench) -> None:
    """Half as much again as on the golden samples, so that the proof of the new bundle means something."""
    tried = bench.attempt(int8_form(0.02))
    assert tried.holds, tried.evidence.reasons
    worst = tried.evidence.golden_difference
    assert worst is not None
    assert 0 < worst < tried.form.execution.tolerance.relative <= 1.7 * worst


def test_what_is_too_far_off_is_refused_with_every_reason(bench: Bench) -> None:
    """Steps of 20 leave nothing of the colours."""
    tried = bench.attempt(int8_form(20.0))
    assert tried.evidence.fate == "refused"
    assert any("points of accuracy" in reason for reason in tried.evidence.reasons)
    assert any("keep their label" in reason for reason in tried.evidence.reasons)


def test_what_does_not_load_has_failed(bench: Bench) -> None:
    """The reason is that of the runtime."""
    form = Form(
        artifact=Artifact(name="bad", format="onnx", path="bad.onnx"),
        data=b"no graph",
        execution=Execution(artifact="bad", runtime="onnxruntime", precision="int8"),
    )
    tried = bench.attempt(form)
    assert tried.evidence.fate == "failed"
    assert "not an ONNX file" in tried.evidence.reasons[0]


def test_a_graph_that_fails_on_an_image_gives_no_answers(bench: Bench) -> None:
    """What was answered before is no use without the rest."""
    (form,) = listed_forms(bench.bundle, trust=False)
    with pytest.raises(RuntimeFault):
        bench.raw_outputs(bench.open(form, 1), [np.zeros((32, 32, 4), np.uint8)])


def test_an_fp32_that_does_not_prove_itself_is_refused(colours: Path, parts: list[Path], tmp_path: Path) -> None:
    """However near its answers are: fp32 is held to the tolerance of the bundle."""
    strict = [{"artifact": "onnx", "runtime": "onnxruntime", "tolerance": {"relative": 0.0}}]
    bundle = read_bundle(write_colours(tmp_path / "strict.andon", executions=strict))
    steps = load_steps(bundle.manifest.input, bundle.manifest.output)
    made = Bench(bundle, steps, read_given(parts[:3], bundle, steps, {}, lambda *_: None), Limits(), threads=1)
    (form,) = listed_forms(bundle, trust=False)
    made.expect(made.raw_outputs(made.open(form, 1), made.given.images))
    tried = made.attempt(form)
    assert tried.evidence.fate == "refused"
    assert "golden sample" in tried.evidence.reasons[0]


def test_what_the_runtimes_could_do_is_tried_too(colours: Path) -> None:
    """Everything that is installed and the bundle does not list, in fp32 and bf16; never `null`."""
    bundle = read_bundle(colours)
    listed = list(listed_forms(bundle, trust=False))
    found = [(form.execution.runtime, form.execution.precision) for form in further_forms(bundle, listed)]
    assert ("onnxruntime", "fp32") not in found
    assert not [name for name, _ in found if name == "null"]
    assert set(found) <= {("openvino", "fp32"), ("openvino", "bf16")}


def test_only_what_can_be_opened_here_is_listed(tmp_path: Path) -> None:
    """Cards are another machine's, `null` proves nothing, and what needs trust is left out without it."""
    artifacts = [
        {"name": "onnx", "format": "onnx", "path": "artifacts/onnx/model.onnx"},
        {"name": "pt2", "format": "pt2", "path": "artifacts/onnx/model.onnx"},
    ]
    executions = [
        {"artifact": "onnx", "runtime": "onnxruntime", "device": "cuda"},
        {"artifact": "onnx", "runtime": "null"},
        {"artifact": "pt2", "runtime": "torch"},
        {"artifact": "onnx", "runtime": "onnxruntime"},
    ]
    bundle = read_bundle(write_colours(tmp_path / "many.andon", artifacts=artifacts, executions=executions))
    assert [form.name for form in listed_forms(bundle, trust=False)] == ["onnxruntime fp32"]
    assert len(list(listed_forms(bundle, trust=True))) == 2


@pytest.mark.parametrize(("value", "expected"), [(0.1234, 0.13), (0.12, 0.12), (0.0991, 0.1), (0.001, 0.001), (1, 1)])
def test_tolerances_are_rounded_up_to_two_digits(value: float, expected: float) -> None:
    """Never down: what was seen must be within."""
    assert rounded_up(value) == expected
