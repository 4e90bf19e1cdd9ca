"""Tests of making artifacts and holding them to the given model."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from msgspec import Struct
from PIL import Image

from andon.build.artifacts import (
    Candidate,
    hold_to_given,
    make_candidate,
    make_candidates,
    proven_executions,
    wanted_forms,
)
from andon.build.author import Measured
from andon.build.export import example_of, normalised_graph
from andon.build.export_torch import export_pt2
from andon.build.graph_input import GraphInput
from andon.build.samples import noise
from andon.build.sources.base import Form, Made
from andon.build.sources.onnx_model import OnnxSource
from andon.bundle.golden import GoldenSample
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Artifact
from andon.bundle.output_spec import OutputSpec
from andon.errors import MismatchError, PackError, RuntimeFault
from andon.model.steps import Steps
from andon.tensors import FloatArray
from andon.vision.prepare import normalise
from tests.support.author import Net
from tests.support.given import SIDE, graph

SPEC = InputSpec()
OUTPUT = OutputSpec(labels=("a", "b", "c", "d"))
SIZE = (SIDE, SIDE)
WANTED = GraphInput(SPEC, SIZE)
GIVEN = OnnxSource(graph())


class FakeSource:
    """Makes what it is told to."""

    package = "onnx"

    def __init__(self, made: dict[Form, bytes | PackError]) -> None:
        self.made = made
        self.forms = self.usual_forms = tuple(made)

    def require_fit(self, spec: InputSpec, size: tuple[int, int]) -> None:
        """Take anything."""

    def answer(self, model_input: FloatArray) -> FloatArray:
        """Answer as the given graph."""
        return GIVEN.answer(model_input)

    def make(self, form: Form, wanted: GraphInput) -> Made:
        """Give the bytes, or raise the error."""
        made = self.made[form]
        if isinstance(made, PackError):
            raise made
        return Made(data=made, note=f"a note on {form}")


SOUND = GIVEN.make("onnx", WANTED).data
NO_PT2 = PackError("there is no pt2", code="pack.export")
NO_ONNX = PackError("ONNX has no form of it", code="pack.export")


class FakeSession(Struct):
    """Answers as the graph, a little off."""

    off: float = 0.0
    input_shape: Any = None

    def run(self, batch: np.ndarray) -> FloatArray:
        """Run each image of a batch."""
        answers = np.stack([GIVEN.answer(normalise(image, SPEC)) for image in batch])
        return answers * np.float32(1 + self.off)


def candidate(session: object, *, form: Form = "pt2", data: bytes = b"") -> Candidate:
    """Make a candidate with a session of ours."""
    artifact = Artifact(name=form, format=form, path=f"artifacts/{form}/model")
    return Candidate(artifact=artifact, data=data, session=session, note="")  # type: ignore[arg-type] # a fake


def pixels() -> np.ndarray:
    """Make one prepared image."""
    return np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)


def measured(expected: FloatArray | None = None) -> Measured:
    """Measure the given graph on one image."""
    model_input = normalise(pixels(), SPEC)
    raw_output = GIVEN.answer(model_input) if expected is None else expected
    return Measured(
        sample=noise((9, 9)),
        pixels=pixels(),
        model_input=model_input,
        raw_output=raw_output,
        expected=raw_output,
        finished=raw_output,
        best=0,
    )


def golden() -> list[GoldenSample]:
    """Make a golden sample of prepared pixels."""
    model_input = normalise(pixels(), SPEC)
    return [
        GoldenSample(
            name="golden/inputs/0.png",
            encoded=_png(pixels()),
            pixels=pixels(),
            model_input=model_input,
            raw_output=GIVEN.answer(model_input),
        )
    ]


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def test_what_is_usual_is_made_where_nothing_is_asked() -> None:
    """Else what is asked, each once, in this order."""
    source = FakeSource({"onnx": SOUND, "pt2": b""})
    assert wanted_forms(source, ()) == ("onnx", "pt2")
    assert wanted_forms(source, ["pt2", "onnx", "pt2"]) == ("pt2", "onnx")


@pytest.mark.parametrize("asked", ["onnx", None, 5, ["eager"], ["tflite"], [5], [["onnx"]]])
def test_a_form_that_cannot_be_made_is_refused(asked: Any) -> None:
    """The possible ones are listed."""
    with pytest.raises(PackError) as caught:
        wanted_forms(FakeSource({"onnx": SOUND}), asked)
    assert caught.value.code == "pack.argument"
    assert "factory" in caught.value.hint or asked != ["eager"]


def made(source: FakeSource, forms: Sequence[Form], *, all_asked: bool = False) -> tuple[list[Candidate], list[str]]:
    """Make candidates for the hand-made graph."""
    return make_candidates(source, forms, WANTED, OUTPUT, all_asked=all_asked)


@pytest.mark.slow
def test_a_usual_form_that_fails_is_passed_over_with_a_note() -> None:
    """Where another one remains; what this costs is told too."""
    program = export_pt2(
        normalised_graph(Net().eval(), WANTED), example_of(WANTED, dynamic_batch=True), dynamic_batch=True
    )
    candidates, notes = made(FakeSource({"onnx": NO_ONNX, "pt2": program}), ["onnx", "pt2"])
    assert [candidate.artifact.format for candidate in candidates] == ["pt2"]
    assert "no artifact onnx: ONNX has no form of it" in notes[0]
    assert "--trust" in notes[1]


def test_a_form_that_was_asked_for_is_not_passed_over() -> None:
    """Nor is the last one."""
    with pytest.raises(PackError, match="there is no pt2"):
        made(FakeSource({"onnx": SOUND, "pt2": NO_PT2}), ["onnx", "pt2"], all_asked=True)
    with pytest.raises(PackError, match="ONNX has no form of it"):
        made(FakeSource({"onnx": NO_ONNX, "pt2": NO_PT2}), ["onnx", "pt2"])


def test_an_artifact_is_opened_as_it_will_be() -> None:
    """One that does not load is refused, with the runtime's reason."""
    found = make_candidate(FakeSource({"onnx": SOUND}), "onnx", WANTED, OUTPUT)
    assert found.artifact.path == "artifacts/onnx/model.onnx"
    assert found.note == "a note on onnx"
    assert np.allclose(found.session.run(pixels()[None])[0], measured().expected, rtol=1e-4)
    with pytest.raises(MismatchError, match="does not load in onnxruntime"):
        make_candidate(FakeSource({"onnx": b"rubbish"}), "onnx", WANTED, OUTPUT)


