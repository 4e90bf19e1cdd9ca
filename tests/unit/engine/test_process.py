"""A worker process hears what it is told, sees the images, and its end is seen and told in words."""

import importlib
import json
import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from andon.engine.answer import Answer
from andon.engine.arena import ALIGNMENT
from andon.engine.base import Job
from andon.engine.messages import Answers, FromWorker, NotLoaded, SetAside, Start
from andon.engine.policy import Ticket
from andon.engine.process import MODULE, WorkerProcess
from andon.settings.limits import Limits
from andon.settings.serve import ServeSettings
from andon.tensors import PixelArray
from tests.support.waiting import TIMEOUT_S, wait_until

pytestmark = pytest.mark.slow

SMALL = Limits(max_image_bytes=ALIGNMENT, max_image_pixels=1, max_body_bytes=4 * ALIGNMENT)
START = Start(ServeSettings(workers=1), device="cpu", may_fall_back=False, threads=3, is_first=True)
PIXELS = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)

Begin = Callable[[], WorkerProcess]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Start workers that say again what they are told, and end them."""
    begun: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        begun.append(WorkerProcess(len(begun), START, SMALL, module="tests.support.parrot"))
        return begun[-1]

    yield start
    for process in begun:
        process.kill()
        process.how_it_ended()
        if process.socket.fileno() >= 0:
            process.say_goodbye()


@pytest.fixture
def worker(begin: Begin) -> WorkerProcess:
    """Give a worker that has begun."""
    worker = begin()
    hear(worker)
    return worker


def hear(worker: WorkerProcess, count: int = 1) -> list[FromWorker]:
    """Wait for so many messages of a worker."""
    said: list[FromWorker] = []
    while len(said) < count:
        assert select.select([worker.socket], [], [], TIMEOUT_S)[0], "it says nothing"
        new, has_ended = worker.messages()
        said += new
        assert not has_ended
    return said


def text_of(message: FromWorker) -> str:
    """Give a text that a worker has said."""
    assert isinstance(message, NotLoaded)
    return message.message


def ask(worker: WorkerProcess, sight: str) -> str:
    """Ask a worker what it sees."""
    worker.load(0, sight, None)
    return text_of(hear(worker)[0])


def see_end(worker: WorkerProcess) -> list[FromWorker]:
    """Wait until a worker has closed its side, and give what it had said before."""
    said: list[FromWorker] = []
    has_ended = False
    while not has_ended:
        assert select.select([worker.socket], [], [], TIMEOUT_S)[0], "it does not end"
        new, has_ended = worker.messages()
        said += new
    return said


def ticket(number: int, image: bytes | PixelArray, *, is_canary: bool = False) -> Ticket:
    """Make a ticket of an image."""
    job = Job(model="m", image=image, is_canary=is_canary)
    return Ticket(job=job, future=Answer(), queued_at=0.0, number=number)


def descriptors() -> int:
    """Count the open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


