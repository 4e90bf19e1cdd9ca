"""What a service says of itself."""

from pathlib import Path

from andon.bundle.archive import read_bundle
from tests.support.bundles import LABELS, write_colours
from tests.support.engines import FakeEngine
from tests.support.served import asked


def test_models_are_described(colours: Path) -> None:
    """Name, labels, how they are run, and what came of the proof; the model `null` has none."""
    with asked(str(colours), None) as client:
        listed = client.get("/models").json()
    digest = read_bundle(colours).digest
    first, second = listed["models"]
    proof = first.pop("proof")
    assert listed["default"] == "colours"
    assert first == {
        "name": "colours",
        "version": digest[:12],
        "digest": digest,
        "task": "classification",
        "orientation": "stored",
        "labels": list(LABELS),
        "runtime": "onnxruntime",
        "precision": "fp32",
        "device": "cpu",
        "devices": ["cpu"],
        "passed_over": [],
        "state": "ready",
        "reason": None,
    }
    assert (proof["holds"], proof["samples"]) == (True, 3)
    assert 0 <= proof["worst_output_difference"] < proof["tolerance"]
    assert 0 <= proof["worst_pixel_difference"] <= 1
    assert (second["name"], second["proof"], second["state"]) == ("null", None, "ready")


def test_why_another_execution_is_in_use_is_told(tmp_path: Path) -> None:
    """To whoever asks what is served, and to who watches the numbers."""
    executions = [{"artifact": "onnx", "runtime": name} for name in ("abacus", "onnxruntime")]
    with asked(str(write_colours(tmp_path / "c.andon", executions=executions))) as client:
        (model,) = client.get("/models").json()["models"]
        numbers = client.get("/metrics").text
    (passed_over,) = model["passed_over"]
    assert (model["runtime"], passed_over.pop("reason")[:29]) == ("onnxruntime", "there is no runtime 'abacus',")
    assert passed_over == {
        "artifact": "onnx",
        "runtime": "abacus",
        "precision": "fp32",
        "device": "cpu",
        "code": "runtime.unknown",
    }
    assert f'andon_model_passed_over{{model="colours",version="{model["version"]}"}} 1.0' in numbers


def test_a_model_that_is_not_loaded_is_listed() -> None:
    """With what is known: its name, its state and why."""
    with asked("folder/a.andon", engine=FakeEngine(), loads=False) as client:
        (model,) = client.get("/models").json()["models"]
    assert (model["name"], model["state"], model["labels"], model["digest"]) == ("a", "loading", [], None)
    assert model["reason"]


def test_a_process_that_answers_is_alive_before_it_is_ready() -> None:
    """An orchestrator does not kill what still loads, and sends it no traffic."""
    with asked("a.andon", engine=FakeEngine(), loads=False) as client:
        assert (client.get("/live").status_code, client.get("/live").json()) == (200, {"live": True})
        answer = client.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["ready"] is False
        assert [(model["name"], model["state"]) for model in answer.json()["models"]] == [("a", "loading")]
        assert client.head("/ready").status_code == 503


def test_ready_means_every_model() -> None:
    """Each has answered its canary."""
    with asked("a.andon", "b.andon", engine=FakeEngine()) as client:
        answer = client.get("/ready")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)
    assert {model["state"] for model in answer.json()["models"]} == {"ready"}
