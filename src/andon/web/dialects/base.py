"""
The contract of a dialect: an HTTP API that is spoken, as pure functions of bytes.

A dialect knows no route, no socket and no model; each server's routes call it. One contract suite
runs on all of them.
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from andon.predictions import Failure, Prediction
from andon.settings.limits import Limits
from andon.tensors import PixelArray
from andon.web.messages import ModelFacts, Request, Response


class Call(Struct, frozen=True, kw_only=True):
    """What a request asks for."""

    images: Sequence[bytes | PixelArray]
    """At least one, in the order sent: encoded images, whether they are images is not looked at; or pixels, uint8
    (H, W, 3) in RGB order or (H, W)."""
    deadline_ms: int | None = None
    """Milliseconds that the body of the request allows; None where it names none. A header goes before it."""
    priority: str | None = None
    """The lane that the body of the request asks for, by its name; as above."""


class Dialect(Protocol):
    """An HTTP API that is spoken."""

    def decode(self, request: Request, limits: Limits) -> Call:
        """
        Find the images of a request.

        Args:
            request: With its whole body, bounded while it was read.
            limits: `max_images` and `max_json_bytes` are applied here.

        Raises:
            RequestError: The request cannot be understood, or holds no image or too many.
        """
        ...

    def encode(self, predictions: Sequence[Prediction], call: Call, model: ModelFacts, request: Request) -> Response:
        """
        Make the answer.

        Args:
            predictions: One for each of `call.images`, in their order.
            call: What `decode` made of the request.
            model: Which model made the predictions.
            request: Its `Accept` may choose between forms.

        Returns:
            The answer. Of a prediction with `error`, as much as may be shown to a client; one
            image that failed alone decides the status.
        """
        ...

    def refuse(self, failure: Failure, request: Request) -> Response:
        """Tell a client what went wrong, in the form of this API; of a fault of ours only what its code means."""
        ...
