"""Real gunicorn, started with the command that people type."""

import http.client
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

HOST = "127.0.0.1"
TIMEOUT_S = 60.0


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Look again and again until something is so; fail where it is not in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {TIMEOUT_S:g} s: {what}")
        time.sleep(0.02)


def children_of(pid: int) -> list[int]:
    """List the child processes of a process, oldest first."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed]


class Gunicorn:
    """
    One gunicorn on a free port of 127.0.0.1; as a context manager it is ended in every case.

    Args:
        words: The words of the command after `gunicorn`, without `-b`.
        folder: Where it runs, with its home and its temporary files in it.
    """

    def __init__(self, *words: str, folder: Path) -> None:
        pytest.importorskip("gunicorn", reason="gunicorn is not installed: pip install gunicorn")
        self._command = [sys.executable, "-m", "gunicorn", "-b", f"{HOST}:0", *words]
        self._folder = folder
        self._lines: list[str] = []

    def __enter__(self) -> "Gunicorn":
        environment = {**os.environ, "HOME": str(self._folder), "TMPDIR": str(self._folder)}
        self._process = subprocess.Popen(
            self._command, cwd=self._folder, env=environment, stderr=subprocess.PIPE, text=True, process_group=0
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *args: object) -> None:
        if self._process.poll() is None:
            self.kill_all()
        self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            self._lines.extend(iter(lines.readline, ""))

    @property
    def log(self) -> str:
        """All that it said so far."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """The process of the master."""
        return self._process.pid

    @property
    def port(self) -> int:
        """The port it listens on; waits until it does."""
        wait_until(lambda: "Listening at" in self.log or self._process.poll() is not None, "gunicorn listens")
        found = re.search(rf"Listening at: http://{HOST}:(\d+)", self.log)
        assert found, self.log
        return int(found[1])

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def workers(self) -> list[int]:
        """List the processes of the workers, oldest first."""
        return children_of(self.pid)

    def wait_until_it_serves(self) -> "Gunicorn":
        """Wait until it has answered once, and return it."""
        wait_until(self._answers, "gunicorn answers")
        return self

    def _answers(self) -> bool:
        assert self._process.poll() is None, self.log
        try:
            return self.ask("GET", "/")[0] == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Send one request over a connection of its own, and give the status and the body of the answer."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, body, dict(headers or {}))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send_signal(self, number: int) -> None:
        """Send a signal to the master."""
        self._process.send_signal(number)

    def wait_until_it_ends(self) -> int:
        """Wait until the master has ended and all is read; give its exit code."""
        code = self._process.wait(TIMEOUT_S)
        self._reader.join()
        return code

    def kill_all(self) -> None:
        """End the master and its workers, which are one process group."""
        os.killpg(self.pid, 9)
