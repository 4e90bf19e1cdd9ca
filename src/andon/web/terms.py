"""On what terms a request waits: the headers `X-Deadline-Ms` and `X-Priority` become a deadline and a lane."""

import time

from andon.engine.base import Priority
from andon.errors import RequestError
from andon.service import Terms
from andon.settings.serve import MAX_DEADLINE_MS, MIN_DEADLINE_MS
from andon.web.dialects.base import Call
from andon.web.messages import Request, whole_number


def terms_of(request: Request, *, default_ms: int) -> Terms:
    """
    Read the terms of a request off its head.

    Args:
        request: Its deadline counts from when its head had come.
        default_ms: Where it names none.

    Raises:
        RequestError: `request.header`: one of the two headers has a value that it cannot have.
    """
    priority = _priority(request)
    return Terms(
        deadline=_deadline(request, _deadline_ms(request) or default_ms),
        # The line is 0, which is no less a lane than the others.
        priority=Priority.interactive if priority is None else priority,
    )


def with_call(terms: Terms, call: Call, request: Request) -> Terms:
    """Take up what the body of a request says of its terms, where its head says nothing."""
    deadline, priority = terms.deadline, terms.priority
    if call.deadline_ms is not None and _deadline_ms(request) is None:
        deadline = _deadline(request, call.deadline_ms)
    if call.priority is not None and _priority(request) is None:
        priority = Priority[call.priority]
    return Terms(deadline=deadline, priority=priority)


def _deadline(request: Request, deadline_ms: int) -> float:
    return time.monotonic() - (time.perf_counter() - request.received) + deadline_ms / 1e3


def _deadline_ms(request: Request) -> int | None:
    text = request.headers.get("x-deadline-ms")
    if text is None:
        return None
    found = whole_number(text, max_digits=9)
    if found is not None and MIN_DEADLINE_MS <= found <= MAX_DEADLINE_MS:
        return found
    raise RequestError(
        f"X-Deadline-Ms is {text[:40]!r}, expected whole milliseconds from {MIN_DEADLINE_MS} to {MAX_DEADLINE_MS}",
        code="request.header",
    )


def _priority(request: Request) -> Priority | None:
    text = request.headers.get("x-priority")
    if text is None:
        return None
    if text in Priority.__members__:
        return Priority[text]
    raise RequestError(
        f"X-Priority is {text[:40]!r}, expected one of {', '.join(Priority.__members__)}", code="request.header"
    )
