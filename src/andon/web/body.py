"""The two waits of a request: for its body, and for its answers, as long as somebody wants them."""

import asyncio
import io
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request

from andon.engine.policy import too_late
from andon.errors import RequestError
from andon.settings.serve import ServeSettings
from andon.web.dialects.bodies import over_the_limit
from andon.web.waiting import Wait, end_once_all_are_done

_Answer = TypeVar("_Answer")


class ClientGoneError(Exception):
    """The client has closed its connection: nobody waits for an answer."""


async def read_body(http: Request, settings: ServeSettings, deadline: float) -> bytes:
    """
    Read a body into memory.

    Args:
        http: Its length may be declared or not.
        settings: `max_body_bytes` and `body_timeout_s`.
        deadline: When it is too late, in seconds of `time.monotonic`.

    Raises:
        RequestError: `request.bytes` or `request.timeout`.
        EngineError: `engine.deadline`.
        ClientGoneError: The client went away before all was sent.
    """
    limit_bytes = settings.max_body_bytes
    declared_bytes = _declared_bytes(http)
    _require_within(declared_bytes, limit_bytes)
    left_s = deadline - time.monotonic()
    try:
        # Our own protocol knows that all has come already, as is usual.
        if http.scope.get("state", {}).get("is_whole"):
            return await _read_at_most(http, limit_bytes, declared_bytes)
        async with asyncio.timeout(min(left_s, settings.body_timeout_s)):
            return await _read_at_most(http, limit_bytes, declared_bytes)
    except TimeoutError:
        # The deadline counts from the head, a little earlier: of two that are set alike, the body is what is late.
        if round(left_s, 1) < settings.body_timeout_s:
            raise too_late() from None
        raise RequestError(
            f"the body did not come within {settings.body_timeout_s:g} s",
            code="request.timeout",
            hint="send less, or raise body_timeout_s of the service",
        ) from None
    except HTTPException as error:
        if error.status_code != 413:
            raise
        # An application around the service may have a limit of its own: `max_body_size` of Starlette and FastAPI.
        raise RequestError(
            "the body is over the limit of the application around the service", code="request.bytes"
        ) from None


def _require_within(size_bytes: int, limit_bytes: int) -> None:
    if size_bytes > limit_bytes:
        raise over_the_limit(limit_bytes)


def _declared_bytes(http: Request) -> int:
    """Give the length of a body; a chunked one declares none. Whether it is a number was checked by the parser."""
    return next((int(value) for name, value in http.scope["headers"] if name == b"content-length"), 0)


async def _read_at_most(http: Request, limit_bytes: int, declared_bytes: int) -> bytes:
    piece, more = await _receive(http)
    _require_within(len(piece), limit_bytes)
    if not more:
        return piece
    # Of zeros the kernel gives memory as it is written to, and the buffer hands that over in the end: so a large body
    # is there once, and each piece of it is copied once, while the cache of the processor holds it.
    body = io.BytesIO(bytes(declared_bytes))
    body.write(piece)
    while more:
        piece, more = await _receive(http)
        _require_within(body.tell() + len(piece), limit_bytes)
        body.write(piece)
    body.truncate()
    return body.getvalue()


async def _receive(http: Request) -> tuple[bytes, bool]:
    """Give a piece of a body, and whether there are more."""
    message = await http.receive()
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message.get("body", b""), message.get("more_body", False)


async def answers_or_gone(futures: Sequence[Future[_Answer]], http: Request) -> list[_Answer]:
    """
    Wait for all answers; where the client goes away meanwhile, its jobs that wait are cancelled.

    Args:
        futures: Of an engine, which answers each of them.
        http: With its body read to the end.

    Raises:
        ClientGoneError: The client has closed its connection.
    """
    wait = Wait()
    end_once_all_are_done(wait, futures)
    gone = asyncio.create_task(_until_gone(http))
    gone.add_done_callback(lambda _: wait.end())
    try:
        await wait.until_ended()
    finally:
        gone.cancel()
        # What is not there is of no use to anybody any more, also where the server shuts down.
        given_up = [future for future in futures if not future.done()]
        for future in given_up:
            future.cancel()
    if given_up:
        raise ClientGoneError
    return [future.result() for future in futures]


async def _until_gone(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
