"""
One worker process: it loads models and runs the jobs that the front gives it, until the front closes the socket.

    python -m andon.engine.worker SOCKET ARENA      two descriptors that it inherits

A signal to the whole process group ends the front, which then finishes its jobs and ends the workers.
"""

import ctypes
import logging
import mmap
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from itertools import count

import numpy as np

from andon.engine.base import Job
from andon.engine.channel import receive, send
from andon.engine.compute import Compute, Given, Reporter
from andon.engine.messages import (
    Answered,
    Answers,
    Beat,
    Forget,
    FromWorker,
    Give,
    Hold,
    Load,
    Loaded,
    NotLoaded,
    SetAside,
    Start,
    decode_start,
    decode_to_worker,
    encode,
)
from andon.engine.models import Models
from andon.engine.placement import CARD_THREADS, Choice
from andon.errors import CODES, AndonError
from andon.machine.memory import give_back, return_large_buffers, set_aside_what_is_loaded
from andon.settings.devices import CPU
from andon.tensors import PixelArray

logger = logging.getLogger("andon")

BEAT_S = 0.25
"""Seconds between two signs of life."""
_BEATS_TO_TIDY = 8
"""Signs of life between two times that memory is given back."""
_PR_SET_PDEATHSIG = 1


class Worker:
    """
    The side of the worker.

    Args:
        peer: Leads to the front.
        arena: Where the images lie.
        start: What it works with.
    """

    def __init__(self, peer: socket.socket, arena: mmap.mmap, start: Start) -> None:
        self._peer = peer
        self._arena = memoryview(arena)
        choice = Choice(devices=(start.device,), may_fall_back=start.may_fall_back)
        self._models = Models(start.settings, choice, threads=start.threads)
        self._in_hand: set[int] = set()
        self._unwanted: set[int] = set()
        self._ended = threading.Event()
        self._has_answered = False
        is_on_cpu = start.device == CPU
        self._readers = 1 + (start.threads if is_on_cpu else CARD_THREADS)
        self._compute = Compute(
            self._models.get,
            Reporter(
                answer=self._answer,
                set_aside=lambda number: self._tell(SetAside(number)),
                fail=self._ended.set,
            ),
            max_batch=start.settings.max_batch,
            runs_in_caller=is_on_cpu and start.threads == 1,
        )

    def run(self) -> None:
        """Work until the front closes the socket, or is gone."""
        for number in range(self._readers):
            threading.Thread(target=self._work, name=f"andon-worker-{number}", daemon=True).start()
        beats = count(1)
        while not self._ended.wait(BEAT_S):
            self._tell(Beat(self._compute.watch.busy_s(), self._compute.watch.usual_s))
            if next(beats) % _BEATS_TO_TIDY == 0:
                self._tidy_up()

    def _tidy_up(self) -> None:
        """Give memory back, where something was answered since the last time."""
        if self._has_answered:
            self._has_answered = False
            give_back()

    def _work(self) -> None:
        """Take one message after the other; several threads do so."""
        try:
            while message := self._receive():
                self._obey(message)
                # While it waits for the next, it must not keep the last in memory.
                del message
        except Exception:
            logger.exception("a worker ends on an error of Andon's own")
        finally:
            # What it was about may have no answer, and only the end of the worker makes the front give it to another.
            self._ended.set()

    def _receive(self) -> bytes:
        try:
            return receive(self._peer)
        except OSError:
            return b""

    def _obey(self, encoded: bytes) -> None:
        match decode_to_worker(encoded):
            case Give() as give:
                self._in_hand.add(give.number)
                self._compute.run(self._given(give))
            case Forget(number):
                # One that comes too late, or before another thread has seen its image, changes nothing.
                if number in self._in_hand:
                    self._unwanted.add(number)
            case Hold(number, seconds):
                time.sleep(seconds)
                self._tell(Answers([Answered(number, None)], 1))
            case Load() as load:
                self._load(load)

    def _given(self, give: Give) -> Given:
        job = Job(model=give.model, image=self._image(give), is_canary=give.is_canary)
        return Given(number=give.number, job=job, is_wanted=lambda: give.number not in self._unwanted)

    def _image(self, give: Give) -> bytes | PixelArray:
        """Copy an encoded image, which libraries want as bytes; look at pixels where they are."""
        first, size_bytes = give.place
        part = self._arena[first : first + size_bytes]
        if give.shape is None:
            return bytes(part)
        pixels: PixelArray = np.frombuffer(part, give.dtype).reshape(give.shape)
        return pixels

    def _load(self, load: Load) -> None:
        try:
            model = self._models.load(load.path)
            if load.digest not in (None, model.digest):
                raise AndonError(
                    f"{load.path} is no longer the bundle {str(load.digest)[:12]} that is served, but {model.version}",
                    code="service.fault",
                    hint="put the bundle back, or start the service again",
                )
        except AndonError as error:
            self._tell(NotLoaded.of(load.number, error))
        except Exception:
            logger.exception("a bundle does not load for an error of Andon's own")
            self._tell(NotLoaded.of(load.number, AndonError(CODES["service.fault"], code="service.fault")))
        else:
            set_aside_what_is_loaded()
            self._tell(Loaded(load.number, model))

    def _answer(self, answered: Sequence[Answered], batch: int) -> None:
        self._has_answered = True
        self._tell(Answers(list(answered), batch))
        for each in answered:
            self._in_hand.discard(each.number)
            self._unwanted.discard(each.number)

    def _tell(self, message: FromWorker) -> None:
        try:
            send(self._peer, encode(message))
        except OSError:
            # The front is gone, and with it everybody who waits.
            self._ended.set()


def main(arguments: Sequence[str]) -> None:
    """Begin to work with two descriptors."""
    _end_with_parent()
    peer, arena_file = socket.socket(fileno=int(arguments[0])), int(arguments[1])
    arena = mmap.mmap(arena_file, os.fstat(arena_file).st_size, prot=mmap.PROT_READ)
    os.close(arena_file)
    start = decode_start(receive(peer))
    return_large_buffers()
    logging.basicConfig(format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    logger.setLevel(logging.WARNING if start.is_first else logging.ERROR)
    Worker(peer, arena, start).run()
    # Threads that compute cannot be waited for, and native code must not come back to an interpreter that is gone.
    os._exit(0)


def _end_with_parent() -> None:
    """Let the kernel end this process with the front, also where native code never lets go of the interpreter."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
