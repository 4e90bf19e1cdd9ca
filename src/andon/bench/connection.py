"""One connection of HTTP/1.1 with one request under way at a time. httptools parses; nothing here keeps count."""

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from msgspec import Struct

MAX_ANSWER_BYTES = 64 * 1024 * 1024
"""An answer that grows beyond this ends its connection."""


class Answer(Struct, frozen=True):
    """A whole answer."""

    status: int
    body: bytes
    request_id: bytes
    """As the service says it; empty where it does not."""
    timing: bytes
    """The header `Server-Timing`; empty where there is none."""


OnAnswer = Callable[[Answer | None, BaseException | None], None]
"""Told of each whole answer; or, with None, that the connection has ended and of the error that ended it."""


class Connection(asyncio.Protocol):
    """
    Sends what it is given and tells what comes back.

    Answers with a length and in chunks are read, and those that end with the connection are not:
    nobody could tell whether they are whole.

    Args:
        told: What happens. An answer that nobody asked for is told as well.
    """

    def __init__(self, told: OnAnswer) -> None:
        self._told = told
        self._transport: Any = None
        self._parser: Any = httptools.HttpResponseParser(self)
        self._error: BaseException | None = None
        self._stays = True
        self._start_answer()

    def _start_answer(self) -> None:
        self._body: list[bytes] = []
        self._size = 0
        self._request_id = b""
        self._timing = b""

    @property
    def is_usable(self) -> bool:
        """Whether another request can be sent: it is open, and the service did not say that it will close it."""
        return self._transport is not None and self._stays and not self._transport.is_closing()

    def ask(self, head: bytes, body: bytes) -> None:
        """Send a request; the two are handed to the kernel as they are."""
        self._transport.writelines((head, body))

    def close(self) -> None:
        """End it at once; what is under way is told as lost."""
        if self._transport is not None:
            self._transport.abort()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Parse what came; what is not HTTP ends the connection."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, OverflowError) as error:
            self._error = error
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell it, with the reason."""
        self._told(None, self._error or exc)

    # What httptools calls.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the two headers that are looked at."""
        size = len(name)
        if size == 12 and name.lower() == b"x-request-id":
            self._request_id = value
        elif size == 13 and name.lower() == b"server-timing":
            self._timing = value

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body."""
        self._size += len(body)
        if self._size > MAX_ANSWER_BYTES:
            raise OverflowError(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Tell the answer; one of 1xx is none."""
        status = self._parser.get_status_code()
        answer = Answer(status, b"".join(self._body), self._request_id, self._timing)
        self._start_answer()
        if status >= 200:
            self._stays = self._parser.should_keep_alive()
            self._told(answer, None)