class TestTold:
    """What crosses the border."""

    def test_it_begins_with_what_it_works_with_and_hears_all_in_order(self, begin: Begin) -> None:
        """Also what it was told before it was there."""
        worker = begin()
        worker.load(0, "part.andon", "0" * 64)
        worker.load(0, None, None)
        worker.forget(5)
        assert worker.give(Ticket(job=None, future=Answer(), queued_at=0.0, number=6, hold_s=0.5))
        start, first, second, forgotten, held = hear(worker, 5)
        assert json.loads(text_of(start))[2:] == ["cpu", False, 3, True]
        assert [text_of(first), text_of(second)] == [f"part.andon {'0' * 64}", "None None"]
        assert forgotten == SetAside(5)
        assert isinstance(held, Answers)
        assert [(each.number, each.prediction) for each in held.answered] == [(6, None)]
        assert (worker.messages(), worker.has_unsent) == (([], False), False)

    @pytest.mark.parametrize(
        "image",
        [
            b"image",
            b"",
            PIXELS,
            PIXELS[::-1, ::2],
            PIXELS.transpose(1, 0, 2),
            PIXELS[..., 0].astype(">u2") * 257,
            np.zeros((0, 5, 3), np.uint8),
            PIXELS[:, :0],
        ],
        ids=["bytes", "nothing", "pixels", "reversed", "turned", "big-endian", "no rows", "no columns"],
    )
    def test_an_image_arrives_as_it_is(self, worker: WorkerProcess, image: bytes | PixelArray) -> None:
        """Bytes, and pixels however they lie, with their shape and their order of bytes."""
        worker.free(3)
        assert worker.give(ticket(2, b"another"))
        assert worker.give(ticket(3, image, is_canary=True))
        answers = [said for said in hear(worker, 2) if isinstance(said, Answers)]
        ((first,), (second,)) = (said.answered for said in answers)
        assert first.prediction is not None
        assert second.prediction is not None
        assert (first.number, first.prediction.label) == (2, "None  False")
        assert first.prediction.reasons == ("m", b"another".hex())
        assert second.number == 3
        if isinstance(image, bytes):
            assert second.prediction.label == "None  True"
            assert second.prediction.reasons == ("m", image.hex())
        else:
            assert second.prediction.label == f"{image.shape} {image.dtype.str} True"
            assert second.prediction.reasons == ("m", image.tobytes().hex())

    def test_two_of_the_largest_images_have_room(self, worker: WorkerProcess) -> None:
        """A third one is not given, and has room once another is answered; what holds no image always has."""
        largest = bytes(SMALL.max_body_bytes)
        assert [worker.give(ticket(number, largest)) for number in range(3)] == [True, True, False]
        assert worker.give(Ticket(job=None, future=Answer(), queued_at=0.0, number=9))
        answered = [said.answered[0].number for said in hear(worker, 3) if isinstance(said, Answers)]
        assert answered == [0, 1, 9]
        worker.free(9)
        worker.free(0)
        worker.free(0)
        assert [worker.give(ticket(number, largest)) for number in (3, 4)] == [True, False]

    @pytest.mark.parametrize(
        "limits",
        [
            Limits(max_image_bytes=999, max_image_pixels=1, max_body_bytes=1),
            Limits(max_image_bytes=1, max_image_pixels=333, max_body_bytes=1),
            Limits(max_image_bytes=1, max_image_pixels=1, max_body_bytes=999),
        ],
        ids=["image", "pixels", "body"],
    )
    def test_whatever_may_come_has_room(self, limits: Limits) -> None:
        """An image that is over its limit, too: it is the worker that says so, and no job waits for ever."""
        worker = WorkerProcess(0, START, limits, module="tests.support.parrot")
        try:
            assert worker.give(ticket(0, bytes(999)))
        finally:
            worker.kill()
            worker.how_it_ended()
            worker.say_goodbye()

    def test_one_that_does_not_read_makes_nobody_wait(self, worker: WorkerProcess) -> None:
        """What it is told is kept, and told in order once it reads."""
        os.kill(worker.pid, signal.SIGSTOP)
        wait_until(worker.is_stopped, "it is stopped")
        told = 0
        while not worker.has_unsent:
            worker.forget(told)
            told += 1
        for number in range(told, told + 10):
            worker.forget(number)
        os.kill(worker.pid, signal.SIGCONT)
        said: list[FromWorker] = []
        while len(said) < told + 10:
            worker.flush()
            said += hear(worker, 0 if worker.has_unsent else 1)
        assert said == [SetAside(number) for number in range(told + 10)]
        assert not worker.has_unsent


