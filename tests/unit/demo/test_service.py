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
from andon.demo.service import Service, interrupted_by_signals, require_server, usable_port
from andon.errors import EnvironmentFault


def is_free(port: int) -> bool:
    """Ask whether nothing listens on a port, with a moment for those to go that have just been killed."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return True
    return False


def test_the_command_is_one_that_can_be_typed() -> None:
    """Whatever the bundle is called, the shell and Python both read its path as it is."""
    path = Path('/tmp/it\'s a "part" \\ ü.andon')  # noqa: S108 -- nothing is written there
    program, *arguments = shlex.split(Service(path, 5555).command)
    assert (program, arguments[:4]) == ("gunicorn", ["-w", "2", "-b", "127.0.0.1:5555"])
    application = arguments[4].removeprefix("andon.wsgi:create_app(").removesuffix(", probe=True)")
    assert eval(application) == str(path)  # noqa: S307 -- gunicorn reads it as a Python literal too


@pytest.mark.slow
def test_it_answers_in_the_block_and_is_gone_after_it(colours: Path) -> None:
    """The port is free again, also where the block raises."""
    port = usable_port(0)

    def use_and_fail() -> None:
        with Service(colours, port, log_level="error") as service:
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
        Service(tmp_path / "gone.andon", usable_port(0), log_level="critical").__enter__()
    assert caught.value.code == "environment.service"


@pytest.mark.slow
def test_a_service_that_does_not_answer_in_time_is_ended(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever."""
    monkeypatch.setattr(module, "START_TIMEOUT_S", 0.0)
    port = usable_port(0)
    with pytest.raises(EnvironmentFault, match="did not answer within 0 s") as caught:
        Service(colours, port, log_level="critical").__enter__()
    assert caught.value.code == "environment.service"
    assert is_free(port)


@pytest.mark.slow
def test_waiting_ends_with_the_service(colours: Path) -> None:
    """Where it ends by itself, that is an error with its code; no worker outlives it."""
    port = usable_port(0)
    with Service(colours, port, log_level="critical") as service:
        process = service._process  # noqa: SLF001 -- to end it from outside
        assert process is not None
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(EnvironmentFault, match="ended with code -9"):
            service.wait()
    assert is_free(port)


@pytest.mark.slow
def test_a_service_that_does_not_end_is_killed(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that hangs keeps nobody from ending."""
    monkeypatch.setattr(module, "_STOP_TIMEOUT_S", 0.3)
    with Service(colours, usable_port(0), log_level="critical") as service:
        process = service._process  # noqa: SLF001 -- to make it hang
        assert process is not None
        os.kill(process.pid, signal.SIGSTOP)
    assert process.returncode == -signal.SIGKILL


def test_a_free_port_can_be_used() -> None:
    """Any, or the one that is asked for."""
    port = usable_port(0)
    assert port > 0
    assert usable_port(port) == port


def test_a_port_that_is_taken_cannot_be_used() -> None:
    """The reason is that of the system, and the hint names the option."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            EnvironmentFault, match=f"port {port} of 127.0.0.1 cannot be used: Address already in use"
        ) as e:
            usable_port(port)
    assert e.value.code == "environment.port"
    assert "--port" in e.value.hint


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_interrupts_the_block_as_ctrl_c_does(number: signal.Signals) -> None:
    """After the block the signal means again what it did before."""
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupted_by_signals():
        signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    """Under nohup the service outlives its terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interrupted_by_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_serves_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing library is named with its pip command."""
    require_server()
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "flask" else object())
    with pytest.raises(EnvironmentFault, match="serving needs flask") as caught:
        require_server()
    assert caught.value.hint == 'pip install "andon[flask]"'
