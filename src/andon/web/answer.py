"""One request becomes one answer, whatever happens in between. Every server's routes end here."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from andon.engine.policy import RETRY_AFTER_S
from andon.errors import AndonError
from andon.model.model import Model
from andon.predictions import Failure, Prediction
from andon.web.dialects.base import Call, Dialect
from andon.web.messages import ModelFacts, Request, Response
from andon.web.problems import failure_of, status_of
from andon.web.timing import server_timing

logger = logging.getLogger("andon")

FAULT = Failure(code="service.fault", message="the service failed")
UNREADY = Failure(code="service.unready", message="the model is not loaded", hint="ask again soon")
_LATER = {"Retry-After": str(RETRY_AFTER_S)}
FURTHER_HEADERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "engine.full": _LATER,
        "engine.closed": _LATER,
        "service.unready": _LATER,
        "service.connections": _LATER,
        "request.token": {"WWW-Authenticate": 'Bearer realm="andon"'},
    }
)
"""What an answer says beside its body, by the code of its error."""


def answer_with_model(
    dialect: Dialect, request: Request, read_body: Callable[[int], bytes], get_model: Callable[[], Model]
) -> Response:
    """
    Answer a request to classify, in the calling thread.

    Args:
        dialect: How the client speaks.
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
            return refuse(dialect, UNREADY, request)
        whole = msgspec.structs.replace(request, body=read_body(model.limits.max_body_bytes))
        call = dialect.decode(whole, model.limits)
        read_at = time.perf_counter()
        predictions = [model.predict(image) for image in call.images]
        facts = ModelFacts(name=model.name, version=model.version, digest=model.digest, labels=model.labels)
        return compose(dialect, predictions, call, facts, whole, read_at=read_at)
    except AndonError as error:
        return refuse(dialect, failure_of(error), request)
    except Exception:  # noqa: BLE001 -- logged, and answered as a fault of ours
        return fault(dialect, request)


def compose(
    dialect: Dialect,
    predictions: Sequence[Prediction],
    call: Call,
    model: ModelFacts,
    request: Request,
    *,
    read_at: float,
) -> Response:
    """
    Make the answer of predictions, and log the faults among them.

    Args:
        dialect: How the client speaks.
        predictions: One for each image of the call, in their order.
        call: What the request asked for.
        model: Which model answered.
        request: It holds when its head had come.
        read_at: When its body had been read and understood, in seconds of `time.perf_counter`.
    """
    _log_faults(predictions, request)
    response = dialect.encode(predictions, call, model, request)
    errors = [prediction.error for prediction in predictions if prediction.error is not None]
    further = FURTHER_HEADERS.get(errors[0].code, {}) if len(predictions) == 1 and errors else {}
    # Several images of one request may be computed on several cards; of failed ones there is nothing to tell.
    devices = sorted({prediction.device for prediction in predictions} - {""})
    headers = {
        "X-Request-Id": request.request_id,
        **({"X-Device": ", ".join(devices)} if devices else {}),
        "X-Model-Name": model.name,
        "X-Model-Version": model.version,
        "X-Model-Digest": model.digest,
        "Server-Timing": server_timing(
            [prediction.timings_ms for prediction in predictions],
            read_ms=(read_at - request.received) * 1e3,
            total_ms=(time.perf_counter() - request.received) * 1e3,
        ),
        **further,
    }
    return msgspec.structs.replace(response, headers={**response.headers, **headers})


def refuse(dialect: Dialect, failure: Failure, request: Request, headers: Mapping[str, str] | None = None) -> Response:
    """Make the answer of a request that comes to nothing."""
    response = dialect.refuse(failure, request)
    further = {**FURTHER_HEADERS.get(failure.code, {}), **(headers or {}), "X-Request-Id": request.request_id}
    return msgspec.structs.replace(response, headers={**response.headers, **further})


def method_not_allowed(dialect: Dialect, request: Request, methods: Iterable[str]) -> Response:
    """Make the answer of a request with another method than its address takes; where that is `GET`, `HEAD` is too."""
    taken = {*methods}
    allowed = ", ".join(sorted(taken | {"HEAD"} if "GET" in taken else taken))
    failure = Failure(
        code="request.method", message="the address does not take this method", hint=f"it takes {allowed}"
    )
    return refuse(dialect, failure, request, {"Allow": allowed})


def fault(dialect: Dialect, request: Request) -> Response:
    """Make the answer for an exception that is being handled and that nobody foresaw; it is logged."""
    logger.exception("request %s failed", request.request_id)
    return refuse(dialect, FAULT, request)


def _model_or_none(get_model: Callable[[], Model], request: Request) -> Model | None:
    try:
        return get_model()
    except AndonError as error:
        logger.error("request %s: no model: %s", request.request_id, error)  # noqa: TRY400 -- the reason says it all
        return None


def _log_faults(predictions: Sequence[Prediction], request: Request) -> None:
    for prediction in predictions:
        if prediction.error is not None and status_of(prediction.error.code) == 500:
            logger.error("request %s: [%s] %s", request.request_id, prediction.error.code, prediction.error.message)
