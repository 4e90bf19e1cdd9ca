"""The prediction of an image that cannot be used."""

from andon.errors import AndonError
from andon.predictions import Failure, Prediction, failed


def failed_prediction(error: AndonError, timings_ms: dict[str, float] | None = None) -> Prediction:
    """Give the prediction of an image that cannot be used: `NotDecidable`, with the error as the reason."""
    return failed(Failure(code=error.code, message=error.message, hint=error.hint), timings_ms)
