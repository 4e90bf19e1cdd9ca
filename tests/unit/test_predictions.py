"""A prediction has one plain form, whoever asks for it."""

import json

import msgspec
import numpy as np
import pytest

from andon.predictions import Box, Failure, Prediction, ScoreMap, Verdict, failed

GOOD = Prediction(
    label="ok",
    index=0,
    score=0.75,
    scores=(0.75, 0.25),
    verdict=Verdict.OK,
    reasons=("all is well",),
    timings_ms={"infer": 1.5},
    device="cuda:1",
)


def test_the_plain_form_has_every_field_and_the_verdict_by_name() -> None:
    """Only what JSON knows: the standard library and msgspec write the same."""
    plain = GOOD.as_json()
    assert plain == {
        "label": "ok",
        "index": 0,
        "score": 0.75,
        "scores": (0.75, 0.25),
        "verdict": "OK",
        "reasons": ("all is well",),
        "boxes": (),
        "timings_ms": {"infer": 1.5},
        "device": "cuda:1",
        "error": None,
    }
    assert list(plain) == [name for name in Prediction.__struct_fields__ if name != "map"]
    assert json.loads(json.dumps(plain)) == msgspec.json.decode(msgspec.json.encode(plain))


def test_boxes_are_sent_and_maps_are_not() -> None:
    """A map has millions of numbers; it is there in Python, and two predictions with one can be compared."""
    box = Box(label="dent", index=1, score=0.5, x=1.5, y=2, width=30, height=4.25)
    score_map = ScoreMap(scores=np.zeros((1, 2, 3), np.float32), x=0, y=0, step_x=4, step_y=4)
    found = msgspec.structs.replace(GOOD, boxes=(box,), map=score_map)
    assert found.as_json()["boxes"] == (
        {"label": "dent", "index": 1, "score": 0.5, "x": 1.5, "y": 2, "width": 30, "height": 4.25},
    )
    assert "map" not in found.as_json()
    assert found == msgspec.structs.replace(found)
    assert found != msgspec.structs.replace(found, map=msgspec.structs.replace(score_map))


def test_a_failed_image_has_its_error_and_no_label() -> None:
    """The error is an object with code, message and hint."""
    found = Prediction(verdict=Verdict.NotDecidable, error=Failure(code="image.format", message="no image"))
    plain = found.as_json()
    assert plain["error"] == {"code": "image.format", "message": "no image", "hint": ""}
    assert (plain["label"], plain["index"], plain["score"], plain["scores"]) == (None, None, None, ())
    assert plain["verdict"] == "NotDecidable"


def test_the_plain_form_is_the_callers() -> None:
    """Changing it changes no prediction."""
    GOOD.as_json()["timings_ms"]["queue"] = 1
    assert GOOD.timings_ms == {"infer": 1.5}


def test_verdicts_have_the_numbers_of_opc_ua() -> None:
    """OPC UA Machinery Result, ResultEvaluationEnum."""
    assert {verdict.name: int(verdict) for verdict in Verdict} == {
        "Undefined": 0,
        "OK": 1,
        "NotOK": 2,
        "NotDecidable": 3,
    }


def test_a_prediction_does_not_change() -> None:
    """Predictions may be shared between threads."""
    with pytest.raises(AttributeError):
        GOOD.label = "scratch"  # type: ignore[misc] # that it is refused is the point


def test_predictions_share_no_default() -> None:
    """Each has timings of its own."""
    assert Prediction().timings_ms is not Prediction().timings_ms


def test_a_failure_makes_a_prediction_that_nobody_takes_for_good() -> None:
    """Not decidable, with the message as the reason; the timings are those that there are."""
    failure = Failure(code="image.format", message="no image", hint="send one")
    assert failed(failure) == Prediction(verdict=Verdict.NotDecidable, reasons=("no image",), error=failure)
    assert failed(failure, {"decode": 0.5}).timings_ms == {"decode": 0.5}