class TestSurroundings:
    """What the process of a worker has."""

    def test_libraries_are_told_of_its_threads(self, worker: WorkerProcess) -> None:
        """Before they are imported; of the rest of the environment nothing is lost."""
        found = json.loads(ask(worker, "environment"))
        names = ("OMP", "MKL", "OPENBLAS", "RAYON")
        assert [found[f"{name}_NUM_THREADS"] for name in names] == ["3"] * 4
        assert (found["OPENCV_FOR_THREADS_NUM"], found["OMP_WAIT_POLICY"]) == ("3", "PASSIVE")
        assert found["PATH"] == os.environ["PATH"]

    def test_it_finds_the_same_modules(self, worker: WorkerProcess) -> None:
        """In the same order, and none from where it happens to stand."""
        assert json.loads(ask(worker, "path")) == sys.path

    def test_it_has_nothing_of_another_worker(self, begin: Begin) -> None:
        """Else that one's end would not be seen as long as this one lives."""
        first, second = begin(), begin()
        hear(first)
        hear(second)
        found = [json.loads(ask(worker, "descriptors")) for worker in (first, second)]
        assert [len([name for name in names if name.startswith("socket:")]) for names in found] == [1, 1]
        assert len(found[0]) == len(found[1])

    def test_what_it_prints_is_talk(self, capfd: pytest.CaptureFixture[str], begin: Begin) -> None:
        """It goes where errors go; and nobody types for it."""
        worker = begin()
        hear(worker)
        assert ask(worker, "stdout") == "said"
        assert ask(worker, "stdin") == "''"
        out, err = capfd.readouterr()
        assert (out, err) == ("", "a library talks\n")

    def test_what_runs_if_nothing_is_said(self) -> None:
        """The worker of the package."""
        assert callable(importlib.import_module(MODULE).main)


class TestEnd:
    """How it ends, and how that is seen."""

    @pytest.mark.parametrize(
        ("end", "words"),
        [
            (lambda worker: worker.load(0, "leave", None), "it ended with code 7"),
            (lambda worker: worker.kill(), "it was ended by SIGKILL"),
            (lambda worker: os.kill(worker.pid, signal.SIGSEGV), "it was ended by SIGSEGV"),
            (lambda worker: os.kill(worker.pid, signal.SIGRTMIN + 6), f"it was ended by signal {signal.SIGRTMIN + 6}"),
        ],
        ids=["code", "kill", "crash", "signal without a name"],
    )
    def test_its_end_is_seen_and_told(
        self, worker: WorkerProcess, end: Callable[[WorkerProcess], None], words: str
    ) -> None:
        """In words, by the code or the signal; to tell it more is no error."""
        assert not worker.has_ended()
        assert not worker.wait(0.0)
        end(worker)
        assert see_end(worker) == []
        assert worker.how_it_ended() == words
        assert worker.has_ended()
        assert worker.wait(0.0)
        assert not worker.is_stopped()
        worker.forget(3)
        assert not worker.has_unsent
        assert worker.messages() == ([], True)

    def test_what_it_said_before_its_end_is_heard(self, worker: WorkerProcess) -> None:
        """An answer that was on its way is none to be computed again."""
        worker.forget(1)
        worker.load(0, "leave", None)
        assert see_end(worker) == [SetAside(1)]

    def test_the_end_of_one_that_had_not_read_all_is_seen(self, worker: WorkerProcess) -> None:
        """It is an error of the socket then, and nothing is kept for it."""
        os.kill(worker.pid, signal.SIGSTOP)
        wait_until(worker.is_stopped, "it is stopped")
        while not worker.has_unsent:
            worker.forget(0)
        worker.kill()
        assert worker.wait(TIMEOUT_S)
        assert see_end(worker) == []
        worker.flush()
        assert not worker.has_unsent

    def test_it_is_seen_that_it_is_stopped(self, worker: WorkerProcess) -> None:
        """And that it goes on."""
        assert not worker.is_stopped()
        worker.load(0, "stop", None)
        wait_until(worker.is_stopped, "it is stopped")
        assert not worker.has_ended()
        os.kill(worker.pid, signal.SIGCONT)
        assert text_of(hear(worker)[0]) == "went on"
        assert not worker.is_stopped()

    def test_after_goodbye_it_ends_by_itself_and_nothing_is_left(self) -> None:
        """Of its descriptors; to tell it more is no error."""
        before = descriptors()
        worker = WorkerProcess(0, START, SMALL, module="tests.support.parrot")
        hear(worker)
        worker.say_goodbye()
        assert worker.wait(TIMEOUT_S)
        assert worker.how_it_ended() == "it ended with code 0"
        worker.forget(3)
        assert not worker.has_unsent
        assert descriptors() == before

    def test_one_that_cannot_be_started_leaves_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is tried again and again, and must not use up what the next try needs."""
        before = descriptors()
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        with pytest.raises(FileNotFoundError):
            WorkerProcess(0, START, SMALL)
        assert descriptors() == before
