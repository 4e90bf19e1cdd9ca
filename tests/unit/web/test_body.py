"""The two waits of a request: for its body, and for its answers."""

import asyncio
import time
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import Any

import pytest
from starlette.requests import Request
from starlette.types import Message

from andon.errors import EngineError, RequestError
from andon.settings.serve import ServeSettings
from andon.web.body import ClientGoneError, answers_or_gone, read_body

GONE: Message = {"type": "http.disconnect"}
SETTINGS = ServeSettings(max_body_bytes=1000, body_timeout_s=0.1)


def piece(data: bytes, *, more: bool = True) -> Message:
    """Make a piece of a body."""
    return {"type": "http.request", "body": data, "more_body": more}


def request(*messages: Message, declared: int | None = None) -> Request:
    """Make a request that sends these messages, and then nothing more."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    headers = [] if declared is None else [(b"content-length", str(declared).encode())]
    return Request({"type": "http", "headers": headers}, receive)


def read(http: Request, deadline_s: float = 60.0) -> bytes:
    """Read the body of a request."""
    return asyncio.run(read_body(http, SETTINGS, time.monotonic() + deadline_s))


def test_a_body_is_read_in_its_pieces() -> None:
    """To its end, with a declared length or without; it may be empty, and as large as is allowed."""
    assert read(request(piece(b"ab"), piece(b""), piece(b"c", more=False))) == b"abc"
    assert read(request(piece(b"", more=False))) == b""
    assert len(read(request(piece(bytes(1000), more=False), declared=1000))) == 1000


def test_a_body_over_the_limit_is_refused() -> None:
    """By what it declares, before a byte is read; else by what comes, which need not end."""
    for http in (request(declared=1001), request(piece(bytes(600)), piece(bytes(401)))):
        with pytest.raises(RequestError, match="more than 1000 bytes") as caught:
            read(http)
        assert caught.value.code == "request.bytes"


def test_a_body_that_is_late_for_two_equal_times_is_what_is_told() -> None:
    """The deadline began a little earlier, with the head, but it is the client that has to do something."""
    with pytest.raises(RequestError) as caught:
        read(request(piece(b"a")), SETTINGS.body_timeout_s - 0.01)
    assert caught.value.code == "request.timeout"


def test_a_body_that_does_not_come_is_given_up() -> None:
    """After the time for bodies; or when the deadline of the request has passed, where that is earlier."""
    with pytest.raises(RequestError, match=r"within 0\.1 s") as caught:
        read(request(piece(b"a")))
    assert caught.value.code == "request.timeout"
    for deadline_s in (0.01, -5.0):
        with pytest.raises(EngineError) as late:
            read(request(piece(b"a")), deadline_s)
        assert late.value.code == "engine.deadline"


def test_a_client_that_goes_away_while_it_sends_gets_no_answer() -> None:
    """There is nobody to tell."""
    with pytest.raises(ClientGoneError):
        read(request(piece(b"a"), GONE))


def test_answers_come_in_the_order_of_their_futures() -> None:
    """Whichever is there first."""

    async def wait() -> list[int]:
        futures: list[Future[int]] = [Future() for _ in range(3)]
        asked = asyncio.create_task(answers_or_gone(futures, request()))
        for number in (2, 0, 1):
            await asyncio.sleep(0)
            futures[number].set_result(number)
        return await asked

    assert asyncio.run(wait()) == [0, 1, 2]


def leave(coroutine: Coroutine[Any, Any, object], error: type[BaseException]) -> None:
    """Run what must end with an error."""
    with pytest.raises(error):
        asyncio.run(coroutine)


def test_jobs_of_a_client_that_has_gone_are_cancelled() -> None:
    """Those that wait; one that runs is left to its end."""
    waiting: Future[int] = Future()
    running: Future[int] = Future()
    running.set_running_or_notify_cancel()
    leave(answers_or_gone([waiting, running], request(piece(b"x"), GONE)), ClientGoneError)
    assert waiting.cancelled()
    assert not running.cancelled()
    running.set_result(1)  # as the engine does; nobody is there, and nothing is logged


def test_jobs_are_cancelled_where_the_server_ends() -> None:
    """It cancels the request that waits for them."""
    future: Future[int] = Future()

    async def end() -> None:
        task = asyncio.create_task(answers_or_gone([future], request()))
        await asyncio.sleep(0)
        task.cancel()
        await task

    leave(end(), asyncio.CancelledError)
    assert future.cancelled()


def test_an_answer_goes_before_a_client_that_leaves_in_the_same_moment() -> None:
    """What is there is given."""
    future: Future[int] = Future()
    future.set_result(7)
    assert asyncio.run(answers_or_gone([future], request(GONE))) == [7]


def test_what_was_answered_is_not_cancelled() -> None:
    """The engine would have to find out again and again that nothing is left to give up."""

    class Noted(Future[int]):
        cancels = 0

        def cancel(self) -> bool:
            self.cancels += 1
            return super().cancel()

    future = Noted()
    future.set_result(7)
    assert asyncio.run(answers_or_gone([future], request())) == [7]
    assert future.cancels == 0


def test_a_body_in_one_piece_is_not_copied() -> None:
    """Nor is it in any other way made anew."""
    body = bytes(999)
    assert read(request(piece(body, more=False), declared=999)) is body


def test_a_body_may_be_shorter_or_longer_than_declared() -> None:
    """Another server may say anything; what comes is what counts, and the limit holds."""
    assert read(request(piece(b"ab"), piece(b"c", more=False), declared=700)) == b"abc"
    assert read(request(piece(b"ab"), piece(b"c", more=False), declared=1)) == b"abc"
    with pytest.raises(RequestError):
        read(request(piece(b"ab"), piece(bytes(999), more=False), declared=1))


def test_a_body_that_is_there_needs_no_timer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own protocol says so, and it is read whatever the time; what is too late is refused by the engine."""
    monkeypatch.delattr(asyncio, "timeout")
    http = request(piece(b"a", more=False))
    http.scope["state"] = {"is_whole": True}
    assert read(http, -5.0) == b"a"
