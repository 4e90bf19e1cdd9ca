"""The schemas, against what the types make."""

import msgspec
import pytest

from andon.predictions import Failure, Prediction, Verdict
from andon.settings.serve import ServeSettings
from andon.web.messages import ModelFacts, Request
from andon.web.openapi.document import openapi_document
from andon.web.openapi.schemas import component_schemas, or_null, record, ref
from andon.web.problems import STATUS, problem
from tests.support.documents import errors

DOCUMENT = openapi_document(ServeSettings())
FAILURE = Failure(code="image.format", message="not an image", hint="send one")
FACTS = ModelFacts(name="colours", version="0" * 12, digest="0" * 64)


def sent(prediction: Prediction) -> dict[str, object]:
    """Give what a client reads."""
    read: dict[str, object] = msgspec.json.decode(msgspec.json.encode(prediction.as_json()))
    return read


@pytest.mark.parametrize(
    "prediction",
    [
        Prediction(label="red", index=0, score=0.9, scores=(0.9, 0.1), verdict=Verdict.OK, timings_ms={"infer": 1.0}),
        Prediction(verdict=Verdict.NotDecidable, reasons=("not an image",), error=FAILURE),
    ],
)
def test_a_prediction_fits(prediction: Prediction) -> None:
    """What is answered, with a label and with an error, is what is described."""
    assert errors(ref("Prediction"), sent(prediction), DOCUMENT) == []


def test_every_field_of_a_prediction_is_promised() -> None:
    """An answer without one of them, or with a number for a verdict, is not as described."""
    whole = sent(Prediction())
    for name in whole:
        assert errors(ref("Prediction"), {key: value for key, value in whole.items() if key != name}, DOCUMENT)
    assert errors(ref("Prediction"), {**whole, "verdict": 0}, DOCUMENT)


def test_every_field_of_a_prediction_is_explained() -> None:
    """The text of each is that of the type."""
    for name in ("Prediction", "Failure"):
        assert all(field["description"] for field in component_schemas()[name]["properties"].values())


@pytest.mark.parametrize("code", sorted(STATUS))
def test_a_problem_fits(code: str) -> None:
    """Each that a client can meet is as described."""
    request = Request(headers={}, request_id="1")
    body = problem(Failure(code=code, message="so it is"), request).body
    assert errors(ref("Problem"), msgspec.json.decode(body), DOCUMENT) == []


def test_the_facts_of_a_model_fit() -> None:
    """Name, version and digest, and no others."""
    assert errors(ref("Model"), FACTS.as_json(), DOCUMENT) == []
    assert errors(ref("Model"), {**FACTS.as_json(), "version": "latest"}, DOCUMENT)


def test_a_verdict_is_one_of_four_names() -> None:
    """The names, each with its meaning."""
    verdict = component_schemas()["Verdict"]
    assert verdict["enum"] == ["Undefined", "OK", "NotOK", "NotDecidable"]
    assert "- `OK`: The part is good." in verdict["description"]


def test_a_record_may_get_further_members() -> None:
    """A later version may add to an answer; none that is there may be missing."""
    schema = record({"a": or_null("string")}, "What it is.", example={"a": None})
    assert errors(schema, {"a": None, "b": 1}, DOCUMENT) == []
    assert errors(schema, {"b": 1}, DOCUMENT)
