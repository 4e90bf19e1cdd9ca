"""Thousands of requests that no client should send: no 500, and no memory that stays."""

import random
import re
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from andon.wsgi import create_app
from tests.support.gunicorn import Gunicorn
from tests.support.hostile_requests import hostile_request, on_the_wire
from tests.support.machine import resident_bytes
from tests.support.waiting import wait_until
from tests.support.wire import HOST

pytestmark = pytest.mark.slow

REQUESTS = 3000
MAX_GROWTH_BYTES = 2 * 1024 * 1024
"""What the allocator may keep between two times; a leak of the bodies is ten times as much."""


def test_in_process_no_request_is_a_fault(colours: Path) -> None:
    """Each gets 2xx or 4xx, in text or as a problem, and many of the images come through."""
    app = create_app(colours)
    rng = random.Random(1)  # noqa: S311 -- a seed is the point
    seen: Counter[int] = Counter()
    for number in range(REQUESTS):
        request = hostile_request(rng)
        headers = {
            name: value.encode("latin-1", "replace").decode("latin-1") for name, value in request.headers.items()
        }
        builder = EnvironBuilder(
            "/run", method="POST", data=request.body, content_type=request.content_type, headers=headers
        )
        answer, status, _ = run_wsgi_app(app, builder.get_environ(), buffered=True)
        code = int(status.split()[0])
        body = b"".join(answer)
        assert code in (200, 400, 413, 415), (number, status, body)
        assert re.match(rb'result : |error : |\{"', body), (number, body)
        assert b"Traceback" not in body
        seen[code] += 1
    assert min(seen[code] for code in (200, 400, 413, 415)) > 20, seen


@pytest.fixture(scope="module")
def worker(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gunicorn]:
    """One worker, whose memory is watched."""
    application = f'andon.wsgi:create_app("{colours}")'
    with Gunicorn("-w", "1", application, folder=tmp_path_factory.mktemp("fuzz")) as running:
        yield running.wait_until_it_serves()


def test_over_sockets_no_request_is_a_fault_and_no_memory_stays(worker: Gunicorn) -> None:
    """The same, and worse ones: broken chunks, wrong lengths, huge headers, clients that go away."""
    (pid,) = worker.workers()
    seen: Counter[bytes] = Counter()
    resident = []
    for _ in range(3):
        rng = random.Random(2)  # noqa: S311 -- as above; each third is the same, so that it needs the same memory
        for _ in range(REQUESTS // 3):
            answer = exchange(worker.port, on_the_wire(rng, hostile_request(rng)), wants_answer=rng.random() > 0.05)
            status = answer.split(b" ", 2)[1] if answer else b"none"
            assert status in (b"200", b"400", b"413", b"415", b"431", b"501", b"none"), answer[:300]
            assert b"Traceback" not in answer
            seen[status] += 1
        wait_until(lambda: is_idle(pid), "the worker is idle")
        resident.append(resident_bytes(pid))
    assert worker.workers() == [pid], worker.log
    assert "Traceback" not in worker.log
    assert min(seen[status] for status in (b"200", b"400", b"413", b"415", b"431")) > 10, seen
    assert resident[2] - resident[0] < MAX_GROWTH_BYTES, resident
    assert worker.ask("GET", "/")[:2] == (200, b"classifier api")


def exchange(port: int, request: bytes, *, wants_answer: bool) -> bytes:
    """Send bytes over a connection of their own, and read the answer; or go away."""
    received = b""
    with socket.create_connection((HOST, port), timeout=30) as connection:
        try:
            connection.sendall(request)
            if not wants_answer:
                return b""
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(65536):
                received += piece
        except OSError:
            # The server may refuse a request before it has read all of it.
            return received
    return received


def is_idle(pid: int) -> bool:
    """Ask whether a process waits for something to do."""
    return Path(f"/proc/{pid}/stat").read_text().split()[2] == "S"
