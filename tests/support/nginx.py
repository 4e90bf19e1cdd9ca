"""Real nginx in a folder that `andon deploy nginx` wrote, with real services behind it."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.deploy.address import Address
from andon.deploy.folder import write_folder
from andon.deploy.nginx import NginxOptions, render
from andon.errors import EnvironmentFault
from andon.programs import find_program, usable_port
from tests.support.waiting import TIMEOUT_S, wait_until
from tests.support.wire import HOST, Answer, ask


def nginx_program() -> str:
    """Find nginx, or skip the test and say how to get it."""
    try:
        return find_program("nginx", "nginx-light")
    except EnvironmentFault as fault:
        pytest.skip(f"{fault.message}: {fault.hint}")


@contextmanager
def open_folder() -> Iterator[Path]:
    """Make a folder that every user can enter, as the workers of an nginx that root starts must."""
    with tempfile.TemporaryDirectory(prefix="andon-nginx-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Nginx:
    """
    nginx in front of services; as a context manager it is ended in every case.

    Args:
        folder: Where the configuration is written.
        ports: Where the services listen, on 127.0.0.1.
        before: Words before the command, to run it as another user.
        options: Further options of the configuration.
    """

    def __init__(self, folder: Path, *ports: int, before: tuple[str, ...] = (), **options: Any) -> None:
        self._program = nginx_program()
        self._before = before
        self.folder = folder
        self.port = usable_port(0)
        upstreams = tuple(Address(host=HOST, port=port) for port in ports)
        write_folder(folder, render(NginxOptions(upstreams=upstreams, listen=Address(HOST, self.port), **options)))
        if before and os.geteuid() == 0:
            for path in (folder, folder / "logs", folder / "temp"):
                shutil.chown(path, "nobody", "nogroup")

    def __enter__(self) -> "Nginx":
        command = (*self._before, self._program, "-p", str(self.folder), "-c", "nginx.conf", "-g", "daemon off;")
        self._process = subprocess.Popen(command, process_group=0)
        try:
            wait_until(self._answers, "nginx answers")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(TIMEOUT_S)

    @property
    def pid(self) -> int:
        """The process of the master."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "logs" / "error.log").read_text()
        try:
            return self.ask("GET", "/live").status == 200
        except OSError:
            return False

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request over a connection of its own."""
        return ask(self.port, method, path, body, headers)

    def logged(self) -> list[dict[str, Any]]:
        """Read the access log, without the questions of this class whether it lives."""
        lines = map(json.loads, (self.folder / "logs" / "access.log").read_text().splitlines())
        return [line for line in lines if line["request"] != "GET /live HTTP/1.1"]

    def wait_for_log(self, count: int) -> list[dict[str, Any]]:
        """Wait until so many requests are logged; a line is written after its answer."""
        wait_until(lambda: len(self.logged()) >= count, f"{count} requests are logged")
        return self.logged()
