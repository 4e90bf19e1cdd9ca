"""
The dialect `classify`: ours and the seed's.

Spoken in two ways: at `/predict` it always answers JSON; at `/run`, as the seed does, text unless
the client prefers JSON.
"""

import binascii
from collections.abc import Sequence

import msgspec

from andon.errors import RequestError, first_line
from andon.predictions import Failure, Prediction, Verdict
from andon.settings.limits import Limits
from andon.web.dialects.base import Call
from andon.web.dialects.bodies import read_json, require_images, require_uncompressed
from andon.web.messages import ModelFacts, Request, Response
from andon.web.multipart import parse_multipart
from andon.web.negotiation import prefers_json
from andon.web.problems import JSON, TEXT, error_line, one_line, problem, public_failure, status_of

FIELD = "file"
"""The form field that holds an image; the seed's name for it."""


GREETING = "classifier api"
"""What the root answers, in the seed's words."""
PROBE_S = 1.0
"""Seconds for which the seed's probe, `GET /run`, holds a worker."""


class Classify:
    """
    Images in a form, in JSON or as the body itself; labels out.

    Args:
        speaks_text: Answer text where the client does not prefer JSON.
    """

    def __init__(self, *, speaks_text: bool) -> None:
        self._speaks_text = speaks_text

    def decode(self, request: Request, limits: Limits) -> Call:
        """
        Find the encoded images of a request; whether they are images is not looked at.

        The body is a form whose every field is `file`, JSON with `image` or `images` in base64, or
        one image itself (`image/*`, `application/octet-stream`, or no content type at all).

        Raises:
            RequestError: `request.file`, `request.field`, `request.body`, `request.images` or
                `request.media_type`.
        """
        content_type = request.headers.get("content-type", "")
        media_type = content_type.partition(";")[0].strip().lower()
        require_uncompressed(request)
        require_images(bool(request.body), limits, hint=_FORM_HINT)
        if media_type == "multipart/form-data":
            return Call(images=_fields(content_type, request.body, limits))
        if media_type == JSON:
            return Call(images=_json_images(request.body, limits))
        if media_type in ("", "application/octet-stream") or media_type.startswith("image/"):
            return Call(images=[request.body])
        raise RequestError(
            f"the content type {media_type[:80]!r} is not served",
            code="request.media_type",
            hint=f"send a form, curl -F {FIELD}=@part.jpg, or the image itself as image/jpeg",
        )

    def encode(self, predictions: Sequence[Prediction], call: Call, model: ModelFacts, request: Request) -> Response:
        """
        Make the answer.

        Returns:
            JSON: all of the predictions, in the order of the images. Text: `result : LABEL`, a line
            for each image, a bad one's being `error : ...`; one on which nothing is
            found has `OK` for a label where that is its verdict, else `none`. Where the only image is bad, in both
            forms, the status and problem of its error.
        """
        if len(predictions) == 1 and predictions[0].error is not None:
            return self.refuse(predictions[0].error, request)
        if self._wants_text(request):
            text = "\n".join(_line(prediction, request) for prediction in predictions)
            return Response(status=200, content_type=TEXT, body=text.encode())
        return Response(status=200, content_type=JSON, body=_json(predictions, model, request))

    def refuse(self, failure: Failure, request: Request) -> Response:
        """Give a problem, or one line of text."""
        if not self._wants_text(request):
            return problem(failure, request)
        failure = public_failure(failure, request)
        return Response(status=status_of(failure.code), content_type=TEXT, body=error_line(failure).encode())

    def _wants_text(self, request: Request) -> bool:
        return self._speaks_text and not prefers_json(request.headers.get("accept", ""))


RUN = Classify(speaks_text=True)
"""As the seed speaks, at `/run`."""
PREDICT = Classify(speaks_text=False)
"""As programs speak, at `/predict`."""


class _Images(msgspec.Struct, forbid_unknown_fields=True):
    """A body of JSON; one of the two is there."""

    image: str | None = None
    images: list[str] | None = None


def _json_images(body: bytes, limits: Limits) -> list[bytes]:
    found: _Images = read_json(body, _Images, "the body", hint=_JSON_HINT)
    if (found.image is None) == (found.images is None):
        raise RequestError("the body has neither `image` nor `images`, or both", code="request.body", hint=_JSON_HINT)
    texts = [found.image] if found.image is not None else found.images or []
    require_images(len(texts), limits, hint=_JSON_HINT)
    return [_from_base64(text) for text in texts]


_FORM_HINT = f"send it in the field `{FIELD}`: curl -F {FIELD}=@part.jpg"
_JSON_HINT = 'send {"image": "<base64>"}, or {"images": ["<base64>", ...]}'


def _from_base64(text: str) -> bytes:
    """Decode the base64 of an image, or a data URL as a browser's canvas gives it."""
    encoded = text.partition(",")[2] if text.startswith("data:") else text
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise RequestError(
            f"an image is not base64: {first_line(error)}", code="request.body", hint=_JSON_HINT
        ) from None


def _fields(content_type: str, body: bytes, limits: Limits) -> list[bytes]:
    parts = parse_multipart(content_type, body, max_parts=limits.max_images)
    for part in parts:
        if part.name != FIELD:
            raise RequestError(
                f"the form has a field {part.name[:40]!r}, expected only `{FIELD}`",
                code="request.field",
                hint=f"name the field `{FIELD}`: curl -F {FIELD}=@part.jpg",
            )
    require_images(len(parts), limits, hint=_FORM_HINT)
    return [part.data for part in parts]


def _line(prediction: Prediction, request: Request) -> str:
    if prediction.error is not None:
        return error_line(public_failure(prediction.error, request))
    return one_line(f"result : {prediction.label or _NOTHING[prediction.verdict]}")


_NOTHING = {verdict: verdict.name if verdict is Verdict.OK else "none" for verdict in Verdict}
"""What stands for the label where nothing was found: `OK` where that is what the bundle decides."""


def _json(predictions: Sequence[Prediction], model: ModelFacts, request: Request) -> bytes:
    answer = {
        "predictions": [_public(prediction, request).as_json() for prediction in predictions],
        "model": model.as_json(),
        "request_id": request.request_id,
    }
    return msgspec.json.encode(answer)


def _public(prediction: Prediction, request: Request) -> Prediction:
    """Hide what a fault of the service says of itself; it stands in the reasons too."""
    if prediction.error is None:
        return prediction
    failure = public_failure(prediction.error, request)
    return msgspec.structs.replace(prediction, error=failure, reasons=(failure.message,))
