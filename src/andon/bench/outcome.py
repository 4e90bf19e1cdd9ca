"""What one request came to: a good answer, or one kind of error. Pure: bytes in, a word out."""

import re
from collections.abc import Mapping

import msgspec

OK = "ok"
"""The kind of a good answer; all others are errors."""
REFUSED = "connection refused"
UNREACHABLE = "no connection"
RESET = "connection reset"
CLOSED = "connection closed early"
TIMEOUT = "timeout"
PROTOCOL = "not HTTP"
WRONG_ID = "wrong answer: id of another request"
WRONG_BODY = "wrong answer: no prediction in it"
WRONG_LABEL = "wrong answer: another label than before"
WRONG = (WRONG_ID, WRONG_BODY, WRONG_LABEL)
"""Answers that came with status 200 and may not be believed."""

STAGES = ("read", "queue", "decode", "prepare", "infer", "finish")
"""Of the header `Server-Timing`, in the order in which a request goes through them."""
_DURATION = re.compile(rb"(\w+);dur=([0-9.]+)")
_CODE = re.compile(r"[a-z]+(\.[a-z_]+){1,2}")


class _Item(msgspec.Struct):
    label: str | None
    error: dict[str, object] | None = None


class _Answer(msgspec.Struct):
    predictions: list[_Item]


class _Problem(msgspec.Struct):
    code: str = ""


_answers = msgspec.json.Decoder(_Answer)
_problems = msgspec.json.Decoder(_Problem)


def read_answer(status: int, body: bytes, expected: str | None) -> tuple[str, str]:
    """
    Classify a whole answer to a request with one image.

    Args:
        status: Of HTTP; a redirect is not followed, so it is an error like any other.
        body: All of it.
        expected: The label that this image had before; None where it is not known.

    Returns:
        The kind, and the label: empty where there is none, as of a detector that found nothing.
    """
    if status != 200:
        return http_error(status, body), ""
    try:
        items = _answers.decode(body).predictions
    except msgspec.MsgspecError:
        return WRONG_BODY, ""
    if len(items) != 1 or items[0].error is not None:
        return WRONG_BODY, ""
    label = items[0].label or ""
    return (WRONG_LABEL, label) if expected is not None and label != expected else (OK, label)


def http_error(status: int, body: bytes) -> str:
    """
    Name an answer of an error by its status and, where the body has one, its stable code.

    >>> http_error(429, b'{"code": "engine.full"}'), http_error(502, b"<html>")
    ('429 engine.full', '502')
    """
    try:
        code = _problems.decode(body).code
    except msgspec.MsgspecError:
        code = ""
    return f"{status} {code}" if _CODE.fullmatch(code) else str(status)


def connection_error(error: BaseException | None) -> str:
    """Name the end of a connection that owed an answer; None for an end that is none of TCP's errors."""
    if isinstance(error, ConnectionRefusedError):
        return REFUSED
    if isinstance(error, ConnectionError):
        return RESET
    return CLOSED if error is None else UNREACHABLE


def stage_times(header: bytes) -> tuple[float, ...] | None:
    """
    Read `Server-Timing`.

    Returns:
        Milliseconds for each of `STAGES`, 0 for one that is not told; None where none is told.

    >>> stage_times(b"queue;dur=1.5, infer;dur=5")
    (0.0, 1.5, 0.0, 0.0, 5.0, 0.0)
    """
    told: Mapping[bytes, bytes] = dict(_DURATION.findall(header))
    try:
        times = tuple(float(told.get(stage, b"0")) for stage in _STAGE_BYTES)
    except ValueError:
        return None
    return times if any(times) else None


_STAGE_BYTES = tuple(stage.encode() for stage in STAGES)
