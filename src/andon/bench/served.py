"""A real `andon serve` of its own, to be measured and ended."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from andon.errors import EnvironmentFault
from andon.settings.sources import variable_of

_LISTENING = "listening on "
_START_S = 120.0
"""Until it listens; it answers long before its models are ready."""
_END_S = 15.0
"""From SIGTERM until it is killed."""
_LAST_LINES = 5


@contextmanager
def serving(words: Sequence[str]) -> Iterator[str]:
    """
    Serve, and give the URL as soon as something listens there.

    Args:
        words: What is typed after `andon serve`, without `--port`: any free one is taken.

    Raises:
        EnvironmentFault: `environment.service`: it ended, or does not listen in time; with its last lines.
    """
    command = [sys.executable, "-m", "andon", "serve", "--port", "0", *words]
    # In a group of its own: Ctrl-C ends the measurement first, and that ends the service.
    process = subprocess.Popen(  # noqa: S603 -- our own program
        command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, process_group=0, env=_environment()
    )
    log = _Log(process)
    try:
        yield log.wait_for_url(time.monotonic() + _START_S)
    finally:
        _end(process)
        log.close()


def _environment() -> dict[str, str]:
    """Give the variables of this process, and so its settings, but for the token: only this process asks."""
    return {name: value for name, value in os.environ.items() if name != variable_of("token")}


class _Log:
    """Reads what a service says, so that it never waits for a reader."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._url = ""
        self._heard = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self._process.stderr or ():
            self._last.append(line.rstrip())
            if line.startswith(_LISTENING) and not self._url:
                self._url = line.removeprefix(_LISTENING).strip()
                self._heard.set()
        self._heard.set()

    def wait_for_url(self, ends: float) -> str:
        self._heard.wait(max(ends - time.monotonic(), 0.0))
        if not self._url:
            raise EnvironmentFault(
                "the service that was started ended, or does not listen: " + " | ".join(self._last),
                code="environment.service",
                where=" ".join(self._process.args if isinstance(self._process.args, list) else ()),
            )
        return self._url

    def close(self) -> None:
        self._reader.join()
        if self._process.stderr is not None:
            self._process.stderr.close()


def _end(process: subprocess.Popen[str]) -> None:
    """End a service as an operator does, and by force where it does not."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(_END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
