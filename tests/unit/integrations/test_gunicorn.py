"""What an application tells gunicorn; gunicorn itself runs in tests/behaviour."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from andon.errors import BundleError
from andon.integrations import gunicorn

ERROR = BundleError("there is no such file or folder", code="bundle.missing", where="typo.andon")
STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)


class Worker:
    """What is looked at of gunicorn's worker, whose methods are its signal handlers."""

    def __init__(self, age: int, *, alive: bool = True, booted: bool = False) -> None:
        self.age = age
        self.alive = alive
        self.booted = booted

    def handle(self, number: int, frame: object) -> None:
        """Handle a signal."""


@pytest.fixture
def handlers() -> Iterator[None]:
    """Put all signal handlers back."""
    numbers = (*STOPS, signal.SIGABRT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def under_gunicorn(monkeypatch: pytest.MonkeyPatch, handlers: None) -> None:
    """Let this process take itself for gunicorn's."""
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", os)


def become(worker: Worker) -> None:
    """Install the handlers of a worker."""
    for number in (*STOPS, signal.SIGABRT):
        signal.signal(number, worker.handle)


def test_elsewhere_there_is_no_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library call is no worker, also where gunicorn is installed."""
    monkeypatch.delitem(sys.modules, "gunicorn.arbiter", raising=False)
    assert not gunicorn.is_gunicorn()
    assert not gunicorn.is_booting()
    assert not gunicorn.is_preloading()


@pytest.mark.usefixtures("under_gunicorn")
def test_a_master_and_its_workers_are_told_apart() -> None:
    """A worker has its signal handlers before it loads the application; it knows its number."""
    assert gunicorn.is_preloading()
    assert gunicorn.worker_number() == 0
    become(Worker(age=3))
    assert gunicorn.is_gunicorn()
    assert not gunicorn.is_preloading()
    assert gunicorn.worker_number() == 3


@pytest.mark.usefixtures("under_gunicorn")
def test_only_what_is_loaded_at_the_start_may_stop_gunicorn() -> None:
    """An application that is made later, in a worker that serves or in one of its threads, raises as anywhere else."""
    assert gunicorn.is_booting()
    with ThreadPoolExecutor(1) as pool:
        assert not pool.submit(gunicorn.is_booting).result()
    become(Worker(age=1))
    assert gunicorn.is_booting()
    become(Worker(age=1, booted=True))
    assert not gunicorn.is_booting()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.usefixtures("handlers")
def test_an_error_becomes_the_exit_that_stops_gunicorn(number: int, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged where gunicorn logs, without a traceback."""
    with pytest.raises(SystemExit) as caught, gunicorn.booting(number):
        raise ERROR
    assert caught.value.code == gunicorn.BOOT_ERROR == 3
    (record,) = caplog.records
    assert (record.name, record.levelno, record.exc_info) == ("gunicorn.error", logging.ERROR, None)
    assert record.getMessage() == str(ERROR)


@pytest.mark.usefixtures("handlers")
def test_a_later_worker_waits_to_be_stopped(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """It leaves the reason to the first one, and says it only where nobody stops it."""
    order = []
    monkeypatch.setattr(gunicorn.time, "sleep", lambda _: order.append(len(caplog.records)))
    with pytest.raises(SystemExit), gunicorn.booting(2):
        raise ERROR
    assert order == [0]
    assert len(caplog.records) == 1


@pytest.mark.usefixtures("handlers")
def test_what_is_no_error_of_ours_is_let_through() -> None:
    """A bug keeps its traceback."""
    with pytest.raises(ZeroDivisionError), gunicorn.booting(1):
        raise ZeroDivisionError


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_loads_can_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each signal that stops a worker ends it at once; afterwards gunicorn's own handlers are back."""
    exits: list[int] = []
    monkeypatch.setattr(gunicorn.os, "_exit", exits.append)
    worker = Worker(age=1)
    become(worker)
    with gunicorn.booting(1):
        for number in STOPS:
            signal.raise_signal(number)
    assert exits == [0, 0, 0]
    assert [signal.getsignal(number) for number in STOPS] == [worker.handle] * 3


@pytest.mark.usefixtures("handlers")
def test_the_handlers_of_the_master_do_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a worker just forked they would lose the signal; until gunicorn has installed others, it still ends."""
    exits: list[int] = []
    monkeypatch.setattr(gunicorn.os, "_exit", exits.append)
    with gunicorn.booting(1, forked=True):
        pass
    for number in STOPS:
        signal.raise_signal(number)
    assert exits == [0, 0, 0]


@pytest.mark.usefixtures("handlers")
def test_a_worker_that_was_told_to_stop_does_not_load() -> None:
    """The signal may have come while Python imported the application."""
    become(Worker(age=4, alive=False))
    with pytest.raises(SystemExit) as caught, gunicorn.booting(4):
        pytest.fail("loaded")
    assert caught.value.code == 0


@pytest.mark.usefixtures("handlers")
def test_a_master_keeps_its_handlers() -> None:
    """Ctrl-C while it preloads is what it always is."""
    before = [signal.getsignal(number) for number in STOPS]
    with gunicorn.booting(0):
        assert [signal.getsignal(number) for number in STOPS] == before
