"""Load on a service: connections, a timer and a clock, driven by the arrivals. What counts is decided elsewhere."""

import asyncio
import contextlib
import logging
import signal
import ssl
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httptools
import uvloop

from andon.bench.arrivals import Arrivals, arrivals_of
from andon.bench.connection import Answer, Connection
from andon.bench.ledger import Ledger
from andon.bench.outcome import PROTOCOL, TIMEOUT, WRONG_ID, connection_error, read_answer, stage_times
from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from andon.bench.requests import Requests
from andon.bench.summary import Run
from andon.bench.timer import KernelTimer
from andon.client.address import Address

logger = logging.getLogger("andon")

_SWEEP_S = 0.05
"""How often it is looked for answers that are late, and progress is told."""
_IDLE_S = 4.0
"""How long a connection is kept that is not used: less than the 5 s after which uvicorn closes it."""
_REST_S = 0.1
"""How long no request is sent in the place of one that found no connection; else they would fail by the thousand."""

_SECOND_S = 0.5
"""A second Ctrl-C within this time is the same one: some programs send it to a process and to its group."""

Progress = Callable[[float, float], None]
"""Told the seconds that have passed, of how many."""


class _Slot:
    """A place for one request in flight, with its connection, which may have to be made."""

    __slots__ = ("connection", "due", "number", "opening", "sent", "used")

    def __init__(self) -> None:
        self.connection: Connection | None = None
        self.opening: asyncio.Task[None] | None = None
        self.number = -1
        self.due = 0.0
        self.sent = 0.0
        self.used = 0.0


def put_load(
    address: Address,
    requests: Requests,
    plan: LoadPlan,
    expected: list[str],
    *,
    progress: Progress,
    context: ssl.SSLContext | None = None,
) -> Run:
    """
    Put load on a service, and wait until every request is settled.

    Ctrl-C ends it early, and what was measured so far is returned.

    Args:
        address: Where the service is.
        requests: What is sent.
        plan: How much, and for how long.
        expected: The label of each image.
        progress: Told some twenty times a second.
        context: For https.
    """

    async def measure() -> Run:
        load = _Load(address, requests, plan, expected, progress=progress, context=context)
        return await load.run()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measure())


