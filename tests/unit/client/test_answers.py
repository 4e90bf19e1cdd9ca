"""Answers are read strictly, and everything else becomes one kind of error."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.client.answers import (
    Trace,
    answer_of,
    error_of,
    models_of,
    predictions_of,
    says_ready,
    why_unready,
)
from andon.client.messages import Answer, Broken
from andon.errors import CODES, ServiceError
from andon.predictions import Box, Failure, Prediction, Verdict
from tests.support.answers import good_item, problem_json

TRACE = Trace(url="http://host:5555/predict", request_id="r1", deadline_s=2.0, attempts=1)
FAILED_ITEM = {
    **dict.fromkeys(("label", "index", "score")),
    "scores": [],
    "verdict": "NotDecidable",
    "reasons": ["cut off"],
    "timings_ms": {"decode": 0.1},
    "boxes": [],
    "device": "",
    "error": {"code": "image.truncated", "message": "cut off", "hint": "again"},
}
MODEL = {
    "name": "scratch",
    "version": "3f2a01b2c3d4",
    "digest": "3f",
    "task": "classification",
    "labels": ["ok", "scratch"],
    "runtime": "onnxruntime",
    "precision": "fp32",
    "device": "cuda",
    "devices": ["cuda:0", "cuda:1"],
    "state": "ready",
    "reason": None,
    "proof": {
        "holds": True,
        "samples": 7,
        "worst_pixel_difference": 0.0,
        "worst_output_difference": 1.7e-6,
        "tolerance": 1e-4,
    },
    "passed_over": [
        {
            "artifact": "onnx",
            "runtime": "openvino",
            "precision": "bf16",
            "device": "cpu",
            "code": "environment.extra",
            "reason": "openvino is not installed",
        }
    ],
}
LOADING = {
    **dict.fromkeys(MODEL),
    "name": "dent",
    "labels": [],
    "devices": [],
    "passed_over": [],
    "state": "loading",
    "reason": "it is proven now",
}


def answer(document: object, status: int = 200, **headers: str) -> Answer:
    """Make an answer of JSON."""
    return Answer(status=status, body=msgspec.json.encode(document), headers=headers)


def error_in(document: object) -> ServiceError:
    """Give the error that reading one prediction raises."""
    with pytest.raises(ServiceError) as caught:
        predictions_of(answer(document), 1, TRACE)
    return caught.value


def test_predictions_are_typed() -> None:
    """Verdicts are found by name, sequences are tuples, errors are failures."""
    box = {"label": "red", "index": 0, "score": 0.75, "x": 1, "y": 2, "width": 3, "height": 4.5}
    found = predictions_of(answer({"predictions": [{**good_item(), "boxes": [box]}, FAILED_ITEM]}), 2, TRACE)
    assert found == [
        Prediction(
            label="red",
            index=0,
            score=0.75,
            scores=(0.75, 0.25),
            verdict=Verdict.OK,
            reasons=("all is well",),
            timings_ms={"infer": 1.5},
            boxes=(Box(label="red", index=0, score=0.75, x=1, y=2, width=3, height=4.5),),
            device="cpu",
        ),
        Prediction(
            verdict=Verdict.NotDecidable,
            reasons=("cut off",),
            timings_ms={"decode": 0.1},
            error=Failure(code="image.truncated", message="cut off", hint="again"),
        ),
    ]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_scores_come_bit_for_bit(scores: list[float]) -> None:
    """JSON as the service writes it loses nothing."""
    item = {**good_item(), "scores": scores, "score": scores[0]}
    (found,) = predictions_of(answer({"predictions": [item]}), 1, TRACE)
    assert found.scores == tuple(scores)


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_its_name(verdict: Verdict) -> None:
    """None is forgotten in the form on the wire."""
    (found,) = predictions_of(answer({"predictions": [{**good_item(), "verdict": verdict.name}]}), 1, TRACE)
    assert found.verdict is verdict


def test_a_newer_service_may_say_more() -> None:
    """Fields that are not known are passed over at every level."""
    item = {**FAILED_ITEM, "box": [1, 2], "error": {**FAILED_ITEM["error"], "more": 1}}  # type: ignore[dict-item]
    (found,) = predictions_of(answer({"predictions": [item], "new": {}}), 1, TRACE)
    assert found.error is not None
    (model,) = models_of(answer({"default": "scratch", "models": [{**MODEL, "new": 1}], "new": 1}), TRACE)
    assert model.name == "scratch"


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown verdict": ({"verdict": "Maybe"}, "$.predictions[0].verdict"),
    "a number for a verdict": ({"verdict": 1}, "$.predictions[0].verdict"),
    "a label that is no text": ({"label": 3}, "$.predictions[0].label"),
    "scores that are no numbers": ({"scores": ["1"]}, "$.predictions[0].scores[0]"),
    "an error without a code": ({"error": {"message": "m"}}, "$.predictions[0].error"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_field_of_another_type_is_named(name: str) -> None:
    """The error says what was expected, where, and what was asked."""
    fields, place = WRONG[name]
    error = error_in({"predictions": [{**good_item(), **fields}]})
    assert error.code == "client.answer"
    assert place in error.message
    assert "xpected" in error.message or "nvalid" in error.message or "missing" in error.message
    assert error.where == "http://host:5555/predict, request r1"


@pytest.mark.parametrize("field", good_item())
def test_a_missing_field_is_named(field: str) -> None:
    """An empty object is not taken for a prediction without a verdict."""
    item = good_item()
    del item[field]
    assert f"`{field}`" in error_in({"predictions": [item]}).message


@pytest.mark.parametrize("count", [0, 2])
def test_each_image_has_its_prediction(count: int) -> None:
    """Too few and too many are no answer to what was sent."""
    assert f"expected 1 predictions, got {count}" in error_in({"predictions": [good_item()] * count}).message


@given(st.binary(max_size=60), st.integers(100, 599))
def test_rubbish_is_an_error_and_nothing_else(body: bytes, status: int) -> None:
    """Whatever comes, no other exception gets out."""
    for read in (lambda found: predictions_of(found, 1, TRACE), lambda found: models_of(found, TRACE)):
        with pytest.raises(ServiceError) as caught:
            read(Answer(status=status, body=body))
        assert caught.value.code == "client.answer"
    assert why_unready(Answer(status=status, body=body))


def test_deep_nesting_is_an_error_too() -> None:
    """A body that would exhaust the stack is not understood."""
    for status in (200, 400):
        with pytest.raises(ServiceError):
            predictions_of(Answer(status=status, body=b'{"predictions":' * 5000), 1, TRACE)


def test_a_problem_is_the_services_error() -> None:
    """Code, sentence and hint are its own; the place is ours."""
    error = error_of(Answer(status=503, body=problem_json("service.unready", "it loads", "ask again")), TRACE)
    assert (error.code, error.message, error.hint, error.request_id) == (
        "service.unready",
        "it loads",
        "ask again",
        "r1",
    )


def test_a_code_of_the_future_is_kept_in_the_text() -> None:
    """Programs see a code that they can know, people see the one that was sent."""
    error = error_of(Answer(status=400, body=problem_json("future.code", "no")), TRACE)
    assert (error.code, error.message) == ("client.answer", "no [future.code]")


@pytest.mark.parametrize("code", [code for code in CODES if code.startswith(("image.", "runtime."))])
def test_a_problem_of_the_only_image_is_its_prediction(code: str) -> None:
    """What `Model.predict` does not raise is not raised here either."""
    found = Answer(status=400, body=problem_json(code, "bad", "hint"))
    assert predictions_of(found, 1, TRACE) == [
        Prediction(
            verdict=Verdict.NotDecidable,
            reasons=("bad",),
            error=Failure(code=code, message="bad", hint="hint"),
        )
    ]
    with pytest.raises(ServiceError):
        predictions_of(found, 2, TRACE)


def test_a_foreign_answer_is_described() -> None:
    """Status and content type tell people what they have reached; a redirect says where it leads."""
    html = error_of(Answer(status=404, body=b"<html>", headers={"content-type": "text/html"}), TRACE)
    assert "status 404 and holds 'text/html'" in html.message
    moved = error_of(Answer(status=308, headers={"location": "https://host/"}), TRACE)
    assert "redirects are not followed; it leads to 'https://host/'" in moved.hint


@pytest.mark.parametrize(
    ("kind", "code", "said"),
    [
        ("unreachable", "client.connection", "cannot be reached: why"),
        ("broken", "client.connection", "broke off, or did not speak HTTP: why"),
        ("late", "client.deadline", "no answer within 2 s"),
        ("oversize", "client.answer", "why"),
    ],
)
def test_each_way_to_have_no_answer_has_its_error(kind: Any, code: str, said: str) -> None:
    """With a hint, the URL and the number of attempts."""
    with pytest.raises(ServiceError) as caught:
        answer_of(Broken(kind=kind, reason="why"), msgspec.structs.replace(TRACE, attempts=3))
    assert (caught.value.code, caught.value.request_id) == (code, "r1")
    assert said in caught.value.message
    assert caught.value.where == "http://host:5555/predict, request r1, 3 attempts"
    assert caught.value.hint


def test_an_answer_is_given_as_it_is() -> None:
    """Whatever its status."""
    assert answer_of(Answer(status=500), TRACE) == Answer(status=500)


def test_a_service_that_does_not_tell_what_it_passed_over_is_understood() -> None:
    """It is older than this client."""
    older = {name: value for name, value in MODEL.items() if name != "passed_over"}
    (scratch,) = models_of(answer({"default": "scratch", "models": [older]}), TRACE)
    assert scratch.passed_over == ()


def test_models_are_typed() -> None:
    """Also one that is still loading, of which little is known."""
    scratch, dent = models_of(answer({"default": "scratch", "models": [MODEL, LOADING]}), TRACE)
    assert (scratch.labels, scratch.state, scratch.is_default) == (("ok", "scratch"), "ready", True)
    assert (scratch.devices, dent.devices) == (("cuda:0", "cuda:1"), ())
    assert [(each.runtime, each.code) for each in scratch.passed_over] == [("openvino", "environment.extra")]
    assert dent.passed_over == ()
    assert scratch.proof is not None
    assert (scratch.proof.holds, scratch.proof.worst_output_difference) == (True, 1.7e-6)
    assert (dent.version, dent.labels, dent.proof, dent.reason, dent.is_default) == (
        None,
        (),
        None,
        "it is proven now",
        False,
    )


def test_of_two_versions_the_first_is_the_default() -> None:
    """It is the one that a client asks who names no model."""
    models = [MODEL, {**MODEL, "version": "0" * 12}]
    found = models_of(answer({"default": "scratch", "models": models}), TRACE)
    assert [model.is_default for model in found] == [True, False]


def test_the_refusal_of_a_list_is_told() -> None:
    """As that of a prediction."""
    with pytest.raises(ServiceError) as caught:
        models_of(Answer(status=404, body=problem_json("request.path", "nothing here")), TRACE)
    assert caught.value.code == "request.path"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_not_ready_is_an_answer(status: int) -> None:
    """Of the service, or of a proxy whose service is starting; nobody there is one too."""
    assert not says_ready(Answer(status=status), TRACE)
    assert not says_ready(Broken(kind="unreachable", reason="refused"), TRACE)
    assert not says_ready(Broken(kind="late", reason="late"), TRACE)
    assert says_ready(Answer(status=200), TRACE)


def test_what_says_neither_yes_nor_no_is_an_error() -> None:
    """Waiting would not help."""
    for outcome in (Answer(status=404), Answer(status=302), Broken(kind="oversize", reason="large")):
        with pytest.raises(ServiceError) as caught:
            says_ready(outcome, TRACE)
        assert caught.value.code == "client.answer"


def test_the_reason_for_not_being_ready_is_that_of_the_models() -> None:
    """Only of those that are not; else the status has to do."""
    states = [{"name": "a", "state": "ready", "reason": None}, {"name": "b", "state": "failed", "reason": "wrong"}]
    assert why_unready(answer({"ready": False, "models": states}, 503)) == "b is failed: wrong"
    assert why_unready(answer({"models": []}, 503)) == "it answers 503"
    assert why_unready(Broken(kind="broken", reason="reset")) == "reset"
