"""A server as a process of its own, started with the command that people type."""

import os
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from tests.support.machine import children_of
from tests.support.waiting import TIMEOUT_S, wait_until
from tests.support.wire import HOST, Answer, ask


class ServerProgram:
    """
    One server on a port of 127.0.0.1; as a context manager it is ended in every case.

    Args:
        command: What is run.
        folder: Where it runs, with its home and its temporary files in it; None for where the test runs.
        environment: Variables beside those of this process.
    """

    listening: str
    """What stands before its address in its log."""

    def __init__(
        self, command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = command
        self._folder = folder
        own = {"HOME": str(folder), "TMPDIR": str(folder)} if folder else {}
        self._environment = {**os.environ, **own, **(environment or {})}
        self._lines: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=self._environment, stderr=subprocess.PIPE, text=True, process_group=0
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.kill_all()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            self._lines.extend(iter(lines.readline, ""))

    def wait_until_it_serves(self) -> Self:
        """Wait until it does its work, and return it."""
        wait_until(self._lives_and_serves, "the server answers")
        return self

    def _lives_and_serves(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            return self._serves()
        except OSError:
            return False

    def _serves(self) -> bool:
        return self.ask("GET", "/").status == 200

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request over a connection of its own."""
        return ask(self.port, method, path, body, headers)

    @property
    def log(self) -> str:
        """All that it said so far."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """Its process, or that of the master of several."""
        return self._process.pid

    @property
    def port(self) -> int:
        """The port it listens on; waits until it does."""
        wait_until(lambda: self.listening in self.log or self._process.poll() is not None, "the server listens")
        found = re.search(rf"{self.listening}http://[\d.]+:(\d+)", self.log)
        assert found, self.log
        return int(found[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def workers(self) -> list[int]:
        """List the processes of its workers, oldest first."""
        return children_of(self.pid)

    def send_signal(self, number: int) -> None:
        """Send a signal to its process."""
        self._process.send_signal(number)

    def wait_until_it_ends(self) -> int:
        """Wait until it has ended and all is read; give its exit code."""
        code = self._process.wait(TIMEOUT_S)
        self._reader.join()
        return code

    def kill_all(self) -> None:
        """End it and its workers, which are one process group, as a machine that fails does."""
        os.killpg(self.pid, 9)