class _Load:
    def __init__(
        self,
        address: Address,
        requests: Requests,
        plan: LoadPlan,
        expected: list[str],
        *,
        progress: Progress,
        context: ssl.SSLContext | None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        parts = urlsplit(address.root)
        self._host, self._port = parts.hostname or "", parts.port or (443 if address.is_encrypted else 80)
        self._context = context
        self._requests, self._plan, self._expected, self._progress = requests, plan, expected, progress
        self._arrivals: Arrivals = arrivals_of(plan)
        self._records, self._ledger = Records(), Ledger()
        self._slots = [_Slot() for _ in range(plan.connections)]
        self._free = list(reversed(self._slots))
        self._held_back = 0
        self._ended_s: float | None = None
        self._interrupted, self._interrupted_s = False, 0.0
        self._all_settled = asyncio.Event()
        self._started = 0.0
        self._cpu_started = self._cpu_s = 0.0

    def _now(self) -> float:
        return time.perf_counter() - self._started

    async def run(self) -> Run:
        self._loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            with contextlib.ExitStack() as stack:
                self._timer = stack.enter_context(KernelTimer()) if self._plan.is_open else None
                if self._timer is not None:
                    self._loop.add_reader(self._timer.descriptor, self._timer_fired)
                    stack.callback(self._loop.remove_reader, self._timer.descriptor)
                self._started, self._cpu_started = time.perf_counter(), time.process_time()
                self._sweep()
                self._fill()
                await self._all_settled.wait()
        finally:
            self._loop.remove_signal_handler(signal.SIGINT)
            self._close()
        return self._result()

    def _result(self) -> Run:
        ended_s = self._ended_s if self._ended_s is not None else self._now()
        return Run(
            table=self._records.table(),
            count=self._ledger.count(),
            unsent=0 if self._interrupted else self._arrivals.left_over(),
            held_back=self._held_back,
            ended_s=ended_s,
            cpu_s=self._cpu_s,
            interrupted=self._interrupted,
        )

    def _interrupt(self) -> None:
        """End early; a second Ctrl-C does not wait for what is in flight."""
        if self._interrupted and self._now() > self._interrupted_s + _SECOND_S:
            self._all_settled.set()
        if not self._interrupted:
            self._interrupted, self._interrupted_s = True, self._now()
        self._end()

    def _end(self) -> None:
        """Send nothing any more."""
        if self._ended_s is None:
            self._ended_s = self._now()
            self._cpu_s = time.process_time() - self._cpu_started
        if len(self._free) == len(self._slots):
            self._all_settled.set()

    # Sending.

    def _timer_fired(self) -> None:
        assert self._timer is not None  # noqa: S101 -- only it calls this
        self._timer.clear()
        self._fill()

    def _fill(self) -> None:
        """Send what is due, as far as there are free places, and set the timer for what is due next."""
        while self._free and self._ended_s is None:
            due = self._arrivals.take(self._now())
            if due is None:
                break
            self._send(self._free.pop(), due)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is None or not self._free or self._ended_s is not None:
            return
        now = self._now()
        due = self._arrivals.next_due(now)
        if due is not None:
            self._timer.wake_in(due - now)

    def _send(self, slot: _Slot, due: float) -> None:
        slot.number, slot.due = self._ledger.send(), due
        slot.sent = self._now()
        connection = slot.connection
        if connection is not None and connection.is_usable:
            connection.ask(*self._requests.bytes_of(slot.number))
            return
        # Its end, which is still to be told, is no news of the request that goes out on another one.
        self._let_go(slot)
        slot.opening = self._loop.create_task(self._open_and_ask(slot))

    async def _open_and_ask(self, slot: _Slot) -> None:
        """Make a connection, and send on it what waits for it; the time that takes belongs to the request."""
        number = slot.number

        def told(answer: Answer | None, error: BaseException | None) -> None:
            # A connection that was replaced has nothing to say of its successor's requests.
            if slot.connection is connection:
                self._told(slot, answer, error)
            elif answer is not None:
                self._ledger.answer_to_nobody()

        connection = Connection(told)
        try:
            await self._loop.create_connection(lambda: connection, self._host, self._port, ssl=self._context)
        except OSError as error:
            if slot.number == number:
                self._fail(slot, connection_error(error), rest=True)
            return
        if slot.number != number:
            connection.close()
            return
        slot.connection = connection
        connection.ask(*self._requests.bytes_of(number))

    # Receiving.

    def _told(self, slot: _Slot, answer: Answer | None, error: BaseException | None) -> None:
        if answer is None:
            slot.connection = None
            if slot.number >= 0:
                is_parsing = isinstance(error, httptools.HttpParserError | OverflowError)
                self._fail(slot, PROTOCOL if is_parsing else connection_error(error))
        elif slot.number < 0:
            self._ledger.answer_to_nobody()
        else:
            self._settle(slot, answer)

    def _settle(self, slot: _Slot, answer: Answer) -> None:
        """Take down an answer, and send the next request in its place where one is due."""
        done = self._now()
        number, due, sent = slot.number, slot.due, slot.sent
        requests = self._requests
        if answer.request_id and answer.request_id != requests.id_of(number):
            self._settle_other(slot, answer)
            return
        self._ledger.answer(number)
        # The next one goes out before this one is looked at, so that the service does not wait for us.
        self._next(slot, done)
        kind, label = read_answer(answer.status, answer.body, self._expected[requests.place_of(number)])
        self._records.add(
            (due, sent, done),
            kind,
            label,
            sizes=(requests.size_of(number), len(answer.body)),
            stages_ms=stage_times(answer.timing),
        )

    def _settle_other(self, slot: _Slot, answer: Answer) -> None:
        """Take down an answer under the id of another request; what comes on this connection can no longer be told."""
        if not self._ledger.answer(self._requests.number_of(answer.request_id)):
            logger.warning("a second answer came to request %s", answer.request_id.decode(errors="replace"))
        self._let_go(slot)
        self._fail(slot, WRONG_ID)

    def _fail(self, slot: _Slot, kind: str, *, rest: bool = False) -> None:
        now = self._now()
        self._ledger.fail(slot.number)
        self._records.add((slot.due, slot.sent, now), kind)
        slot.number = -1
        if rest:
            self._loop.call_later(_REST_S, self._next, slot, now + _REST_S)
        else:
            self._next(slot, now)

    def _next(self, slot: _Slot, now: float) -> None:
        """Use a place that has become free: for what is due, else it waits."""
        slot.number, slot.used = -1, now
        due = self._arrivals.take(now) if self._ended_s is None else None
        if due is not None:
            # Where no other place was free, it was the bound that made this one late.
            self._held_back += self._plan.is_open and not self._free
            self._send(slot, due)
            return
        self._free.append(slot)
        if self._ended_s is not None:
            self._end()
        elif len(self._free) == 1:
            self._set_timer()

    # The clock.

    def _sweep(self) -> None:
        """Look for what is late, let go of what idles, and end in time."""
        now = self._now()
        if self._ended_s is None and now >= self._plan.end_s:
            self._fill()  # what was due at the last moment
            self._end()
        if self._all_settled.is_set():
            return
        for slot in self._slots:
            if slot.number >= 0 and now - slot.sent > self._plan.timeout_s:
                self._give_up(slot)
            elif slot.number < 0 and slot.connection is not None and now - slot.used > _IDLE_S:
                self._let_go(slot)
        self._progress(min(now, self._plan.end_s), self._plan.end_s)
        self._loop.call_later(_SWEEP_S, self._sweep)

    def _give_up(self, slot: _Slot) -> None:
        if slot.opening is not None and not slot.opening.done():
            slot.opening.cancel()
        self._let_go(slot)
        self._fail(slot, TIMEOUT)

    def _let_go(self, slot: _Slot) -> None:
        connection, slot.connection = slot.connection, None
        if connection is not None:
            connection.close()

    def _close(self) -> None:
        for slot in self._slots:
            if slot.opening is not None and not slot.opening.done():
                slot.opening.cancel()
            self._let_go(slot)
