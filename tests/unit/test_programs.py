"""Tests of other programs as children."""

import os
import signal
import socket
import sys
from pathlib import Path

import pytest

from andon import programs
from andon.errors import EnvironmentFault
from andon.programs import Child, find_program, interrupted_by_signals, usable_port
from tests.support.machine import is_running
from tests.support.waiting import wait_until

FAMILY = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
"""A program with a child of its own, which it names and would leave behind."""
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(60)"


def python(code: str, *, said: int) -> Child:
    """A child that runs this code."""
    return Child(sys.executable, "-c", code, stdout=said)


def first_line(reader: int) -> str:
    """Wait for the first line that a child says."""
    with os.fdopen(reader) as lines:
        return lines.readline().strip()


def test_a_child_and_its_own_children_end_with_the_block() -> None:
    """Also where the block raises, and where the child would leave a child behind."""
    reader, writer = os.pipe()
    child = python(FAMILY, said=writer)
    seen = []

    def fail_in_the_block() -> None:
        with child:
            os.close(writer)
            seen.append(int(first_line(reader)))
            assert is_running(seen[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_in_the_block()
    (grandchild,) = seen
    assert child.poll() == -signal.SIGTERM
    wait_until(lambda: not is_running(grandchild), "the grandchild has ended")


@pytest.mark.slow
def test_a_child_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that is asked in vain keeps nobody from ending."""
    monkeypatch.setattr(programs, "_STOP_TIMEOUT_S", 0.1)
    reader, writer = os.pipe()
    with python(STUBBORN, said=writer) as child:
        os.close(writer)
        assert first_line(reader) == "ready"
    assert child.poll() == -signal.SIGKILL


def test_waiting_ends_with_the_child() -> None:
    """Its code is told, and what it will never do is not waited for."""
    with Child(sys.executable, "-c", "raise SystemExit(7)") as child:
        assert child.wait() == 7
        assert not child.wait_until(lambda: pytest.fail("it has ended"), 60)


def test_waiting_ends_when_it_is_so_or_too_late() -> None:
    """Asked again until then."""
    answers = iter([False, True])
    reader, writer = os.pipe()
    with python(STUBBORN.replace("15", "1"), said=writer) as child:
        os.close(writer)
        first_line(reader)
        assert child.wait_until(lambda: next(answers), 60)
        assert not child.wait_until(lambda: False, 0)
        assert is_running(child.pid)


def test_a_program_is_found_where_daemons_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the PATH first, then in the folders of administrators."""
    daemon = tmp_path / "sbin" / "frontd"
    daemon.parent.mkdir()
    daemon.touch(mode=0o755)
    monkeypatch.setattr(programs, "_SYSTEM_PATH", str(daemon.parent))
    assert find_program("frontd", "front") == str(daemon)
    assert find_program("sh", "dash").endswith("/sh")


def test_a_program_that_is_missing_is_named_with_its_package() -> None:
    """The error is one of the environment, and its hint can be typed."""
    with pytest.raises(EnvironmentFault, match="frontd is not installed") as caught:
        find_program("frontd", "front-light")
    assert (caught.value.code, caught.value.hint) == ("environment.program", "as root: apt-get install front-light")


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
