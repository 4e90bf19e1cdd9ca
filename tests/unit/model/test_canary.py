"""The question that shows whether a model still works."""

from pathlib import Path

import msgspec
import numpy as np

from andon.bundle.golden import GoldenSample
from andon.bundle.manifest import Execution
from andon.model.canary import Canary, choose_canary
from andon.model.load import load
from andon.predictions import Failure, Prediction

RUNS = Execution(artifact="onnx", runtime="onnxruntime")
SURE, UNSURE = np.array([1.0, 9.0], np.float32), np.array([1.0, 1.0 + 1e-7], np.float32)


def sample(size_bytes: int, raw_output: np.ndarray) -> GoldenSample:
    """Make a golden sample of which only the size and the answer count."""
    pixels = np.zeros((1, 1, 3), np.uint8)
    model_input = np.zeros((3, 1, 1), np.float32)
    return GoldenSample(
        name="x", encoded=bytes(size_bytes), pixels=pixels, model_input=model_input, raw_output=raw_output
    )


def test_the_smallest_clear_sample_is_asked() -> None:
    """It costs the least; one whose best class may change by rounding would raise false alarms."""
    canary = choose_canary([sample(9, SURE), sample(5, SURE[::-1]), sample(1, UNSURE)], RUNS)
    assert (len(canary.image), canary.index) == (5, 0)


def test_where_nothing_is_clear_any_answer_will_do() -> None:
    """So it is for the runtime `null`, which answers nothing of its own."""
    assert choose_canary([sample(9, UNSURE), sample(5, UNSURE)], RUNS) == Canary(image=bytes(5), index=None)
    null = msgspec.structs.replace(RUNS, runtime="null")
    assert choose_canary([sample(9, SURE)], null) == Canary(image=bytes(9), index=None)


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
