"""Thousands of requests that no client should send, to a real `andon serve`: no fault, and no memory that stays."""

import random
import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode
from tests.support.hostile_requests import Rng, hostile_request, on_the_wire
from tests.support.machine import open_connections
from tests.support.waiting import TIMEOUT_S, wait_until
from tests.support.wire import HOST, whole, wire

pytestmark = pytest.mark.slow

ROUND = 1000
ROUNDS = 6
SETTLED_LOOKS = 150
"""Looks at the memory, 20 ms apart, through which it stays as it is when the service has given back what it can."""
MAX_GROWTH = 0.02
"""Share of its memory by which a process may grow from the first round to the last."""
FIRST_LINES = (
    *("POST /run HTTP/1.1", "POST /predict HTTP/1.1") * 6,
    "POST /predict/colours HTTP/1.1",
    "POST /predict/colours/0 HTTP/1.1",
    "POST /predict/%00%ff/%2e%2e HTTP/1.1",
    "POST /run?%s=x HTTP/1.0",
    "GET /models HTTP/1.1",
    "GET /metrics HTTP/1.1",
    "HEAD /ready HTTP/1.1",
    "PUT /predict HTTP/1.1",
    "OPTIONS * HTTP/1.1",
    "POST //[::1 HTTP/1.1",
    "POST http://x/run HTTP/1.1",
    "POST /\x80\xff HTTP/1.1",
)
FURTHER = (
    "X-Deadline-Ms: 1e3",
    "X-Deadline-Ms: 10",
    "X-Deadline-Ms: 99999999999999999999",
    "X-Priority: line",
    "X-Priority: Line\x80",
    "Authorization: Bearer \x80",
    "Expect: 100-continue",
    "Connection: upgrade\r\nUpgrade: h2c",
    "Transfer-Encoding: chunked",
    "Content-Encoding: gzip",
)
REFUSED = {b"400", b"404", b"405", b"408", b"413", b"415", b"429", b"431", b"504"}
"""Statuses that these requests deserve. 429: in this load the queue may be full; 504: some allow 10 ms."""


@pytest.fixture(scope="module")
def service(colours: Path) -> Iterator[AndonServe]:
    """One service, which gives up soon what does not come."""
    with AndonServe("--head-timeout-s", "0.3", "--body-timeout-s", "0.3", str(colours)) as running:
        yield running


def test_no_request_is_a_fault_and_no_memory_stays(service: AndonServe) -> None:
    """6,000 over sockets, of several clients at once: 200 or what it deserves, no word in the log, no growth."""
    said, port = service.log, service.port
    seen: Counter[bytes] = Counter()
    resident = []
    for number in range(ROUNDS):
        rng = random.Random(3)  # noqa: S311 -- each round is the same, so that it needs the same memory
        with ThreadPoolExecutor(8) as clients:
            for status in clients.map(lambda data: status_of(port, *data), [request(rng) for _ in range(ROUND)]):
                seen[status] += 1
        wait_until(lambda: open_connections(service.pid) == 0, "all connections are closed")
        if number in (0, ROUNDS - 1):
            resident.append(settled_bytes(service))
    assert set(seen) <= REFUSED | {b"200", b"none"}, seen
    assert min(seen[status] for status in (b"200", b"400", b"404", b"405", b"408", b"413", b"415", b"431")) > 30, seen
    assert service.log == said
    assert resident[-1] - resident[0] < MAX_GROWTH * resident[0], resident
    with wire(port) as connection:
        connection.send(whole("/run", encode(colour_image((200, 40, 40)))))
        assert connection.answer().body == b"result : red"


def settled_bytes(service: AndonServe) -> int:
    """Measure the memory of the service once it changes no longer."""
    looks: list[int] = []

    def is_settled() -> bool:
        looks.append(service.resident_bytes)
        return len(looks) >= SETTLED_LOOKS and len(set(looks[-SETTLED_LOOKS:])) == 1

    wait_until(is_settled, "the memory stays as it is")
    return looks[-1]


def request(rng: Rng) -> tuple[bytes, bool]:
    """Make what one client sends, and say whether it waits for the answer."""
    further = rng.sample(FURTHER, rng.choice((0, 0, 0, 1, 2)))
    data = on_the_wire(rng, hostile_request(rng), rng.choice(FIRST_LINES), "Connection: close", *further)
    return data, rng.random() > 0.05


def status_of(port: int, data: bytes, waits: bool) -> bytes:  # noqa: FBT001 -- both are of `request`
    """Send it over a connection of its own, and give the status of the last answer; or go away."""
    received = b""
    with socket.create_connection((HOST, port), timeout=TIMEOUT_S) as connection:
        try:
            connection.sendall(data)
            while waits and (piece := connection.recv(65536)):
                received += piece
        except ConnectionError:
            pass  # it may be refused before all of it was sent
    assert b"Traceback" not in received
    assert b" 500 " not in received.partition(b"\r\n")[0], received
    return received.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")[9:12] or b"none"
