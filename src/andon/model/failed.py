"""The prediction of an image that cannot be used."""

import logging

from andon.errors import AndonError
from andon.predictions import Failure, Prediction, failed

logger = logging.getLogger("andon")


def failed_prediction(error: AndonError, timings_ms: dict[str, float] | None = None) -> Prediction:
    """Give the prediction of an image that cannot be used: `NotDecidable`, with the error as the reason."""
    return failed(Failure(code=error.code, message=error.message, hint=error.hint), timings_ms)


def fault_prediction(error: Exception) -> Prediction:
    """Log an error that nobody has thought of, and give the prediction, which says nothing of it."""
    logger.error("an image failed on an error of Andon's own", exc_info=error)
    return failed_prediction(AndonError("the service failed", code="service.fault"))
