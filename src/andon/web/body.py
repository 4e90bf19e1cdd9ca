"""The two waits of a request: for its body, and for its answers, as long as somebody wants them."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from andon.engine.policy import too_late
from andon.errors import RequestError
from andon.settings.serve import ServeSettings
from andon.web.dialects.bodies import over_the_limit

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
    # Whether it is a number was checked by the parser; a chunked body declares none.
    if int(http.headers.get("content-length", "0")) > limit_bytes:
        raise over_the_limit(limit_bytes)
    left_s = deadline - time.monotonic()
    try:
        async with asyncio.timeout(min(left_s, settings.body_timeout_s)):
            return await _read_at_most(http, limit_bytes)
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
    except ClientDisconnect:
        raise ClientGoneError from None


async def _read_at_most(http: Request, limit_bytes: int) -> bytes:
    pieces: list[bytes] = []
    size_bytes = 0
    async for piece in http.stream():
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise over_the_limit(limit_bytes)
        pieces.append(piece)
    return b"".join(pieces)


async def answers_or_gone(futures: Sequence[Future[_Answer]], http: Request) -> list[_Answer]:
    """
    Wait for all answers; where the client goes away meanwhile, its jobs that wait are cancelled.

    Args:
        futures: Of an engine, which answers each of them.
        http: With its body read to the end.

    Raises:
        ClientGoneError: The client has closed its connection.
    """
    answers = asyncio.gather(*map(asyncio.wrap_future, futures))
    # A gathering that is cancelled and that nobody looks at is logged as an error.
    answers.add_done_callback(lambda done: done.cancelled() or done.exception())
    gone = asyncio.create_task(_until_gone(http))
    try:
        await asyncio.wait((answers, gone), return_when=asyncio.FIRST_COMPLETED)
        if answers.done():
            return list(answers.result())
        raise ClientGoneError
    finally:
        # Cancelling what is done changes nothing; the rest is of no use to anybody, also where the server shuts down.
        answers.cancel()
        gone.cancel()


async def _until_gone(http: Request) -> None:
    while (await http.receive())["type"] != "http.disconnect":
        pass
