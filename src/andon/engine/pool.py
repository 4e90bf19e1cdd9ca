"""
The engine `pool`: worker processes that compute, and a front that gives them jobs from one queue.

The front runs in an event loop, and only there; so it needs no lock, and a service whose requests come in
the same loop waits for nobody else. It computes nothing, and imports no library that does.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from itertools import count
from typing import Any

from andon.engine.answer import Answer
from andon.engine.base import EngineStatistics, Job, LoadedModel
from andon.engine.crew import Crew
from andon.engine.fleet import AHEAD, Fleet
from andon.engine.front import Front
from andon.engine.loop import Loop, LoopEndedError
from andon.engine.messages import Answers, Beat, FromWorker, SetAside
from andon.engine.placement import Choice, choose_devices
from andon.engine.policy import Queue, Ticket, closed
from andon.engine.process import MODULE, WorkerProcess
from andon.machine import Machine, read_machine
from andon.predictions import Prediction
from andon.settings.serve import ServeSettings

_WATCH_S = 0.25
"""Seconds between two looks at the workers."""
_LOOKS_TO_TIDY = 8


class PoolEngine:
    """
    Runs models in processes of their own.

    Args:
        settings: `workers`, `threads`, `max_batch`, the devices, the queue, and what models load with.
        machine: What there is to compute with; None for this machine.
        choice: The devices; None for those of the settings.
        ahead: Images that a worker is given beside those that it runs, 0 or more.
        module: What the workers run; a module with a function `main`.

    Raises:
        EnvironmentFault: `environment.device`: a card of the settings is not there.
    """

    def __init__(
        self,
        settings: ServeSettings,
        *,
        machine: Machine | None = None,
        choice: Choice | None = None,
        ahead: int = AHEAD,
        module: str = MODULE,
    ) -> None:
        machine = machine or read_machine()
        choice = choice or choose_devices(settings.devices, machine)
        queue = Queue(max_jobs=settings.max_queue_jobs, max_bytes=settings.max_queue_bytes)
        self._loop = Loop()
        self._fleet = Fleet(queue, stall_timeout_s=settings.stall_timeout_s, ahead=ahead)
        self._front = Front(queue, self._fleet)
        self._crew = Crew(settings, machine, choice, self, module=module)
        self._loaded: dict[str, LoadedModel] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = math.inf
        self._watching: asyncio.TimerHandle | None = None
        self._looks = count(1)
        self._is_idle = asyncio.Event()
        self._is_closed = False
        self._is_ending = False

    # The contract of engines, from any thread.

    def attach(self) -> None:
        """Work in the running event loop of the calling thread."""
        self._loop.attach()

    def load(self, path: str | None) -> LoadedModel:
        """Have each worker load and prove a bundle; called in a thread that is not that of the loop."""
        return self._loop.wait_for(self._load(path))

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Accept all of the jobs, or none."""
        unknown = {job.model for job in jobs if job.model not in self._loaded}
        if unknown:
            raise ValueError(f"not loaded: {', '.join(sorted(unknown))}")
        now = time.monotonic()
        return self._accept([Ticket(job=job, future=Answer(), queued_at=now) for job in jobs])

    def hold(self, seconds: float) -> Future[None]:
        """Let one worker do nothing else for some time."""
        return self._accept([Ticket(job=None, future=Answer(), queued_at=time.monotonic(), hold_s=seconds)])[0]

    def _accept(self, tickets: list[Ticket]) -> list[Future[Any]]:
        if self._is_closed:
            self._front.refuse(tickets)
            raise closed()
        try:
            self._loop.call(partial(self._admit, tickets))
        except LoopEndedError:
            raise closed() from None
        for ticket in tickets:
            # It knows the ticket by its number, so that the image is freed with the answer and waits for no collector.
            ticket.future.when_given_up = partial(self._note_given_up, ticket.number)
        return [ticket.future for ticket in tickets]

    def statistics(self) -> EngineStatistics:
        """Count what is held and what was done."""
        return self._front.statistics() if self._is_closed else self._loop.call(self._front.statistics)

    def close(self, timeout_s: float) -> None:
        """Finish what was accepted, within the time, then end the workers; not called in the thread of the loop."""
        if not self._is_closed:
            self._is_closed = True
            self._loop.wait_for(self._close(timeout_s))
            self._loop.end()

    # In the loop.

    def _admit(self, tickets: list[Ticket]) -> None:
        if self._is_ending:
            self._front.refuse(tickets)
            raise closed()
        self._front.admit(tickets, time.monotonic())
        self._set_timer()

    def _note_given_up(self, number: int) -> None:
        with contextlib.suppress(LoopEndedError):  # then all is answered
            self._loop.soon(partial(self._give_up, number))

    def _give_up(self, number: int) -> None:
        self._front.give_up(number, time.monotonic())
        self._after_change()

    def _after_change(self) -> None:
        self._set_timer()
        if self._front.is_idle:
            self._is_idle.set()

    def _set_timer(self) -> None:
        """See to it that the next deadline is not missed."""
        deadline = self._front.next_deadline()
        if deadline >= self._timer_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = deadline
        self._timer = self._loop.get().call_later(max(0.0, deadline - time.monotonic()), self._expire)

    def _expire(self) -> None:
        self._timer, self._timer_at = None, math.inf
        self._front.expire(time.monotonic())
        self._after_change()

    def joined(self, worker: WorkerProcess) -> None:
        """Give jobs to a worker from now on."""
        self._front.join(worker, time.monotonic())

    def heard(self, worker: WorkerProcess, message: FromWorker) -> None:
        """Take what a worker says."""
        now = time.monotonic()
        match message:
            case Answers(answered, batch):
                self._front.note_answers(worker.number, answered, batch, now)
                self._after_change()
            case SetAside(number):
                self._front.note_aside(worker.number, number, now)
            case Beat(busy_s, usual_s) if worker.number in self._fleet:
                self._fleet.note_beat(worker.number, now, busy_s=busy_s, usual_s=usual_s)

    def left(self, worker: WorkerProcess, *, was_ended: bool) -> None:
        """Give no more jobs to a worker that has ended."""
        self._front.leave(worker.number, time.monotonic(), was_ended=was_ended)
        self._after_change()

    def _watch(self) -> None:
        """Look after the workers, again and again."""
        self._watching = self._loop.get().call_later(_WATCH_S, self._watch)
        now = time.monotonic()
        self._crew.look_after()
        if next(self._looks) % _LOOKS_TO_TIDY == 0:
            self._crew.tidy()
        for worker in self._fleet.late(now):
            if self._crew.look_at(worker):
                self._fleet.note_stopped(worker)
        for worker, fault in self._fleet.given_up(now):
            self._crew.give_up(worker, fault.why, was_ended=fault.is_from_outside)

    async def _load(self, path: str | None) -> LoadedModel:
        if self._is_closed:
            raise closed()
        if self._watching is None:
            self._watch()
        loaded = await self._crew.load(path)
        return self._loaded.setdefault(loaded.digest, loaded)

    async def _close(self, timeout_s: float) -> None:
        self._is_ending = True
        self._is_idle.clear()
        self._after_change()
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_idle.wait()
        except TimeoutError:
            self._front.end()
        for timer in (self._timer, self._watching):
            if timer is not None:
                timer.cancel()
        await self._crew.close()
