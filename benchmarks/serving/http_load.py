"""
Load from one process: closed loop, and open loop whose latency counts from the intended time of sending.

Each request has its own `X-Request-Id`; an answer counts where it brings that id back, once and before the patience
is over.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from itertools import cycle

import httptools
import uvloop
from msgspec import Struct

PATIENCE_S = 60.0
BROKEN = 0
"""The status of a request that was not answered: the connection ended, or the patience."""

Body = tuple[str, bytes]
"""What kind of image it is, and its bytes."""


class Outcome(Struct, frozen=True, kw_only=True):
    """What became of one request."""

    kind: str
    status: int
    latency_ms: float
    """From the intended time of sending to the whole answer."""
    late_ms: float = 0.0
    """How much later than intended it was sent."""


class Connection(asyncio.Protocol):
    """One keep-alive connection, on which one request at a time waits."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[tuple[int, str]] | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._id = ""
        self.is_open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep what is written to."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment] # TCP gives both directions

    def data_received(self, data: bytes) -> None:
        """Read a part of an answer."""
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell who waits."""
        self.is_open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((BROKEN, ""))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note whose answer it is."""
        if name.lower() == b"x-request-id":
            self._id = value.decode()

    def on_message_complete(self) -> None:
        """Hand over the answer; one that nobody asked for ends the connection, and so the request after it."""
        if self._answer is None or self._answer.done():
            self.close()
            return
        self._answer.set_result((self._parser.get_status_code(), self._id))
        self._parser, self._id = httptools.HttpResponseParser(self), ""

    async def ask(self, request: bytes, request_id: str) -> int:
        """Send a request, and give the status of its answer; `BROKEN` where none came, or one to something else."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            status, answered = await asyncio.wait_for(self._answer, PATIENCE_S)
        except TimeoutError:
            self.close()
            return BROKEN
        return status if answered == request_id else BROKEN

    def close(self) -> None:
        """End it."""
        self.is_open = False
        self._transport.close()


class Load:
    """
    Sends images to `POST /predict`, and keeps what became of each.

    Args:
        port: Of the service on this machine.
        headers: More headers of each request, such as a deadline.
    """

    def __init__(self, port: int, headers: dict[str, str] | None = None) -> None:
        self._port = port
        more = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        self._head = f"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/octet-stream\r\n{more}"
        self._idle: list[Connection] = []
        self.outcomes: list[Outcome] = []

    async def ask(self, body: Body, intended_s: float | None = None) -> None:
        """Send one image on a connection that is free, or a new one."""
        kind, image = body
        request_id = uuid.uuid4().hex
        head = f"{self._head}X-Request-Id: {request_id}\r\nContent-Length: {len(image)}\r\n\r\n"
        sent_s = time.perf_counter()
        due_s = sent_s if intended_s is None else intended_s
        status = await self._status(head.encode() + image, request_id)
        done_s = time.perf_counter()
        self.outcomes.append(
            Outcome(kind=kind, status=status, latency_ms=(done_s - due_s) * 1e3, late_ms=max(0.0, sent_s - due_s) * 1e3)
        )

    async def _status(self, request: bytes, request_id: str) -> int:
        while self._idle and not self._idle[-1].is_open:
            self._idle.pop()
        try:
            connection = self._idle.pop() if self._idle else await self._connected()
        except OSError:
            return BROKEN
        status = await connection.ask(request, request_id)
        if connection.is_open:
            self._idle.append(connection)
        return status

    async def _connected(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        return connection

    async def close(self) -> None:
        """End all connections, and let the loop forget them."""
        for connection in self._idle:
            connection.close()
        await asyncio.sleep(0)


async def closed_loop(load: Load, bodies: Iterator[Body], connections: int, seconds: float) -> None:
    """Let some clients ask one image after the other, each when its last is answered."""
    ends_s = time.perf_counter() + seconds

    async def client() -> None:
        while time.perf_counter() < ends_s:
            await load.ask(next(bodies))

    await asyncio.gather(*(client() for _ in range(connections)))


async def open_loop(load: Load, bodies: Iterator[Body], rate: float, seconds: float) -> None:
    """Send images at a fixed rate, whether or not earlier ones are answered; wait until all are."""
    started_s, waiting = time.perf_counter(), set()
    for number in range(round(rate * seconds)):
        due_s = started_s + number / rate
        if (early_s := due_s - time.perf_counter()) > 0:
            await asyncio.sleep(early_s)
        task = asyncio.create_task(load.ask(next(bodies), due_s))
        waiting.add(task)
        task.add_done_callback(waiting.discard)
    while waiting:
        await asyncio.wait(waiting)


def run_load(port: int, go: Callable[[Load], Awaitable[None]], headers: dict[str, str] | None = None) -> list[Outcome]:
    """Run a loop to its end, and give what became of each request."""

    async def main() -> list[Outcome]:
        load = Load(port, headers)
        await go(load)
        await load.close()
        return load.outcomes

    return uvloop.run(main())


def in_turn(photos: Sequence[bytes]) -> Iterator[Body]:
    """Give photos again and again."""
    return cycle([("photo", photo) for photo in photos])


def percentile_ms(outcomes: Sequence[Outcome], share: float) -> float:
    """Give the smallest latency that this share does not exceed; 0 of none."""
    ordered = sorted(one.latency_ms for one in outcomes)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def failed(outcomes: Sequence[Outcome]) -> int:
    """Count the requests that were not answered 200."""
    return sum(one.status != 200 for one in outcomes)


def statuses(outcomes: Sequence[Outcome]) -> str:
    """Tell how often each status came; 0 is no answer."""
    return ", ".join(f"{status}: {count}" for status, count in sorted(Counter(one.status for one in outcomes).items()))
