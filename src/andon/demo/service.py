"""The service of the example: gunicorn with two workers, as a child that never outlives its parent's block."""

import contextlib
import json
import logging
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import FrameType, TracebackType

from andon.demo.ask import HOST, get
from andon.errors import EnvironmentFault, missing_extra

logger = logging.getLogger("andon")

START_TIMEOUT_S = 60.0
"""Seconds until the service must answer; each worker loads and proves the bundle first."""
_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.1


class Service:
    """
    One running service: as a context manager it is started, has answered once, and is ended in every case.

    Args:
        bundle: The bundle to serve.
        port: Where on 127.0.0.1.
        log_level: How much gunicorn says, on stderr.

    Raises:
        EnvironmentFault: `environment.extra`: gunicorn or Flask is not installed;
            `environment.service`: it ended, or did not answer in time.
    """

    def __init__(self, bundle: Path, port: int, *, log_level: str = "info") -> None:
        self.port = port
        self._application = f"andon.wsgi:create_app({json.dumps(str(bundle))}, probe=True)"
        self._log_level = log_level
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def command(self) -> str:
        """How one would type it."""
        return f"gunicorn -w 2 -b {HOST}:{self.port} {shlex.quote(self._application)}"

    def __enter__(self) -> "Service":
        require_server()
        options = ("-w", "2", "-b", f"{HOST}:{self.port}", "--log-level", self._log_level)
        self._process = subprocess.Popen(  # noqa: S603 -- no shell, and only arguments made here
            (sys.executable, "-m", "gunicorn", *options, self._application),
            stdin=subprocess.DEVNULL,
            stdout=sys.__stderr__,  # stdout is for data
            process_group=0,  # Ctrl-C comes to us alone, and the workers can be ended with their parent
        )
        try:
            self._wait_for_answer(self._process)
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._end()

    def wait(self) -> None:
        """Wait until the service ends by itself, which it does only on an error; raise that."""
        if self._process is not None:
            raise _ended_with(self._process.wait())

    def _wait_for_answer(self, process: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise _ended_with(process.returncode)
            try:
                get(self.port, "/")
            except OSError:
                time.sleep(_POLL_S)
            else:
                return
        raise EnvironmentFault(
            f"the service did not answer within {START_TIMEOUT_S:g} s", code="environment.service", where=self.command
        )

    def _end(self) -> None:
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            logger.warning("the service did not end within %g s, and is killed", _STOP_TIMEOUT_S)
        finally:
            # Workers whose parent has died notice it only after seconds.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


def _ended_with(code: int) -> EnvironmentFault:
    return EnvironmentFault(
        f"the service ended with code {code}", code="environment.service", hint="its last lines above say why"
    )


def require_server() -> None:
    """Raise `EnvironmentFault` where what serves is absent."""
    for library in ("gunicorn", "flask"):
        if find_spec(library) is None:
            raise missing_extra(library, "flask", "serving")


def usable_port(port: int) -> int:
    """
    Make sure of a port of 127.0.0.1 before anything long is done.

    Args:
        port: 0 for any on which nothing listens.

    Raises:
        EnvironmentFault: `environment.port`: something listens there, or it is not allowed.
    """
    try:
        with socket.socket() as probe:
            # As gunicorn does: connections of a service that has ended are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            usable: int = probe.getsockname()[1]
            return usable
    except OSError as error:
        raise EnvironmentFault(
            f"port {port} of {HOST} cannot be used: {error.strerror}",
            code="environment.port",
            hint="choose another one with --port N, or end what listens there",
        ) from None


@contextlib.contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """
    Let SIGTERM and SIGHUP raise KeyboardInterrupt in the block, as Ctrl-C does, so that a child is ended with us.

    A signal that this process was started to ignore, as under `nohup`, stays ignored.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
