"""The question that shows whether a model still works."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from andon.bundle.golden import GoldenSample
from andon.bundle.manifest import Execution, Manifest
from andon.model.canary import Canary, choose_canary
from andon.model.load import load
from andon.model.steps import Steps
from andon.predictions import Failure, Prediction
from tests.support.bundles import colour_parts

RUNS = Execution(artifact="onnx", runtime="onnxruntime")
SURE, UNSURE = np.array([1.0, 9.0], np.float32), np.array([1.0, 1.0 + 1e-7], np.float32)


def sample(size_bytes: int, raw_output: np.ndarray) -> GoldenSample:
    """Make a golden sample of which only the size and the answer count."""
    pixels = np.zeros((1, 1, 3), np.uint8)
    model_input = np.zeros((3, 1, 1), np.float32)
    return GoldenSample(
        name="x", encoded=bytes(size_bytes), pixels=pixels, model_input=model_input, raw_output=raw_output
    )


def chosen(*samples: GoldenSample, execution: Execution = RUNS, **fields: Any) -> Canary:
    """Choose among samples of a model of two labels."""
    manifest = msgspec.convert({**colour_parts()[0], "output": {"labels": ["a", "b"]}, **fields}, Manifest)
    return choose_canary(samples, execution, manifest, Steps(manifest.input, manifest.output))


def test_the_smallest_clear_sample_is_asked() -> None:
    """It costs the least; one whose best class may change by rounding would raise false alarms."""
    canary = chosen(sample(9, SURE), sample(5, SURE[::-1]), sample(1, UNSURE))
    assert (len(canary.image), canary.index) == (5, 0)


def test_where_nothing_is_clear_any_answer_will_do() -> None:
    """So it is for the runtime `null`, which answers nothing of its own."""
    assert chosen(sample(9, UNSURE), sample(5, UNSURE)) == Canary(image=bytes(5), index=None)
    null = msgspec.structs.replace(RUNS, runtime="null")
    assert chosen(sample(9, SURE), execution=null) == Canary(image=bytes(9), index=None)


PLACES = {
    "boxes": {
        "task": "detection",
        "output": {"kind": "boxes", "labels": ["a", "b"], "activation": "none", "boxes": {"min_score": 0.5}},
    },
    "map": {"task": "segmentation", "output": {"kind": "map", "labels": ["a", "b"], "activation": "none"}},
}


def answer_of(kind: str, *scores: float) -> np.ndarray:
    """Make the raw output of one box, or of a map of one cell."""
    shape = (1, 6) if kind == "boxes" else (2, 1, 1)
    return np.array([0, 0, 1, 1, *scores] if kind == "boxes" else scores, np.float32).reshape(shape)


@pytest.mark.parametrize("kind", PLACES)
def test_a_sample_on_which_something_is_clearly_found_is_asked(kind: str) -> None:
    """Not one that is near to the least score, where nothing may be found after rounding; nor one with nothing."""
    near, nothing, clear = answer_of(kind, 0.1, 0.5001), answer_of(kind, 0.1, 0.2), answer_of(kind, 0.1, 0.9)
    canary = chosen(sample(3, near), sample(1, nothing), sample(9, clear), **PLACES[kind])
    assert (len(canary.image), canary.index) == (9, 1)
    assert chosen(sample(3, near), sample(1, nothing), **PLACES[kind]) == Canary(image=bytes(1), index=None)


def test_an_answer_holds_where_the_class_is_right() -> None:
    """An error never does."""
    right, wrong = Prediction(label="a", index=1), Prediction(label="b", index=0)
    failed = Prediction(error=Failure(code="engine.deadline", message="late"))
    one, any_one = Canary(image=b"x", index=1), Canary(image=b"x", index=None)
    assert [one.holds(each) for each in (right, wrong, failed)] == [True, False, False]
    assert [any_one.holds(each) for each in (right, wrong, failed)] == [True, True, False]


def test_a_loaded_model_answers_its_own_canary(colours: Path) -> None:
    """It is one of its golden samples."""
    model = load(colours)
    assert model.canary is not None
    assert model.canary.index is not None
    assert model.canary.holds(model.predict(model.canary.image))
