"""A service that does as it is told while it runs: to see what a balancer makes of it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.scripted import Scripted, Stage, http_answer
from tests.support.waiting import TIMEOUT_S


class Upstream(Scripted):
    """One service that answers every request with `status` and `body`."""

    def __init__(self) -> None:
        self.status = 200
        self.headers: dict[str, str] = {}
        self.body = b""
        """Its port where it is empty."""
        self.echoes_id = False
        """Whether the answer has the request id of the request, as ours and nginx do it."""
        self.barrier: threading.Barrier | None = None
        """Where each request waits for others, if there is one."""
        super().__init__([self._answer])

    def _answer(self, stage: Stage) -> bool:
        if self.barrier is not None:
            self.barrier.wait(TIMEOUT_S)
        offered = stage.request.headers.get("x-request-id")
        echo = {"X-Request-Id": offered} if self.echoes_id and offered else {}
        body = self.body or f"{self.port}".encode()
        stage.connection.sendall(http_answer(self.status, body, **{**echo, **self.headers}))
        return True


@contextmanager
def upstream() -> Iterator[Upstream]:
    """Run one of them on a free port."""
    service = Upstream()
    try:
        yield service
    finally:
        service.close()
