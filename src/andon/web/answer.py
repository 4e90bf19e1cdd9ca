"""One request becomes one answer, whatever happens in between. Every server's route calls this."""

import logging
from collections.abc import Callable, Sequence

import msgspec

from andon.errors import AndonError, RequestError
from andon.model.model import Model
from andon.predictions import Failure, Prediction
from andon.web.dialects import classify
from andon.web.messages import ModelFacts, Request, Response
from andon.web.problems import failure_of, problem, status_of

logger = logging.getLogger("andon")

FAULT = Failure(code="service.fault", message="the service failed")
UNREADY = Failure(code="service.unready", message="the model is not loaded")


def answer_run(request: Request, read_body: Callable[[int], bytes], get_model: Callable[[], Model]) -> Response:
    """
    Answer a request to classify, in the calling thread.

    Args:
        request: Without its body.
        read_body: Reads the body, of at most the given number of bytes, or raises RequestError.
        get_model: Gives the model of this process, or raises an AndonError where it cannot be had.

    Returns:
        The answer. Nothing raises: an error becomes its problem, and whatever else happens is a
        fault of the service, which is logged under the request id and told without details.
    """
    try:
        model = _model_or_none(get_model, request)
        if model is None:
            return problem(UNREADY, request)
        whole = msgspec.structs.replace(request, body=read_body(model.limits.max_body_bytes))
        predictions = [model.predict(image) for image in classify.decode(whole, model.limits)]
        _log_faults(predictions, request)
        return classify.encode(predictions, facts_of(model), request)
    except RequestError as error:
        return problem(failure_of(error), request)
    except Exception:
        logger.exception("request %s failed", request.request_id)
        return problem(FAULT, request)


def facts_of(model: Model) -> ModelFacts:
    """Say which model it is."""
    return ModelFacts(name=model.name, version=model.version, digest=model.digest)


def _model_or_none(get_model: Callable[[], Model], request: Request) -> Model | None:
    try:
        return get_model()
    except AndonError as error:
        logger.error("request %s: no model: %s", request.request_id, error)  # noqa: TRY400 -- the reason says it all
        return None


def _log_faults(predictions: Sequence[Prediction], request: Request) -> None:
    for prediction in predictions:
        if prediction.error is not None and status_of(prediction.error.code) >= 500:
            logger.error("request %s: [%s] %s", request.request_id, prediction.error.code, prediction.error.message)
