"""Other programs on this machine: found, started as a child that never outlives its block, told where to listen."""

import contextlib
import logging
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from types import FrameType, TracebackType
from typing import IO, Any

from andon.errors import EnvironmentFault

logger = logging.getLogger("andon")

_STOP_TIMEOUT_S = 10.0
_POLL_S = 0.1
_SYSTEM_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where daemons are, and where the PATH of an ordinary user often does not lead."""


class Child:
    """
    One program: as a context manager it is started, and ended with its own children in every case.

    Args:
        command: The program with its arguments.
        stdout: A file or a descriptor; None for that of this process.
        stderr: As `stdout`.
    """

    def __init__(self, *command: str, stdout: IO[Any] | int | None = None, stderr: IO[Any] | int | None = None) -> None:
        self._command = command
        self._streams = (stdout, stderr)

    def __enter__(self) -> "Child":
        stdout, stderr = self._streams
        self._process = subprocess.Popen(  # noqa: S603 -- no shell, and only arguments made by the caller
            self._command,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            process_group=0,  # Ctrl-C comes to us alone, and the workers can be ended with their parent
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            logger.warning("%s did not end within %g s, and is killed", self._command[0], _STOP_TIMEOUT_S)
        finally:
            # Workers whose parent has died notice it only after seconds.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int:
        """Its process, and the group of all that it starts."""
        return self._process.pid

    def poll(self) -> int | None:
        """Give the code that it ended with; None while it runs."""
        return self._process.poll()

    def wait(self) -> int:
        """Wait until it ends by itself, and give its code."""
        return self._process.wait()

    def wait_until(self, is_so: Callable[[], object], timeout_s: float) -> bool:
        """Look again and again until something is so; False where it is not in time, or the program has ended."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if self.poll() is not None:
                return False
            if is_so():
                return True
            time.sleep(_POLL_S)
        return False


def find_program(name: str, package: str) -> str:
    """
    Find a program.

    Args:
        name: As it is typed.
        package: The Debian package that has it.

    Returns:
        Its path, also where it is one for administrators and the PATH does not lead to it.

    Raises:
        EnvironmentFault: `environment.program`: it is not installed.
    """
    found = shutil.which(name) or shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        raise EnvironmentFault(
            f"{name} is not installed", code="environment.program", hint=f"as root: apt-get install {package}"
        )
    return found


def usable_port(port: int, host: str = "127.0.0.1", *, hint: str = "choose another one with --port N") -> int:
    """
    Make sure of a port before anything long is done.

    Args:
        port: 0 for any on which nothing listens.
        host: An address of this machine, or a name of one.
        hint: What to do about a port that cannot be used, besides ending what listens there.

    Raises:
        EnvironmentFault: `environment.port`: something listens there, or it is not allowed.
    """
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            # As servers do: connections of a service that has ended are no obstacle.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
            usable: int = probe.getsockname()[1]
            return usable
    except OSError as error:
        raise EnvironmentFault(
            f"port {port} of {host} cannot be used: {error.strerror}",
            code="environment.port",
            hint=f"{hint}, or end what listens there",
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
