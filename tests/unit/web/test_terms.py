"""The headers that say on what terms a request waits."""

import time

import pytest

from andon.engine.base import Priority
from andon.errors import RequestError
from andon.web.dialects.base import Call
from andon.web.messages import Request
from andon.web.terms import terms_of, with_call


def request(**headers: str) -> Request:
    """Make a request whose head came a second ago."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request(headers=named, request_id="id-1", received=time.perf_counter() - 1.0)


def left_ms(deadline: float) -> float:
    """Give the milliseconds from the head of the request to a deadline."""
    return (deadline - time.monotonic() + 1.0) * 1e3


def test_a_request_that_says_nothing_waits_as_people_do() -> None:
    """For the default time, counted from when its head came."""
    terms = terms_of(request(), default_ms=5000)
    assert terms.priority is Priority.interactive
    assert left_ms(terms.deadline) == pytest.approx(5000, abs=4000)


def test_a_request_may_say_how_long_and_where_it_waits() -> None:
    """Each of the lanes, and each whole number within the range."""
    for priority in Priority:
        terms = terms_of(request(x_deadline_ms="90000", x_priority=priority.name), default_ms=5000)
        assert terms.priority is priority
        assert left_ms(terms.deadline) == pytest.approx(90_000, abs=4000)
    for text in ("10", "600000", "000000010"):
        terms_of(request(x_deadline_ms=text), default_ms=5000)


@pytest.mark.parametrize("text", ["", "9", "600001", "-5", "1e3", "100.0", " 50", "५००", "²", "0x10", "1" * 5000, "a"])
def test_another_deadline_is_refused(text: str) -> None:
    """The message says what it takes, and does not grow with the header."""
    with pytest.raises(RequestError, match="whole milliseconds from 10 to 600000") as caught:
        terms_of(request(x_deadline_ms=text), default_ms=5000)
    assert caught.value.code == "request.header"
    assert len(caught.value.message) < 150


@pytest.mark.parametrize("text", ["", "Line", "0", "urgent" * 1000])
def test_another_priority_is_refused(text: str) -> None:
    """The message lists those that there are."""
    with pytest.raises(RequestError, match="expected one of line, interactive, batch") as caught:
        terms_of(request(x_priority=text), default_ms=5000)
    assert caught.value.code == "request.header"
    assert len(caught.value.message) < 150


def test_a_body_may_say_it_where_the_head_does_not() -> None:
    """The head goes before the body."""
    call = Call(images=[b"x"], deadline_ms=70_000, priority="batch")
    silent, telling = request(), request(x_deadline_ms="90000", x_priority="line")
    found = with_call(terms_of(silent, default_ms=5000), call, silent)
    assert (left_ms(found.deadline), found.priority) == (pytest.approx(70_000, abs=4000), Priority.batch)
    found = with_call(terms_of(telling, default_ms=5000), call, telling)
    assert (left_ms(found.deadline), found.priority) == (pytest.approx(90_000, abs=4000), Priority.line)
    terms = terms_of(silent, default_ms=5000)
    assert with_call(terms, Call(images=[b"x"]), silent) == terms
