"""The crew of workers: which are started, and how one comes in the place of another."""

import asyncio
import logging
import os
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from andon.engine import crew
from andon.engine.crew import Crew
from andon.engine.messages import FromWorker
from andon.engine.placement import Choice
from andon.engine.process import MODULE, WorkerProcess
from andon.machine import Machine
from andon.settings.serve import ServeSettings
from tests.support.machine import children_of
from tests.support.waiting import TIMEOUT_S


class Notes:
    """Notes what the crew tells."""

    def __init__(self) -> None:
        self.joined_workers: list[WorkerProcess] = []
        self.left_workers: list[tuple[int, bool]] = []
        self.changed = asyncio.Event()

    def joined(self, worker: WorkerProcess) -> None:
        """Note who is ready."""
        self.joined_workers.append(worker)
        self.changed.set()

    def heard(self, worker: WorkerProcess, message: FromWorker) -> None:
        """Listen to nothing."""

    def left(self, worker: WorkerProcess, *, was_ended: bool) -> None:
        """Note who has left, and whether somebody else may have ended it."""
        self.left_workers.append((worker.number, was_ended))

    async def wait_for(self, count: int) -> None:
        """Wait until so many have ever joined."""
        while len(self.joined_workers) < count:
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), TIMEOUT_S)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it in a loop of its own."""
    asyncio.run(work)


def make(notes: Notes, *, machine: Machine, choice: Choice, **settings: Any) -> Crew:
    """Make a crew of real workers."""
    return Crew(ServeSettings(**settings), machine, choice, notes, module=MODULE)


CPU = Choice(devices=("cpu",))


@pytest.mark.slow
def test_a_worker_that_is_given_up_is_replaced_in_its_place(caplog: pytest.LogCaptureFixture) -> None:
    """By one of the same device and threads, which loads what all have loaded; the log says why."""

    async def work() -> None:
        notes = Notes()
        workers = make(notes, machine=Machine(cores=2), choice=CPU)
        await workers.load(None)
        assert [worker.number for worker in notes.joined_workers] == [0, 1]
        workers.give_up(0, "it is of no use")
        assert notes.left_workers == [(0, False)]
        await notes.wait_for(3)
        assert notes.joined_workers[2].number == 2
        await workers.close()

    with caplog.at_level(logging.WARNING, "andon"):
        run(work())
    assert "is replaced: it is of no use" in caplog.text


@pytest.mark.slow
def test_a_worker_that_does_not_come_up_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """After a pause, and the log says so."""

    async def work() -> None:
        notes = Notes()
        workers = make(notes, machine=Machine(cores=1), choice=CPU)
        await workers.load(None)
        made = iter([OSError("no memory"), None])

        class Unsteady(WorkerProcess):
            def __init__(self, *arguments: Any, **named: Any) -> None:
                if (error := next(made, None)) is not None:
                    raise error
                super().__init__(*arguments, **named)

        monkeypatch.setattr(crew, "WorkerProcess", Unsteady)
        workers.give_up(0, "it is of no use")
        await notes.wait_for(2)
        await workers.close()

    with caplog.at_level(logging.ERROR, "andon"):
        run(work())
    assert "a worker cannot be replaced yet: no memory" in caplog.text


@pytest.mark.slow
def test_how_a_worker_ended_says_whether_an_image_may_have_done_it() -> None:
    """SIGKILL comes from outside, or from a kernel without memory; what native code ends by does not."""

    async def work() -> None:
        notes = Notes()
        workers = make(notes, machine=Machine(cores=2), choice=CPU)
        await workers.load(None)
        os.kill(notes.joined_workers[0].pid, signal.SIGKILL)
        os.kill(notes.joined_workers[1].pid, signal.SIGSEGV)
        await notes.wait_for(4)
        assert sorted(notes.left_workers) == [(0, True), (1, False)]
        await workers.close()

    run(work())


@pytest.mark.slow
def test_a_replacement_that_does_not_load_leaves_no_process_behind(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is tried; a process that has ended and is not looked at keeps its number for ever."""
    path = tmp_path / "mine.andon"
    path.write_bytes(colours.read_bytes())

    async def work() -> None:
        notes = Notes()
        workers = make(notes, machine=Machine(cores=1), choice=CPU)
        await workers.load(str(path))
        path.unlink()
        monkeypatch.setattr(crew, "_LONGEST_PAUSE_S", 0.1)
        first = notes.joined_workers[0].pid
        before = set(children_of(os.getpid())) - {first}
        os.kill(first, signal.SIGKILL)
        while notes.left_workers == []:
            await asyncio.sleep(0.01)
        path.write_bytes(colours.read_bytes())
        await notes.wait_for(2)
        await asyncio.wait_for(only(before, notes.joined_workers[1].pid), TIMEOUT_S)
        await workers.close()

    run(work())


async def only(before: set[int], pid: int) -> None:
    """Wait until a process is the only child beside those of before."""
    while set(children_of(os.getpid())) - before != {pid}:
        await asyncio.sleep(0.01)


@pytest.mark.slow
def test_where_cards_turn_out_not_to_do_the_cpu_has_a_worker_for_each_core(colours: Path) -> None:
    """One worker is sent ahead to see; nobody has asked for the cards by name."""

    async def work() -> None:
        notes = Notes()
        workers = make(notes, machine=Machine(cores=2, cards=1), choice=Choice(devices=("cuda:0",), may_fall_back=True))
        loaded = await workers.load(str(colours))
        assert loaded.devices == ("cpu",)
        assert [worker.device for worker in notes.joined_workers] == ["cpu", "cpu"]
        await workers.close()

    run(work())
