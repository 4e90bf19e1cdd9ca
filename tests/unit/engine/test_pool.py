"""The engine of processes: what goes beyond the contract of engines, above all workers that end or hang."""

import asyncio
import contextlib
import gc
import logging
import os
import signal
import threading
import time
import weakref
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from andon.engine.base import Job, LoadedModel
from andon.engine.pool import PoolEngine
from andon.errors import BundleError, EngineError
from andon.machine import Machine
from andon.predictions import Prediction
from andon.settings.serve import ServeSettings
from tests.support import deadly
from tests.support.bundles import colour_image, write_colours
from tests.support.deadly import DEADLY, image_that
from tests.support.engines import RED
from tests.support.waiting import TIMEOUT_S, wait_until

pytestmark = pytest.mark.slow

Started = tuple[PoolEngine, LoadedModel]


@contextmanager
def pool(path: Path, *, workers: int = 2, **settings: Any) -> Iterator[Started]:
    """Make an engine whose workers do what images ask for, with a model loaded."""
    engine = PoolEngine(ServeSettings(workers=workers, runtime=DEADLY, **settings), module=deadly.__name__)
    try:
        yield engine, engine.load(str(path))
    finally:
        engine.close(TIMEOUT_S)


@pytest.fixture
def two(colours: Path) -> Iterator[Started]:
    """An engine of two workers."""
    with pool(colours) as started:
        yield started


def send(started: Started, *images: bytes) -> list[Future[Prediction]]:
    """Submit images."""
    engine, model = started
    return engine.submit([Job(model=model.digest, image=image) for image in images])


def outcome(future: Future[Prediction]) -> str | None:
    """Give the label of an answer, or the code of its error."""
    prediction = future.result(TIMEOUT_S)
    return prediction.error.code if prediction.error else prediction.label


def children() -> list[int]:
    """List the worker processes that the threads of this one have started, oldest first."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return sorted(filter(is_worker, found))


def is_worker(pid: int) -> bool:
    """Ask whether a process is a worker; one that has ended is none."""
    try:
        return b"import main; main(" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


ENDING = ("is killed", "reads where nothing is", "aborts", "leaves")
FROM_OUTSIDE = ("is killed", "is stopped")
"""What somebody else may have done too, so it is tried once more."""
HANGING = ("is stopped", "hangs", "hangs and keeps the interpreter")


@pytest.mark.parametrize("deed", [*ENDING, *HANGING])
def test_a_worker_that_ends_or_hangs_loses_no_other_image(colours: Path, deed: str) -> None:
    """What it had is tried again, the image that did it ends a second one, and is answered then."""
    stall_timeout_s = 1.0 if deed in HANGING else 10.0
    with pool(colours, stall_timeout_s=stall_timeout_s) as started:
        good = send(started, *[RED] * 6)
        bad = send(started, image_that(deed))[0]
        good += send(started, *[RED] * 6)
        assert [outcome(future) for future in good] == ["red"] * 12
        assert outcome(bad) == "engine.quarantine"
        found = started[0].statistics()
    assert (found.answered, found.quarantined) == (12, 1)
    assert found.replaced >= (3 if deed in FROM_OUTSIDE else 2)
    assert (found.queued, found.running, found.held_bytes) == (0, 0, 0)


def test_workers_are_replaced_by_ones_that_are_proven(two: Started) -> None:
    """And whoever sends the image again hears so, at the price of no worker."""
    engine, _ = two
    assert outcome(send(two, image_that("leaves"))[0]) == "engine.quarantine"
    wait_until(lambda: engine.statistics().workers == 2, "both are replaced")
    assert [outcome(future) for future in send(two, image_that("leaves"), RED)] == ["engine.quarantine", "red"]
    assert engine.statistics().replaced == 2


@pytest.mark.parametrize(
    ("deed", "code"), [("fails", "runtime.run"), ("has no memory", "service.fault"), ("has a mistake", "service.fault")]
)
def test_an_image_that_fails_in_a_batch_fails_alone(colours: Path, deed: str, code: str) -> None:
    """The others of its batch are answered, and the worker goes on."""
    with pool(colours, workers=1, max_batch=4) as started:
        futures = send(started, *[RED] * 8, image_that(deed), *[RED] * 8)
        assert [outcome(future) for future in futures] == ["red"] * 8 + [code] + ["red"] * 8
        assert started[0].statistics().replaced == 0


def test_signals_for_the_whole_group_do_not_end_workers(two: Started) -> None:
    """The front finishes what it has, and ends them itself."""
    for pid in children():
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(pid, number)
    assert [outcome(future) for future in send(two, *[RED] * 4)] == ["red"] * 4
    assert two[0].statistics().replaced == 0


def test_jobs_wait_while_no_worker_is_ready(colours: Path) -> None:
    """Until one is, or their deadline passes."""
    with pool(colours, workers=1) as started:
        engine, model = started
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: engine.statistics().workers == 0, "its end is seen")
        late = engine.submit([Job(model=model.digest, image=RED, deadline=time.monotonic() + 0.1)])[0]
        assert outcome(late) == "engine.deadline"
        assert outcome(send(started, RED)[0]) == "red"


def test_a_bundle_that_does_not_load_is_said_with_its_own_error(colours: Path, tmp_path: Path) -> None:
    """Class, code, place and hint cross the border; what was loaded stays."""
    broken = tmp_path / "broken.andon"
    broken.write_bytes(colours.read_bytes()[:1000])
    with pool(colours) as (engine, model):
        with pytest.raises(BundleError) as caught:
            engine.load(str(broken))
        assert caught.value.code.startswith("bundle.")
        assert caught.value.hint
        assert outcome(send((engine, model), RED)[0]) == "red"


def test_a_worker_that_ends_while_it_loads_is_an_error(colours: Path) -> None:
    """Nobody waits for ever."""
    engine = PoolEngine(ServeSettings(workers=1), module="tests.support.deadly_start")
    with pytest.raises(EngineError) as caught:
        engine.load(str(colours))
    assert caught.value.code == "engine.worker"
    engine.close(TIMEOUT_S)


def test_a_replacement_that_finds_another_bundle_does_not_serve_it(
    colours: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is tried again until the bundle is as it was."""
    path = tmp_path / "mine.andon"
    path.write_bytes(colours.read_bytes())
    with pool(path, workers=1) as started, caplog.at_level(logging.ERROR, "andon"):
        engine, _ = started
        write_colours(path, name="other")
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        future = send(started, RED)[0]
        wait_until(lambda: "is no longer the bundle" in caplog.text, "the other bundle is refused")
        assert not future.done()
        path.write_bytes(colours.read_bytes())
        assert outcome(future) == "red"
        assert engine.statistics().workers == 1


