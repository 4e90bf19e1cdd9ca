"""A real service whose workers are killed and stopped while it is asked: no request is lost, none is answered twice."""

import json
import os
import signal
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode
from tests.support.machine import children_of
from tests.support.waiting import wait_until
from tests.support.wire import head, whole, wire

pytestmark = pytest.mark.slow

RED, BLUE = (encode(colour_image(rgb)) for rgb in ((200, 40, 40), (40, 40, 200)))
DEADLY = (signal.SIGKILL, signal.SIGSEGV, signal.SIGSTOP, signal.SIGABRT)
HARMLESS = (signal.SIGTERM, signal.SIGINT)
"""They are meant for the service, which ends its workers itself."""
CLIENTS = 4


class Client(threading.Thread):
    """Asks again and again on one connection, and checks each answer."""

    def __init__(self, port: int, number: int, until: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._number, self._until = port, number, until
        self.sent = 0
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self) -> None:
        """Ask until it is told to end."""
        with wire(self._port) as connection:
            while not self._until.is_set():
                self._ask(connection)

    def _ask(self, connection: object) -> None:
        request_id = f"{self._number}-{self.sent}"
        image, label = ((RED, "red"), (BLUE, "blue"))[self.sent % 2]
        self.sent += 1
        connection.send(whole("/predict", image, f"X-Request-Id: {request_id}"))  # type: ignore[attr-defined]
        answer = connection.answer()  # type: ignore[attr-defined]
        self.answers[answer.headers["X-Request-Id"]] += 1
        found = json.loads(answer.body)["predictions"][0]["label"] if answer.status == 200 else answer.body
        if found != label:
            self.wrong.append(f"{request_id}: {answer.status} {found}")


def numbers(service: AndonServe) -> tuple[int, int]:
    """Read off the metrics how many workers were replaced, and how many are ready."""
    with wire(service.port) as connection:
        connection.send(head("/metrics", method="GET"))
        lines = connection.answer("GET").body.decode().splitlines()
    found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return int(float(found["andon_replaced_workers_total"])), int(float(found["andon_workers"]))


def test_signals_sent_to_workers_lose_no_request(colours: Path) -> None:
    """Counted where it matters, by the clients, by the ids of their requests."""
    with AndonServe("--workers", "2", str(colours)) as service:
        until = threading.Event()
        clients = [Client(service.port, number, until) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for turn, number in enumerate((*DEADLY, *HARMLESS)):
            os.kill(children_of(service.pid)[turn % 2], number)
            ends = min(turn + 1, len(DEADLY))
            wait_until(lambda count=ends: numbers(service) == (count, 2), f"{ends} workers are replaced")
        ends_at = time.monotonic() + 0.2
        wait_until(lambda: time.monotonic() > ends_at, "some more are answered")
        until.set()
        for client in clients:
            client.join()
        assert [client.wrong for client in clients] == [[]] * CLIENTS
        assert all(client.sent > 20 for client in clients)
        for client in clients:
            assert set(client.answers.values()) == {1}
            assert len(client.answers) == client.sent
        assert service.log.count("is replaced") == len(DEADLY)
    assert "Traceback" not in service.log


def test_workers_end_with_the_service(colours: Path) -> None:
    """However that ends."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with AndonServe("--workers", "2", str(colours)) as service:
            workers = children_of(service.pid)
            assert len(workers) == 2
            service.send_signal(number)
            service.wait_until_it_ends()
            wait_until(lambda gone=workers: not any(Path(f"/proc/{pid}").exists() for pid in gone), "they are gone")
