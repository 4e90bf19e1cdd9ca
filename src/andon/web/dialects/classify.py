"""
The dialect `classify`: ours and the seed's, spoken at `/run`.

Two pure functions: `decode` finds the encoded images in a request, `encode` makes the answer of
their predictions.
"""

from collections.abc import Mapping, Sequence

import msgspec

from andon.errors import RequestError
from andon.predictions import Prediction
from andon.settings import Limits
from andon.web.messages import ModelFacts, Request, Response
from andon.web.multipart import parse_multipart
from andon.web.negotiation import prefers_json
from andon.web.problems import JSON, TEXT, error_line, one_line, problem, public_failure

FIELD = "file"
"""The form field that holds an image; the seed's name for it."""
_STAGES = ("decode", "prepare", "infer", "finish")


def decode(request: Request, limits: Limits) -> list[bytes]:
    """
    Find the encoded images of a request; whether they are images is not looked at.

    The body is a form whose every field is `file`, or one image itself (`image/*`,
    `application/octet-stream`, or no content type at all).

    Args:
        request: With its whole body.
        limits: `max_images` is applied here; the body was bounded while it was read.

    Returns:
        At least one, in the order sent; a field may be empty.

    Raises:
        RequestError: `request.file`, `request.field`, `request.body`, `request.images` or
            `request.media_type`.
    """
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise RequestError("the body is compressed, expected it as it is", code="request.media_type")
    if not request.body:
        raise _no_image()
    if media_type == "multipart/form-data":
        return _fields(content_type, request.body, limits)
    if media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
        return [request.body]
    raise RequestError(
        f"the content type {media_type[:80]!r} is not served",
        code="request.media_type",
        hint=f"send a form, curl -F {FIELD}=@part.jpg, or the image itself as image/jpeg",
    )


def _fields(content_type: str, body: bytes, limits: Limits) -> list[bytes]:
    parts = parse_multipart(content_type, body, max_parts=limits.max_images)
    for part in parts:
        if part.name != FIELD:
            raise RequestError(
                f"the form has a field {part.name[:40]!r}, expected only `{FIELD}`",
                code="request.field",
                hint=f"name the field `{FIELD}`: curl -F {FIELD}=@part.jpg",
            )
    if not parts:
        raise _no_image()
    return [part.data for part in parts]


def _no_image() -> RequestError:
    return RequestError(
        "the request holds no image",
        code="request.file",
        hint=f"send it in the field `{FIELD}`: curl -F {FIELD}=@part.jpg",
    )


def encode(predictions: Sequence[Prediction], model: ModelFacts, request: Request) -> Response:
    """
    Make the answer.

    Args:
        predictions: At least one, in the order of the images.
        model: Which model made them.
        request: Its `Accept` chooses between text and JSON.

    Returns:
        One image: `result : LABEL`, or the status and problem of its error. Several: status 200
        and a line each, a bad one's being `error : ...`. As JSON: always all of the predictions,
        unless the only image is bad.
    """
    headers = _headers(predictions, model, request)
    if len(predictions) == 1 and predictions[0].error is not None:
        return problem(predictions[0].error, request, headers=headers)
    if prefers_json(request.headers.get("accept", "")):
        return Response(status=200, content_type=JSON, body=_json(predictions, model, request), headers=headers)
    text = "\n".join(_line(prediction, request) for prediction in predictions)
    return Response(status=200, content_type=TEXT, body=text.encode(), headers=headers)


def _headers(predictions: Sequence[Prediction], model: ModelFacts, request: Request) -> Mapping[str, str]:
    return {
        "X-Request-Id": request.request_id,
        "X-Model-Name": model.name,
        "X-Model-Version": model.version,
        "X-Model-Digest": model.digest,
        "Server-Timing": ", ".join(
            f"{stage};dur={sum(p.timings_ms.get(stage, 0.0) for p in predictions):.3f}" for stage in _STAGES
        ),
    }


def _line(prediction: Prediction, request: Request) -> str:
    if prediction.error is not None:
        return error_line(public_failure(prediction.error, request))
    return one_line(f"result : {prediction.label}")


def _json(predictions: Sequence[Prediction], model: ModelFacts, request: Request) -> bytes:
    answer = {
        "predictions": [_public(prediction, request).as_json() for prediction in predictions],
        "model": model,
        "request_id": request.request_id,
    }
    return msgspec.json.encode(answer)


def _public(prediction: Prediction, request: Request) -> Prediction:
    """Hide what a fault of the service says of itself; it stands in the reasons too."""
    if prediction.error is None:
        return prediction
    failure = public_failure(prediction.error, request)
    return msgspec.structs.replace(prediction, error=failure, reasons=(failure.message,))
