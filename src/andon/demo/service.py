"""The service of the example: `andon serve`, as a child that never outlives its parent's block."""

import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType

from andon.demo.ask import HOST, get
from andon.errors import EnvironmentFault
from andon.programs import Child

START_TIMEOUT_S = 60.0
"""Seconds until the service must be ready; it loads and proves the bundle first."""


class Service:
    """
    One running service: as a context manager it is started, is ready, and is ended in every case.

    Args:
        bundle: The bundle to serve.
        port: Where on 127.0.0.1.

    Raises:
        EnvironmentFault: `environment.service`: it ended, or was not ready in time.
    """

    def __init__(self, bundle: Path, port: int) -> None:
        self.port = port
        self._words = ("serve", str(bundle), "--port", str(port), "--probe")
        self._child = Child(sys.executable, "-m", "andon", *self._words, stdout=sys.__stderr__)  # stdout is for data
        self._running = ExitStack()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._child.pid

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def command(self) -> str:
        """How one would type it."""
        return shlex.join(("andon", *self._words))

    def __enter__(self) -> "Service":
        with ExitStack() as starting:
            starting.enter_context(self._child)
            if not self._child.wait_until(self._is_ready, START_TIMEOUT_S):
                raise self._fault()
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._running.close()

    def wait(self) -> None:
        """Wait until the service ends by itself, which it does only on an error; raise that."""
        self._child.wait()
        raise self._fault()

    def _is_ready(self) -> bool:
        try:
            return get(self.port, "/ready").status == 200
        except ConnectionError:
            return False

    def _fault(self) -> EnvironmentFault:
        code = self._child.poll()
        if code is None:
            return EnvironmentFault(
                f"the service was not ready within {START_TIMEOUT_S:g} s",
                code="environment.service",
                where=self.command,
            )
        return EnvironmentFault(
            f"the service ended with code {code}", code="environment.service", hint="its last lines above say why"
        )
