"""
HTTP/1.1 as uvicorn speaks it, with bounds.

They are on the head of a request in bytes, number and time, on connections, and on what is read
after an answer was sent.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from andon.predictions import Failure
from andon.settings.limits import MAX_DRAINED_BYTES
from andon.settings.serve import ServeSettings
from andon.web.answer import refuse
from andon.web.dialects.classify import PREDICT
from andon.web.messages import Request, choose_request_id
from andon.web.plain_parser import PlainParser

MAX_PIPELINED = 256
"""Requests of one connection that may wait for their answers; each takes some KB, a hundred times its own size."""
MAX_UNREAD_BYTES = 128 * 1024
"""Of a body that goes on, before no more of it is read; a photo comes whole, and pausing costs system calls."""
LINGER_S = 2.0
"""Seconds in which a client may read why its connection is closed, before it is."""
_ANSWER = b"HTTP/1.1 "
"""How a head begins."""
ENDING_S = 0.5
"""Seconds in which a request that is on its way when the server ends may still come, to be answered."""
MALFORMED = Failure(code="request.http", message="this is not HTTP/1.1 that can be read")
TOO_EAGER = Failure(
    code="request.http",
    message=f"more than {MAX_PIPELINED} requests came before the first was answered",
    hint="read the answers, or use several connections",
)


class BoundedProtocol(HttpToolsProtocol):
    """
    One connection.

    Args:
        settings: The bounds.
        config: As uvicorn hands it to its protocols; so are the others.
    """

    def __init__(
        self,
        settings: ServeSettings,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.parser = cast("httptools.HttpRequestParser", PlainParser(self))
        # Uvicorn's own setting knows whole seconds only.
        self.timeout_keep_alive = cast("int", settings.keep_alive_s)
        self._settings = settings
        self._bytes_without_progress = 0
        self._drained_bytes = 0
        self._header_count = 0
        self._awaits_head = True
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._unanswered: deque[RequestResponseCycle] = deque()
        self._failure = MALFORMED
        self._refusal: Failure | None = None
        self._reads_no_more = False
        self._is_ending = False

    # Of the connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in the base class
        """Begin to wait for a head, unless too many connections are open."""
        super().connection_made(transport)
        if len(self.connections) > self._settings.max_connections:
            self._refuse(_too_many_connections(self._settings.max_connections))
        else:
            self._start_head_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers, and tell all that answers to this client that it is gone; uvicorn tells the last."""
        self._stop_head_timer()
        self._stop_write_timer()
        for cycle in self._unanswered:
            cycle.disconnected = True
            cycle.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, as long as what comes becomes heads and bodies."""
        if self._reads_no_more:
            self._drain(len(data))
            return
        self._bytes_without_progress += len(data)
        super().data_received(data)
        # Most heads come whole, and need no timer; of one that does not, a part is there now.
        if self._awaits_head and self._bytes_without_progress and self._head_timer is None and not self._reads_no_more:
            self._start_head_timer()
        self._pause_if_nobody_reads()
        if self._bytes_without_progress > self._settings.max_head_bytes and not self._reads_no_more:
            self._refuse(self._head_too_large() if self._awaits_head else self._framing_too_large())

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read its answers."""
        super().pause_writing()
        self._write_timer = self.loop.call_later(self._settings.keep_alive_s, self.transport.abort)

    def resume_writing(self) -> None:
        """Write on."""
        self._stop_write_timer()
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, at once where its client does not even read its answers."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        super().timeout_keep_alive_handler()

    def shutdown(self) -> None:
        """
        Close once what is under way is answered.

        Of a connection that looks idle a request may have been sent already. To close it at once would
        reset it, and lose the request of each client that asks without a pause.
        """
        self._is_ending = True
        if self._unanswered:
            super().shutdown()
        else:
            self.loop.call_later(ENDING_S, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if not self._unanswered:
            self.transport.close()

    # Of a request.

    def on_message_begin(self) -> None:
        """Note when the request began."""
        super().on_message_begin()
        self._header_count = 0
        self.scope["state"]["received"] = time.perf_counter()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one header; a line after a chunked body is counted, and is none."""
        self._header_count += 1
        if self._header_count > self._settings.max_headers:
            self._stop_parsing(
                f"the request has more than {self._settings.max_headers} headers, which is the limit",
            )
        if self._awaits_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Hand the request over, unless its head is too large."""
        head_bytes = len(self.url) + sum([len(name) + len(value) + 4 for name, value in self.headers])
        if head_bytes > self._settings.max_head_bytes:
            self._stop_parsing(self._head_too_large().message)
        if len(self._unanswered) >= MAX_PIPELINED:
            self._failure = TOO_EAGER
            raise ValueError(TOO_EAGER.message)
        super().on_headers_complete()
        self.cycle.transport = cast(
            "asyncio.Transport", _PoliteTransport(self.loop, self.transport, self._close_after_answer)
        )
        self._unanswered.append(self.cycle)
        if self._is_ending:
            self.cycle.keep_alive = False
        self._bytes_without_progress = 0
        self._awaits_head = False
        self._stop_head_timer()

    def on_body(self, body: bytes) -> None:
        """
        Take a piece of a body, and throw it away where the request was answered already.

        The base class adds the piece to what came before and copies the sum for who reads it; but mostly
        all has been read that came before.
        """
        self._bytes_without_progress = 0
        cycle = self.cycle
        if cycle.response_complete:
            self._drain(len(body))
            return
        unread = cast("bytes | bytearray", cycle.body)
        if unread:
            # Chunks may be very small: if each copied all that came before it, that would be quadratic.
            grown = bytearray(unread) if isinstance(unread, bytes) else unread
            grown += body
            cycle.body = grown
        else:
            cycle.body = cast("bytearray", body)
        cycle.message_event.set()

    def _pause_if_nobody_reads(self) -> None:
        """Leave to the kernel what comes of a body that the application does not read."""
        if self._awaits_head or self.cycle.response_complete:
            return
        if len(self.cycle.body) > MAX_UNREAD_BYTES:
            self.flow.pause_reading()

    def on_message_complete(self) -> None:
        """Begin to wait for the next head."""
        self._awaits_head = True
        self._bytes_without_progress = 0
        self._drained_bytes = 0
        # Who reads a body that is there already needs no timer.
        self.scope["state"]["is_whole"] = True
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Answer what comes next, and give the rest of a body that nobody wanted some time to come."""
        cast("_PoliteTransport", self._unanswered.popleft().transport).send_head()
        super().on_response_complete()
        if self._refusal is not None:
            self._send_refusal_in_turn()
        elif not self._awaits_head:
            self.loop.call_later(self._settings.body_timeout_s, self._close_if_unfinished, self.cycle)

    def _close_if_unfinished(self, cycle: object) -> None:
        if self.cycle is cycle and not self._awaits_head:
            self.transport.abort()

    def _close_after_answer(self) -> None:
        """Close; a client that still sends its body would be cut off before it has read the answer."""
        if self._awaits_head:
            self.transport.close()
        else:
            self._linger(self._settings.body_timeout_s)

    # Refusals.

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser has stopped at."""
        self._refuse(self._failure)

    def _stop_parsing(self, message: str) -> None:
        """Leave the parser, which gives up the connection by `send_400_response`."""
        self._failure = Failure(code="request.head", message=message, hint="send fewer or shorter headers")
        raise ValueError(message)

    def _head_too_large(self) -> Failure:
        return Failure(
            code="request.head",
            message=f"the head of the request has more than {self._settings.max_head_bytes} bytes, which is the limit",
            hint="send fewer or shorter headers",
        )

    def _framing_too_large(self) -> Failure:
        return Failure(
            code="request.http",
            message=f"more than {self._settings.max_head_bytes} bytes came that are no part of the body",
        )

    def _refuse(self, failure: Failure) -> None:
        """Read nothing more, and answer with a problem once all that came before is answered."""
        self._reads_no_more = True
        self._stop_head_timer()
        self._refusal = failure
        if not self._awaits_head:
            self._take_over_last()
        self._send_refusal_in_turn()

    def _take_over_last(self) -> None:
        """Let the refusal be the answer to the request whose body does not come to its end."""
        if self.cycle.response_complete:
            self._refusal = None
            self._linger(LINGER_S)
            return
        if self.pipeline:
            self.pipeline.popleft()
        else:
            self.cycle.disconnected = True
            self.cycle.waiting_for_100_continue = False
            self.cycle.message_event.set()
        self._unanswered.pop()

    def _send_refusal_in_turn(self) -> None:
        if self._refusal is None or self._unanswered or self.transport.is_closing():
            return
        response = refuse(PREDICT, self._refusal, Request(headers={}, request_id=choose_request_id(None)))
        headers = {
            "Content-Type": response.content_type,
            "Content-Length": str(len(response.body)),
            "Connection": "close",
            **response.headers,
        }
        lines = [f"{name}: {value}\r\n".encode("latin-1") for name, value in headers.items()]
        self.transport.write(b"".join([STATUS_LINE[response.status], *lines, b"\r\n", response.body]))
        self._refusal = None
        self._linger(LINGER_S)

    def _linger(self, seconds: float) -> None:
        """Say that nothing more comes, and close once the client has, or after some time."""
        self._reads_no_more = True
        self._unset_keepalive_if_required()
        # What still comes is thrown away; closing with bytes unread would reset the connection.
        self.flow.resume_reading()
        self.transport.write_eof()
        self.loop.call_later(seconds, self.transport.abort)

    def _drain(self, size_bytes: int) -> None:
        self._drained_bytes += size_bytes
        if self._drained_bytes > MAX_DRAINED_BYTES:
            self.transport.abort()

    # Timers.

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self._settings.head_timeout_s, self._end_waiting)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _end_waiting(self) -> None:
        if self._bytes_without_progress:
            seconds = f"{self._settings.head_timeout_s:g} s"
            self._refuse(
                Failure(code="request.timeout", message=f"the head of the request did not come within {seconds}")
            )
        else:
            self.transport.close()


class _PoliteTransport:
    """
    What an answer is written to: a transport that leaves to the protocol how it is closed.

    The head of an answer waits for its body, to go out with it in one piece: two would be two system
    calls here, and would wake the client twice. It waits for no longer than this turn of the loop.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport, close: Callable[[], None]
    ) -> None:
        self.is_closing = transport.is_closing
        self._loop = loop
        self._write = transport.write
        self._close = close
        self._head = b""

    def write(self, data: bytes) -> None:
        """Send, or keep the head of an answer for its body."""
        if self._head:
            head, self._head = self._head, b""
            self._write(head + data)
        elif data.startswith(_ANSWER):
            self._head = data
            self._loop.call_soon(self.send_head)
        else:
            self._write(data)

    def send_head(self) -> None:
        """Send a head that has no body, or whose body takes its time."""
        if self._head:
            self.write(b"")

    def close(self) -> None:
        """Close, in the way of the protocol."""
        self.send_head()
        self._close()


def _too_many_connections(limit: int) -> Failure:
    return Failure(
        code="service.connections",
        message=f"more than {limit} connections are open, which is the limit",
        hint="reuse connections, or try again soon",
    )
