"""
The engine `local`: threads of this process, each computing one image at a time with one compute thread.

Each thread belongs to a device and takes the next image when it is free, so a faster card gets more of them.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import msgspec

from andon.engine.answer import Answer, answer_ticket, notify_cancelled
from andon.engine.base import EngineStatistics, Job, LoadedModel
from andon.engine.models import Models
from andon.engine.placement import CARD_THREADS, Choice, choose_devices, place
from andon.engine.policy import Queue, Ticket, closed, too_late
from andon.errors import EngineError
from andon.machine import Machine, read_machine
from andon.model.failed import failed_prediction
from andon.predictions import Prediction
from andon.settings.devices import CARDS, CPU
from andon.settings.serve import ServeSettings


class LocalEngine:
    """
    Runs models in threads of this process; decoding one image overlaps the inference of another.

    Args:
        settings: `threads` images run at once; None for one a core on the CPU, a few on each card.
            The devices, the queue and what a model loads with are set there too.
        machine: What there is to compute with; None for this machine.
        choice: The devices of one process of several; None for those of the settings.

    Raises:
        EnvironmentFault: `environment.device`: a card of the settings is not there.
    """

    def __init__(
        self, settings: ServeSettings, *, machine: Machine | None = None, choice: Choice | None = None
    ) -> None:
        self._settings = settings
        self._machine = machine or read_machine()
        choice = choice or choose_devices(settings.devices, self._machine)
        self._models = Models(settings, choice, callers=self._threads_on)
        self._queue = Queue(max_jobs=settings.max_queue_jobs, max_bytes=settings.max_queue_bytes)
        self._counts = dict.fromkeys(("answered", "expired", "cancelled", "refused"), 0)
        self._is_closed = False
        # A future that is cancelled calls back in the thread that cancels it, which may hold the lock.
        self._lock = threading.RLock()
        self._work_changed = threading.Condition(self._lock)
        self._deadlines_changed = threading.Condition(self._lock)
        self._ended = threading.Condition(self._lock)
        self._wakes_at = -math.inf
        self._threads: list[threading.Thread] = []
        self._start(self._keep_deadlines, "andon-deadlines")
        self._has_workers = False
        # Whether cards do that nobody asked for by name is known with the first model.
        if self._models.devices is not None:
            self._start_workers(self._models.devices)

    def _start_workers(self, devices: Sequence[str]) -> None:
        """Start the threads that compute."""
        self._has_workers = True
        places = place(
            devices,
            workers=len(devices),
            threads=self._settings.threads or self._machine.cores,
            card_threads=self._threads_on(CARDS),
        )
        self._queue.at_once = sum(found.threads for found in places)
        bound = [found.device for found in places for _ in range(found.threads)]
        for number, device in enumerate(bound):
            self._start(partial(self._work, device), f"andon-worker-{number}")

    def _threads_on(self, device: str) -> int:
        """Give the images that are computed at once on a device."""
        return self._settings.threads or (self._machine.cores if device == CPU else CARD_THREADS)

    def _start(self, target: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def attach(self) -> None:
        """Stay in its own threads."""

    def load(self, path: str | None) -> LoadedModel:
        """Load and prove a bundle in the calling thread, on each device; None loads the model `null`."""
        loaded = self._models.load(path)
        with self._lock:
            if not self._has_workers and self._models.devices is not None:
                self._start_workers(self._models.devices)
        return loaded

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Accept all of the jobs, or none."""
        unknown = {job.model for job in jobs if job.model not in self._models}
        if unknown:
            raise ValueError(f"not loaded: {', '.join(sorted(unknown))}")
        now = time.monotonic()
        return self._accept([Ticket(job=job, future=Answer(), queued_at=now) for job in jobs], now)

    def hold(self, seconds: float) -> Future[None]:
        """Let nothing else run for some time, once what runs has ended."""
        now = time.monotonic()
        return self._accept([Ticket(job=None, future=Answer(), queued_at=now, hold_s=seconds)], now)[0]

    def _accept(self, tickets: list[Ticket], now: float) -> list[Future[Any]]:
        with self._lock:
            try:
                if self._is_closed:
                    raise closed()
                self._queue.admit(tickets, now)
            except EngineError:
                self._counts["refused"] += len(tickets)
                raise
            self._work_changed.notify(len(tickets))
            if self._queue.next_deadline() < self._wakes_at:
                self._deadlines_changed.notify()
        for ticket in tickets:
            ticket.future.add_done_callback(partial(self._forget_if_cancelled, ticket))
        return [ticket.future for ticket in tickets]

    def _forget_if_cancelled(self, ticket: Ticket, future: Future[Any]) -> None:
        """Free the place of a ticket whose caller has gone."""
        if future.cancelled():
            with self._lock:
                was_due = self._queue.give_up(ticket)
                self._counts["cancelled"] += was_due
                # It may have been one that let nothing past it, or the last that was waited for.
                self._wake_all()
            if was_due:
                notify_cancelled(future)

    def statistics(self) -> EngineStatistics:
        """Count what is held and what was done."""
        with self._lock:
            return EngineStatistics(
                queued=self._queue.queued,
                running=self._queue.running,
                workers=self._queue.at_once,
                held_bytes=self._queue.held_bytes,
                **self._counts,
            )

    def close(self, timeout_s: float) -> None:
        """Finish what was accepted, within the time, then end the threads."""
        ends_at = time.monotonic() + timeout_s
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._wake_all()
            self._ended.wait_for(self._is_empty, timeout_s)
            left = [ticket for ticket in self._queue.due() if self._queue.give_up(ticket)]
            self._wake_all()
        for ticket in left:
            answer_ticket(ticket, failed_prediction(closed()) if ticket.job else None)
        for thread in self._threads:
            # One that computes cannot be interrupted: it is a daemon, and nobody waits for its answer.
            thread.join(max(0.0, ends_at - time.monotonic()))

    def _is_empty(self) -> bool:
        return not (self._queue.queued or self._queue.running)

    def _wake_all(self) -> None:
        for condition in (self._work_changed, self._deadlines_changed, self._ended):
            condition.notify_all()

    def _work(self, device: str) -> None:
        """Run one ticket after the other on a device until the engine is closed and empty."""
        while (ticket := self._next()) is not None:
            self._run(ticket, device)
            # While it waits for the next, it must not keep the image of the last in memory.
            del ticket

    def _next(self) -> Ticket | None:
        """Wait for a ticket to run; None once there will be none."""
        with self._lock:
            while True:
                ticket = self._queue.take()
                if ticket is None:
                    if self._is_closed and not self._queue.queued:
                        return None
                    self._work_changed.wait()
                elif ticket.future.set_running_or_notify_cancel():
                    return ticket
                else:
                    # Its caller gave it up just now, and is about to say so.
                    self._counts["cancelled"] += self._queue.finish(ticket)
                    self._wake_all()

    def _run(self, ticket: Ticket, device: str) -> None:
        """Compute the answer of a ticket, and give it unless that was done meanwhile."""
        result, began = None, time.monotonic()
        if ticket.job is None:
            time.sleep(ticket.hold_s)
        else:
            result = self._predict(ticket.job, ticket.queued_at, device, partial(self._is_wanted, ticket))
        with self._lock:
            is_due = self._queue.finish(ticket)
            self._queue.forecast.note(time.monotonic() - began)
            self._counts["answered"] += is_due and ticket.job is not None
            if ticket.job is None or self._is_closed:
                self._wake_all()
        if is_due:
            answer_ticket(ticket, result)

    def _is_wanted(self, ticket: Ticket) -> bool:
        """Ask whether somebody still waits for the answer of a ticket that runs."""
        with self._lock:
            return self._queue.is_due(ticket) and not ticket.future.is_given_up

    def _predict(self, job: Job, queued_at: float, device: str, is_wanted: Callable[[], bool]) -> Prediction:
        queue_ms = (time.monotonic() - queued_at) * 1e3
        prediction = self._models.predict(job, device, is_wanted)
        return msgspec.structs.replace(prediction, timings_ms={"queue": queue_ms, **prediction.timings_ms})

    def _keep_deadlines(self) -> None:
        """Answer each ticket that is late, whether it waits or runs."""
        while (late := self._wait_for_late()) is not None:
            for ticket in late:
                queue_ms = (time.monotonic() - ticket.queued_at) * 1e3
                answer_ticket(ticket, failed_prediction(too_late(), {"queue": queue_ms}))

    def _wait_for_late(self) -> list[Ticket] | None:
        """Give up tickets that are late, waiting for the first to be; None once there will be none."""
        with self._lock:
            while True:
                late = self._queue.expired(time.monotonic())
                if late:
                    self._counts["expired"] += len(late)
                    self._wake_all()
                    return late
                if self._is_closed and self._is_empty():
                    return None
                self._wakes_at = self._queue.next_deadline()
                wait_s = min(max(self._wakes_at - time.monotonic(), 0.0), threading.TIMEOUT_MAX)
                self._deadlines_changed.wait(wait_s)
