"""Tests of the service as a child process."""

import os
import shlex
import signal
import socket
import time
from pathlib import Path

import pytest

from andon.demo import service as module
from andon.demo.ask import get
from andon.demo.service import Service
from andon.errors import EnvironmentFault
from andon.programs import usable_port


def is_free(port: int) -> bool:
    """Ask whether nothing listens on a port, with a moment for those to go that have just been killed."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
    return False


def test_the_command_is_one_that_can_be_typed() -> None:
    """Whatever the bundle is called, the shell reads its path as it is."""
    path = Path('/tmp/it\'s a "part" \\ ü.andon')  # noqa: S108 -- nothing is written there
    words = shlex.split(Service(path, 5555).command)
    assert words == ["andon", "serve", str(path), "--port", "5555", "--probe"]


@pytest.mark.slow
def test_it_answers_in_the_block_and_is_gone_after_it(colours: Path) -> None:
    """The port is free again, also where the block raises."""
    port = usable_port(0)

    def use_and_fail() -> None:
        with Service(colours, port) as service:
            assert service.url == f"http://127.0.0.1:{port}"
            assert get(port, "/").status == 200
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use_and_fail()
    assert is_free(port)


@pytest.mark.slow
def test_a_bundle_that_cannot_be_served_is_told_at_once(tmp_path: Path) -> None:
    """The service ends, and nobody waits for its answer."""
    with pytest.raises(EnvironmentFault, match="the service ended with code") as caught:
        Service(tmp_path / "gone.andon", usable_port(0)).__enter__()
    assert caught.value.code == "environment.service"


@pytest.mark.slow
def test_a_service_that_is_not_ready_in_time_is_ended(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(module, "START_TIMEOUT_S", 0.0)
    port = usable_port(0)
    with pytest.raises(EnvironmentFault, match="was not ready within 0 s") as caught:
        Service(colours, port).__enter__()
    assert caught.value.code == "environment.service"
    assert is_free(port)


@pytest.mark.slow
def test_waiting_ends_with_the_service(colours: Path) -> None:
    """Where it ends by itself, that is an error with its code."""
    port = usable_port(0)
    with Service(colours, port) as service:
        os.kill(service.pid, signal.SIGKILL)
        with pytest.raises(EnvironmentFault, match="ended with code -9"):
            service.wait()
    assert is_free(port)
