"""
The dialect `v2` for images: inference requests in, tensors out.

A bad image fails the whole request: the protocol has no error for one of several.
"""

from collections.abc import Sequence

import msgspec

from andon.predictions import Failure, Prediction
from andon.settings.limits import Limits
from andon.web.dialects.base import Call
from andon.web.dialects.bodies import require_images, require_uncompressed
from andon.web.dialects.v2.answers import make_answer
from andon.web.dialects.v2.documents import read_document
from andon.web.dialects.v2.face import USUALLY_WANTED_BINARY, InferCall
from andon.web.dialects.v2.framing import is_raw, split_body
from andon.web.dialects.v2.tensors import read_images
from andon.web.messages import ModelFacts, Request, Response
from andon.web.problems import JSON, public_failure, sentence_of, status_of


class Infer:
    """One input `image`, the outputs `scores`, `label` and `verdict`, and `boxes` where asked for; see `face`."""

    def decode(self, request: Request, limits: Limits) -> InferCall:
        """
        Find the images of a request; whether they are images is not looked at.

        The body is JSON; or JSON with the contents of the input behind it; or, with the header
        `Inference-Header-Content-Length: 0`, one encoded image itself, which is answered in binary.

        Raises:
            RequestError: `request.body`, `request.header`, `request.tensor`, `request.parameter`,
                `request.file`, `request.images`, `request.bytes` or `request.media_type`.
        """
        require_uncompressed(request)
        if is_raw(request):
            require_images(bool(request.body), limits)
            return InferCall(images=[request.body], outputs=USUALLY_WANTED_BINARY)
        text, binary = split_body(request)
        document = read_document(text)
        return InferCall(
            images=read_images(document.tensor, binary, limits),
            deadline_ms=document.deadline_ms,
            priority=document.priority,
            id=document.id,
            outputs=document.outputs,
        )

    def encode(self, predictions: Sequence[Prediction], call: Call, model: ModelFacts, request: Request) -> Response:
        """
        Make the answer.

        Returns:
            The outputs that were asked for. Where an image failed, in their place the status and
            error of the first that did, which says which of several it is.
        """
        if not isinstance(call, InferCall):
            raise TypeError(f"expected what decode gives, got {type(call).__name__}")
        for index, prediction in enumerate(predictions):
            if prediction.error is not None:
                return _refusal(_of_one(public_failure(prediction.error, request), index, len(predictions)))
        return make_answer(predictions, call, model)

    def refuse(self, failure: Failure, request: Request) -> Response:
        """Give `{"error": ...}` with the status and, in brackets, the code."""
        return _refusal(public_failure(failure, request))


INFER = Infer()
"""As Triton and KServe speak, at `/v2/models/MODEL/infer`."""


def _of_one(failure: Failure, index: int, count: int) -> Failure:
    """Say of which image a failure is, where there are several."""
    if count == 1:
        return failure
    hint = "one image fails the whole request here, POST /predict answers for each"
    return Failure(
        code=failure.code,
        message=f"image {index + 1} of {count}: {failure.message}",
        hint=f"{failure.hint}; {hint}" if failure.hint else hint,
    )


def _refusal(failure: Failure) -> Response:
    body = msgspec.json.encode({"error": sentence_of(failure)})
    return Response(status=status_of(failure.code), content_type=JSON, body=body)