def test_each_artifact_is_held_to_the_given_model() -> None:
    """The worst difference counts; one that is too far off is refused."""
    worst = hold_to_given(measured(), [candidate(FakeSession()), candidate(FakeSession(5e-4))], OUTPUT)
    assert worst == pytest.approx(5e-4, rel=1e-2)
    with pytest.raises(MismatchError, match="away from the given one"):
        hold_to_given(measured(), [candidate(FakeSession()), candidate(FakeSession(5e-3))], OUTPUT)


def test_the_tolerance_is_narrow_where_there_is_room() -> None:
    """Changed weights are noticed then; an artifact that is further off gets the usual one."""
    for off, tolerance in ((0.0, 1e-4), (5e-4, 1e-3)):
        (execution,), notes = proven_executions(golden(), Steps(SPEC, OUTPUT), [candidate(FakeSession(off))])
        assert execution.tolerance.relative == tolerance
        assert notes == []


def test_an_artifact_that_would_not_prove_itself_is_refused() -> None:
    """Nothing would load where it is served."""
    with pytest.raises(MismatchError, match="would not prove itself"):
        proven_executions(golden(), Steps(SPEC, OUTPUT), [candidate(FakeSession(0.1))])


def test_the_order_is_that_of_the_artifacts_and_their_runtimes() -> None:
    """ONNX Runtime before OpenVINO, as the artifacts were asked for."""
    candidates = [candidate(FakeSession()), make_candidate(GIVEN, "onnx", WANTED, OUTPUT)]
    executions, _ = proven_executions(golden(), Steps(SPEC, OUTPUT), candidates)
    assert [(e.artifact, e.runtime) for e in executions] == [
        ("pt2", "torch"),
        ("onnx", "onnxruntime"),
        ("onnx", "openvino"),
    ]


def test_a_runtime_that_is_not_installed_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has to prove itself where it is; the bundle is the same whatever is installed here."""
    monkeypatch.setattr("andon.build.artifacts.is_installed", lambda _: False)
    executions, notes = proven_executions(
        golden(), Steps(SPEC, OUTPUT), [candidate(FakeSession(), form="onnx", data=b"rubbish")]
    )
    assert [e.runtime for e in executions] == ["onnxruntime", "openvino"]
    assert notes == []


class LyingRuntime:
    """Opens anything, and answers otherwise."""

    def open(self, *_: object) -> FakeSession:
        """Give a session that is a tenth off."""
        return FakeSession(0.1)


class BrokenRuntime:
    """Opens nothing."""

    def open(self, *_: object) -> FakeSession:
        """Refuse."""
        raise RuntimeFault("no such operator", code="runtime.load")


@pytest.mark.parametrize(("runtime", "words"), [(LyingRuntime(), "away from"), (BrokenRuntime(), "no such operator")])
def test_a_further_runtime_that_fails_here_is_not_listed(
    runtime: object, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A note says why; the first one carries the bundle."""
    monkeypatch.setattr("andon.build.artifacts.get_runtime", lambda _: runtime)
    monkeypatch.setattr("andon.build.artifacts.is_installed", lambda _: True)
    executions, notes = proven_executions(
        golden(), Steps(SPEC, OUTPUT), [candidate(FakeSession(), form="onnx", data=SOUND)]
    )
    assert [e.runtime for e in executions] == ["onnxruntime"]
    assert "openvino" in notes[0]
    assert words in notes[0]
