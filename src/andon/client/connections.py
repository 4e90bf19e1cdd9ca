"""
Connections to a service that are kept and used again: one request goes out, one outcome comes back.

Built on httpcore, which does what it is told and no more: it follows no redirect, reads no proxy or
password from the environment, keeps no cookie and unpacks nothing.
"""

import asyncio
import ssl
import threading
import time
from typing import Any

import httpcore

from andon.client.address import Address
from andon.client.messages import Answer, Broken, Outcome, Send
from andon.client.options import ClientOptions
from andon.client.timed_network import TimedBackend
from andon.errors import UsageError, first_line

MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""Bytes of one answer; that for 32 images with 20,000 labels has 15 MB."""
_KEPT_S = 4.0
"""How long an idle connection is kept: less than the 5 s after which uvicorn closes it."""
_LATE = Broken(kind="late", reason="the deadline passed")
_OVERSIZE = Broken(kind="oversize", reason=f"the answer has more than {MAX_ANSWER_BYTES} bytes")
# A host name that cannot be encoded for a look-up is a UnicodeError.
_FAILURES = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, UnicodeError)


class Connections:
    """
    Connections that block; may be used from several threads at once.

    Each is with one thread at a time. httpcore's own pool looks at connections that other threads
    have just begun to use, and now and then closes one as if the service had.
    """

    def __init__(self, address: Address, options: ClientOptions) -> None:
        self._options = _connection_options(address, options)
        self._free = threading.BoundedSemaphore(options.connections)
        self._lock = threading.Lock()
        self._kept: list[httpcore.HTTPConnection] = []
        self._is_closed = False

    def send(self, request: Send) -> Outcome:
        """Send one request, and wait for its whole answer or for its time to be up."""
        ends = time.monotonic() + request.timeout_s
        if not self._free.acquire(timeout=request.timeout_s):
            return _LATE
        try:
            connection = self._take()
            try:
                return _exchange(connection, request, ends)
            finally:
                self._put_back(connection)
        finally:
            self._free.release()

    def _take(self) -> httpcore.HTTPConnection:
        """Give the connection that was used last and still stands, or one that is not made yet."""
        while True:
            with self._lock:
                if not self._kept:
                    return httpcore.HTTPConnection(network_backend=TimedBackend(), **self._options)
                connection = self._kept.pop()
            if not connection.has_expired():
                return connection
            connection.close()

    def _put_back(self, connection: httpcore.HTTPConnection) -> None:
        with self._lock:
            if connection.is_available() and not self._is_closed:
                self._kept.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the connections; one that is in use is closed when its answer is there."""
        with self._lock:
            self._is_closed = True
            kept, self._kept = self._kept, []
        for connection in kept:
            connection.close()


def _exchange(connection: httpcore.HTTPConnection, request: Send, ends: float) -> Outcome:
    # A point in time, as `TimedBackend` takes it.
    timeouts = dict.fromkeys(("connect", "write", "read"), ends)
    try:
        with connection.stream(
            request.method,
            request.url,
            headers=list(request.headers.items()),
            content=request.body or None,
            extensions={"timeout": timeouts},
        ) as response:
            body = _Body()
            for part in response.iter_stream():
                if not body.takes(part):
                    return _OVERSIZE
            return body.answer(response)
    except _FAILURES as error:
        return _broken(error)


class AsyncConnections:
    """Connections of one event loop of asyncio."""

    def __init__(self, address: Address, options: ClientOptions) -> None:
        self._options = _connection_options(address, options)
        self._free = asyncio.BoundedSemaphore(options.connections)
        self._kept: list[httpcore.AsyncHTTPConnection] = []
        self._is_closed = False

    async def send(self, request: Send) -> Outcome:
        """Send one request, and wait for its whole answer or for its time to be up."""
        try:
            async with asyncio.timeout(request.timeout_s), self._free:
                connection = await self._take()
                try:
                    return await _exchange_async(connection, request)
                finally:
                    await self._put_back(connection)
        except TimeoutError:
            return _LATE

    async def _take(self) -> httpcore.AsyncHTTPConnection:
        while self._kept:
            connection = self._kept.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return httpcore.AsyncHTTPConnection(**self._options)

    async def _put_back(self, connection: httpcore.AsyncHTTPConnection) -> None:
        if connection.is_available() and not self._is_closed:
            self._kept.append(connection)
        else:
            await connection.aclose()

    async def close(self) -> None:
        """Close the connections; one that is in use is closed when its answer is there."""
        self._is_closed = True
        while self._kept:
            await self._kept.pop().aclose()


async def _exchange_async(connection: httpcore.AsyncHTTPConnection, request: Send) -> Outcome:
    try:
        async with connection.stream(
            request.method, request.url, headers=list(request.headers.items()), content=request.body or None
        ) as response:
            body = _Body()
            async for part in response.aiter_stream():
                if not body.takes(part):
                    return _OVERSIZE
            return body.answer(response)
    except _FAILURES as error:
        return _broken(error)


class _Body:
    """Gathers the body of an answer, up to its bound."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size_bytes = 0

    def takes(self, part: bytes) -> bool:
        """Add a part; False where it is too much."""
        self._parts.append(part)
        self._size_bytes += len(part)
        return self._size_bytes <= MAX_ANSWER_BYTES

    def answer(self, response: httpcore.Response) -> Answer:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        return Answer(status=response.status, headers=headers, body=b"".join(self._parts))


def _broken(error: Exception) -> Broken:
    if isinstance(error, httpcore.TimeoutException):
        return _LATE
    is_connected = not isinstance(error, httpcore.ConnectError | UnicodeError)
    return Broken(kind="broken" if is_connected else "unreachable", reason=first_line(error))


def _connection_options(address: Address, options: ClientOptions) -> dict[str, Any]:
    return {
        "origin": httpcore.URL(address.root).origin,
        "ssl_context": _ssl_context(options) if address.is_encrypted else None,
        "keepalive_expiry": _KEPT_S,
    }


def _ssl_context(options: ClientOptions) -> ssl.SSLContext:
    """Make the context once; it takes 20 ms to read the authorities."""
    if options.ca_file is None:
        return httpcore.default_ssl_context()
    try:
        return ssl.create_default_context(cafile=options.ca_file)
    except OSError as error:  # ssl.SSLError is one too
        raise UsageError(
            f"no certificates can be read: {first_line(error)}",
            code="usage.argument",
            where=f"ca_file {str(options.ca_file)!r}",
            hint="give a file of certificates in PEM",
        ) from None
