"""What goes in and out over HTTP, as values: no socket, no framework, no file."""

import re
from collections.abc import Mapping
from secrets import token_hex

from msgspec import Struct

_MADE_BYTES = 16
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:/+=@-]{1,128}")


class Request(Struct, frozen=True, kw_only=True):
    """What a dialect looks at of a request; its route was chosen before."""

    headers: Mapping[str, str]
    """By lower-case name; a repeated header is joined with commas."""
    request_id: str
    """Made by `choose_request_id`; comes back in the answer and stands in the log."""
    body: bytes = b""
    """The whole body, held in memory, without transfer coding."""
    received: float = 0.0
    """When its head had come, in seconds of `time.perf_counter`."""


class Response(Struct, frozen=True, kw_only=True):
    """An answer, ready for any server to send."""

    status: int
    content_type: str
    body: bytes
    headers: Mapping[str, str] = {}
    """Further headers; printable ASCII, so that any server can send them."""


class ModelFacts(Struct, frozen=True, kw_only=True):
    """Which model answered; the `model` of a JSON answer."""

    name: str
    version: str
    digest: str
    labels: tuple[str, ...] = ()
    """In the order of `Prediction.scores`."""

    def as_json(self) -> dict[str, str]:
        """Give what an answer says of the model."""
        return {"name": self.name, "version": self.version, "digest": self.digest}


def whole_number(text: str, *, max_digits: int) -> int | None:
    """
    Read a number of a header: plain digits, without sign, space or point; None for anything else.

    Args:
        text: As it was sent.
        max_digits: More of them are refused unread, for they would cost time.

    >>> whole_number("0250", max_digits=9), whole_number("-1", max_digits=9), whole_number("1e3", max_digits=9)
    (250, None, None)
    """
    # `isdigit` alone also takes digits of other scripts.
    return int(text) if text.isascii() and text.isdigit() and len(text) <= max_digits else None


def choose_request_id(offered: str | None) -> str:
    """
    Keep the request id that a client offers, or make one.

    Args:
        offered: The header `X-Request-Id`, None where there is none. One that is empty, longer
            than 128 characters or holds anything but letters, digits and `._:/+=@-` is not kept.

    Returns:
        The offered id, or 32 random hex digits.
    """
    if offered is not None and _SANE_REQUEST_ID.fullmatch(offered):
        return offered
    return token_hex(_MADE_BYTES)