def test_pixels_cross_the_border_as_they_are(two: Started) -> None:
    """Also those that do not lie in one piece."""
    engine, model = two
    pixels = np.asarray(colour_image((200, 40, 40)))
    for array in (pixels, pixels[::2, ::-1], np.ascontiguousarray(pixels.transpose(1, 0, 2)).transpose(1, 0, 2)):
        assert outcome(engine.submit([Job(model=model.digest, image=array)])[0]) == "red"


def test_an_image_is_freed_with_its_answer(two: Started) -> None:
    """And with a refusal; nothing waits for the collector, which comes seldom."""
    engine, model = two
    gc.disable()
    try:
        pixels = np.zeros((50, 60, 3), np.uint8)
        freed = weakref.ref(pixels)
        job = Job(model=model.digest, image=pixels)
        with pytest.raises(EngineError):
            engine.submit([msgspec.structs.replace(job, deadline=0.0)])
        future = engine.submit([job])[0]
        outcome(future)
        del pixels, job
        wait_until(lambda: freed() is None, "the image is freed")
    finally:
        gc.enable()


def test_a_worker_that_is_stopped_while_it_loads_is_replaced_too(two: Started) -> None:
    """Nobody hears from it yet, so the kernel is asked."""
    engine, _ = two
    before = set(children())
    os.kill(min(before), signal.SIGKILL)
    wait_until(lambda: set(children()) - before, "another one is started")
    for pid in set(children()) - before:
        os.kill(pid, signal.SIGSTOP)
    wait_until(lambda: engine.statistics().workers == 2, "there are two again")


def test_in_a_loop_of_ones_own_answers_come_in_its_thread(colours: Path) -> None:
    """So that who waits there need not be woken up from another one."""
    threads: list[int] = []

    async def ask() -> str | None:
        engine = PoolEngine(ServeSettings(workers=1))
        engine.attach()
        model = await asyncio.to_thread(engine.load, str(colours))
        future = engine.submit([Job(model=model.digest, image=RED)])[0]
        future.add_done_callback(lambda _: threads.append(threading.get_ident()))
        prediction = await asyncio.wrap_future(future)
        await asyncio.to_thread(engine.close, TIMEOUT_S)
        return prediction.label

    assert asyncio.run(ask()) == "red"
    assert threads == [threading.get_ident()]


def test_closing_ends_workers_that_hang(colours: Path) -> None:
    """Nothing is left behind."""
    with pool(colours, workers=1) as started:
        hung = send(started, image_that("hangs and keeps the interpreter"))[0]
        wait_until(lambda: started[0].statistics().running == 1, "it runs")
        started[0].close(0.0)
        assert outcome(hung) == "engine.closed"
    assert children() == []


@pytest.mark.parametrize(
    ("machine", "settings", "expected"),
    [
        (Machine(cores=3), {}, [1, 1, 1]),
        (Machine(cores=8), {"workers": 2}, [4, 4]),
        (Machine(cores=8), {"workers": 2, "threads": 6}, [3, 3]),
        (Machine(cores=8), {"threads": 1}, [1]),
    ],
)
def test_the_machine_is_shared_out_among_workers(
    machine: Machine, settings: dict[str, int], expected: list[int]
) -> None:
    """One a thread, or as is said; libraries are told of their threads before they are imported."""
    engine = PoolEngine(ServeSettings(**settings), machine=machine)
    engine.load(None)
    environments = [Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") for pid in children()]
    engine.close(TIMEOUT_S)
    told = [next(line for line in lines if line.startswith(b"OMP_NUM_THREADS=")) for lines in environments]
    assert told == [b"OMP_NUM_THREADS=%d" % threads for threads in expected]


def test_the_same_engine_serves_several_models(colours: Path, tmp_path: Path) -> None:
    """Each worker has all of them; a replacement too."""
    other = write_colours(tmp_path / "other.andon", name="other")
    with pool(colours) as (engine, first):
        second = engine.load(str(other))
        for pid in children():
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: engine.statistics().replaced == 2, "both ends are seen")
        for model in (first, second):
            assert outcome(send((engine, model), RED)[0]) == "red"
