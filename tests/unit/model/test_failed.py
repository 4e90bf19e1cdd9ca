"""An image that cannot be used has a prediction like any other, which says why."""

import pytest

from andon.errors import AndonError, EngineError, ImageError
from andon.model.failed import failed_prediction
from andon.predictions import Failure, Prediction, Verdict


def test_a_failed_prediction_tells_code_message_and_hint() -> None:
    """Where it happened in the files of the service is not told."""
    error = AndonError("too dark", code="image.shape", where="/srv/secret.png", hint="more light")
    assert failed_prediction(error, {"decode": 1.5}) == Prediction(
        verdict=Verdict.NotDecidable,
        reasons=("too dark",),
        timings_ms={"decode": 1.5},
        error=Failure(code="image.shape", message="too dark", hint="more light"),
    )


@pytest.mark.parametrize("error", [ImageError("m", code="image.format"), EngineError("m", code="engine.full")])
def test_it_needs_no_times_and_no_hint(error: AndonError) -> None:
    """Whatever the class of the error is."""
    found = failed_prediction(error)
    assert (found.timings_ms, found.label, found.scores) == ({}, None, ())
    assert found.error == Failure(code=error.code, message="m", hint="")
