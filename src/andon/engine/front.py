"""
What becomes of each job: it waits, it is given to workers, and it is answered once, whatever happens to them.

It is told of events with `now`, and has hands that it gives jobs to. It knows no clock, no process and no thread.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Protocol

from msgspec.structs import replace

from andon.engine.answer import answer_ticket, notify_cancelled
from andon.engine.base import EngineStatistics
from andon.engine.fleet import Fleet
from andon.engine.messages import Answered
from andon.engine.policy import Queue, Ticket, closed, too_late
from andon.engine.quarantine import Quarantine
from andon.errors import EngineError, ImageError
from andon.model.failed import failed_prediction
from andon.predictions import Prediction


class Hand(Protocol):
    """A worker, as jobs are given to it."""

    number: int
    """Its own among all workers that there ever were."""

    def give(self, ticket: Ticket) -> bool:
        """Hand a job over; false where there is no room for its image as long as it has others."""
        ...

    def forget(self, number: int) -> None:
        """Say that nobody waits for a job any more; it is answered all the same."""
        ...

    def free(self, number: int) -> None:
        """Note that a job was answered, and its image is of no use any more."""
        ...


class Front:
    """
    Brings jobs and workers together.

    Args:
        queue: Bounds what is accepted.
        fleet: Of the same queue: chooses the workers.
    """

    def __init__(self, queue: Queue, fleet: Fleet) -> None:
        self._queue = queue
        self._fleet = fleet
        self._hands: dict[int, Hand] = {}
        self._quarantine = Quarantine()
        self._counts: Counter[str] = Counter()

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits or runs."""
        return not self._queue.queued and not self._queue.running

    def statistics(self) -> EngineStatistics:
        """Count what is held and what was done."""
        running = self._fleet.count_running()
        names = ("answered", "expired", "cancelled", "refused", "retried", "quarantined", "replaced")
        return EngineStatistics(
            queued=self._queue.queued + self._queue.running - running,
            running=running,
            held_bytes=self._queue.held_bytes,
            workers=len(self._fleet),
            **{name: self._counts[name] for name in names},
        )

    # Of jobs.

    def admit(self, tickets: Sequence[Ticket], now: float) -> None:
        """
        Accept all tickets, or none.

        Raises:
            EngineError: As `Queue.admit`.
        """
        try:
            self._queue.admit(tickets, now)
        except EngineError:
            self._counts["refused"] += len(tickets)
            raise
        for ticket in tickets:
            if len(self._quarantine) and ticket.job is not None and self._quarantine.holds(ticket.job, now):
                self._queue.give_up(ticket)
                self._answer_guilty(ticket)
        self._hand_over(now)

    def refuse(self, tickets: Sequence[Ticket]) -> None:
        """Count what is not accepted any more."""
        self._counts["refused"] += len(tickets)

    def _hand_over(self, now: float) -> None:
        """Give workers what they have room for."""
        while (ticket := self._fleet.next(now)) is not None:
            if not ticket.future.start():
                # Its caller gave it up just now, and is about to say so.
                self._counts["cancelled"] += self._queue.finish(ticket)
            elif ticket.future.is_given_up and ticket.crashes:
                self._queue.finish(ticket)
                self._counts["cancelled"] += 1
                answer_ticket(ticket, failed_prediction(too_late()))
            elif not self._hand_of(ticket).give(ticket):
                if self._fleet.has_others(ticket):
                    self._queue.put_back(ticket)
                    return
                self._answer_huge(ticket)

    def _answer_huge(self, ticket: Ticket) -> None:
        """Answer an image that no worker will ever have room for; over HTTP none is so large."""
        if self._queue.finish(ticket):
            self._counts["answered"] += 1
            answer_ticket(ticket, failed_prediction(_huge(ticket.size_bytes)))

    def _hand_of(self, ticket: Ticket) -> Hand:
        if ticket.worker is None:
            raise ValueError("no worker has the ticket")
        return self._hands[ticket.worker]

    def give_up(self, number: int, now: float) -> None:
        """Free the place of a ticket whose caller has gone; one that runs keeps it, and may end early."""
        ticket = self._queue.find(number)
        if ticket is None:
            return
        if ticket.worker is not None:
            self._hand_of(ticket).forget(ticket.number)
        elif self._queue.give_up(ticket):
            self._counts["cancelled"] += 1
            if ticket.future.cancelled():
                notify_cancelled(ticket.future)
            else:
                # It was begun, and waits to be tried again.
                answer_ticket(ticket, failed_prediction(too_late()))
            # It may have been one that let nothing past it.
            self._hand_over(now)

    def next_deadline(self) -> float:
        """Give the time at which `expire` has to be called; infinity for never."""
        return self._queue.next_deadline()

    def expire(self, now: float) -> None:
        """Answer each ticket that is late, whether it waits or runs."""
        for ticket in self._queue.expired(now):
            self._counts["expired"] += 1
            if ticket.worker is not None:
                self._hand_of(ticket).forget(ticket.number)
            answer_ticket(ticket, failed_prediction(too_late(), {"queue": (now - ticket.queued_at) * 1e3}))
        self._hand_over(now)

    def end(self) -> None:
        """Answer all that is left with `engine.closed`."""
        for ticket in self._queue.due():
            self._queue.give_up(ticket)
            answer_ticket(ticket, failed_prediction(closed()) if ticket.job else None)

    # Of workers.

    def join(self, hand: Hand, now: float) -> None:
        """Give jobs to a worker from now on."""
        self._hands[hand.number] = hand
        self._fleet.join(hand.number, now)
        self._hand_over(now)

    def note_answers(self, worker: int, answered: Sequence[Answered], batch: int, now: float) -> None:
        """Take what a worker has run together, and the images that it would run at once next."""
        due: list[tuple[Ticket, Prediction | None]] = []
        for each in answered:
            ticket = self._queue.taken(worker, each.number)
            self._hands[worker].free(each.number)
            self._fleet.note_answer(worker, each.number, batch)
            if self._queue.finish(ticket):
                due.append((ticket, each.prediction))
        self._fleet.note_pace(worker, now, len(answered))
        # The worker gets its next job before anybody is told of the last.
        self._hand_over(now)
        for ticket, prediction in due:
            if ticket.job is None:
                answer_ticket(ticket, None)
                continue
            self._counts["answered"] += 1
            # There is none where the worker was told that nobody waits any more.
            found = prediction or failed_prediction(too_late())
            answer_ticket(ticket, _timed(found, (now - ticket.queued_at) * 1e3))

    def note_aside(self, worker: int, number: int, now: float) -> None:
        """Note that a worker goes on with others beside a job."""
        self._fleet.note_aside(worker, number)
        self._hand_over(now)

    def leave(self, worker: int, now: float, *, was_ended: bool = False) -> None:
        """
        Try again what a worker had that has ended; what has ended two is answered with an error.

        Args:
            worker: Who has ended.
            now: The time.
            was_ended: Whether somebody else may have ended it, as with SIGKILL: then its images are less suspect.
        """
        self._counts["replaced"] += 1
        del self._hands[worker]
        queued = self._queue.queued
        guilty = self._fleet.leave(worker, was_ended=was_ended)
        self._counts["retried"] += self._queue.queued - queued
        for ticket in guilty:
            if ticket.job is not None:
                self._quarantine.add(ticket.job, now)
            self._answer_guilty(ticket)
        self._hand_over(now)

    def _answer_guilty(self, ticket: Ticket) -> None:
        self._counts["quarantined"] += 1
        answer_ticket(ticket, failed_prediction(_guilty()) if ticket.job else None)


def _timed(prediction: Prediction, total_ms: float) -> Prediction:
    """Add the time that no stage accounts for: waiting, and the way to the worker and back."""
    waited_ms = max(0.0, total_ms - sum(prediction.timings_ms.values()))
    return replace(prediction, timings_ms={"queue": waited_ms, **prediction.timings_ms})


def _huge(size_bytes: int) -> ImageError:
    return ImageError(
        f"the image has {size_bytes} bytes, more than a worker process has room for",
        code="image.bytes",
        hint="raise max_image_bytes or max_image_pixels, or send it in parts",
    )


def _guilty() -> EngineError:
    return EngineError(
        "two workers ended while they computed this image, so it is not tried again",
        code="engine.quarantine",
        hint="`andon predict FILE IMAGE` shows whether it is the image; the log of the service says how they ended",
    )
