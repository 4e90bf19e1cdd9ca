"""
The contract of an engine, as checks that run on any of them.

Each check is one sentence of `andon.engine.base`. It knows nothing of pytest: a check that fails
raises AssertionError, and says what was expected.
"""

import math
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import Any, Protocol

from msgspec import Struct

from andon.engine.base import Engine, EngineStatistics, Job, LoadedModel, Priority
from andon.errors import AndonError, EngineError
from andon.predictions import Prediction
from andon.settings.serve import ServeSettings


class Gate(Protocol):
    """Stands before the model of a specimen: while it is shut, images that are run wait there."""

    def shut(self) -> None:
        """Let nothing pass from now on."""
        ...

    def open(self) -> None:
        """Let all pass that wait, and all that come."""
        ...

    def wait_for(self, count: int) -> None:
        """Wait until so many images wait at it, and raise AssertionError where that does not happen in time."""
        ...


class EngineSpecimen(Struct, frozen=True, kw_only=True):
    """What an engine is checked with."""

    make: Callable[[ServeSettings], Engine]
    """Makes the engine, which runs `threads` images at once; it may change other settings as it needs."""
    path: str
    """A bundle that it can load, whose model runs behind the gate."""
    image: bytes
    """An encoded image that the model answers."""
    label: str
    """What it answers."""
    gate: Gate
    timeout_s: float = 60.0
    """Seconds after which a wait is given up; a sound engine needs a small part of it."""


def check_engine(specimen: EngineSpecimen) -> None:
    """
    Check that an engine keeps its contract.

    Args:
        specimen: The engine, and what to give it.

    Raises:
        AssertionError: It does not; the message is the sentence that is broken.
    """
    for check in ENGINE_CHECKS:
        check(specimen)


def check_loading(specimen: EngineSpecimen) -> None:
    """A bundle is loaded with its proof; one that does not load changes nothing, and so does one that is loaded."""
    with _started(specimen) as (engine, model):
        _require(model.proof is not None and model.proof.holds, "what is loaded has held its proof")
        _require(model.version == model.digest[:12], "the version is the beginning of the digest")
        try:
            engine.load(f"{specimen.path}.absent")
        except AndonError as error:
            _require(error.code == "bundle.missing", f"a missing file is bundle.missing, not {error.code}")
        else:
            raise AssertionError("broken: a file that is not there does not load")
        _require(engine.load(specimen.path).digest == model.digest, "a bundle may be loaded again")
        _require_label(specimen, engine.submit([_job(specimen, model)])[0])


def check_answers(specimen: EngineSpecimen) -> None:
    """Each job has a future, in the order of the jobs; a bad image errs alone, and nothing raises."""
    with _started(specimen) as (engine, model):
        bad = Job(model=model.digest, image=b"no image")
        futures = engine.submit([_job(specimen, model), bad, _job(specimen, model), bad])
        _require(len(futures) == 4, "four jobs have four futures")
        for number, future in enumerate(futures):
            if number % 2:
                _require_error(specimen, future, "image.format")
            else:
                _require_label(specimen, future)
        canary = engine.submit([Job(model=model.digest, image=model.canary.image)])[0]
        _require(model.canary.holds(_answer(specimen, canary)), "the canary of a sound model holds")
        _require(engine.submit([]) == [], "no jobs have no futures")
        _require_counts(specimen, engine, answered=5)


def check_unknown_model(specimen: EngineSpecimen) -> None:
    """A job for a model that is not loaded is a mistake of the caller, and none of its jobs is accepted."""
    with _started(specimen) as (engine, model):
        try:
            engine.submit([_job(specimen, model), Job(model="0" * 64, image=specimen.image)])
        except ValueError:
            _require_counts(specimen, engine, answered=0)
        else:
            raise AssertionError("broken: a job names a model that is not loaded: ValueError")


def check_bounds(specimen: EngineSpecimen) -> None:
    """Over `max_queue_jobs` or `max_queue_bytes` all jobs are refused, or all are accepted; canaries always are."""
    size = len(specimen.image)
    for settings in (ServeSettings(threads=1, max_queue_jobs=3), ServeSettings(threads=1, max_queue_bytes=3 * size)):
        with _started(specimen, settings) as (engine, model):
            job = _job(specimen, model)
            futures = _occupy(specimen, engine, model)
            _require_refused(engine, [job] * 3, "engine.full")
            futures += engine.submit([job] * 2)
            _require_refused(engine, [job], "engine.full")
            futures += _submit_canary(engine, _job(specimen, model, is_canary=True))
            found = engine.statistics()
            held = (found.queued, found.running, found.held_bytes, found.refused)
            _require(held == (3, 1, 4 * size, 4), f"(queued, running, held bytes, refused) is right, not {held}")
            specimen.gate.open()
            for future in futures:
                _require_label(specimen, future)
            _require_counts(specimen, engine, answered=4)
    with _started(specimen, ServeSettings(threads=1, max_queue_bytes=1)) as (engine, model):
        _require_label(specimen, engine.submit([_job(specimen, model)])[0])


def check_priorities(specimen: EngineSpecimen) -> None:
    """The line goes before people who wait, and they before work in bulk; within a lane, first come, first served."""
    with _started(specimen) as (engine, model):
        first = _occupy(specimen, engine, model)
        order: list[tuple[Priority, int]] = []
        futures = []
        for turn, priority in product(range(2), reversed(Priority)):
            future = engine.submit([_job(specimen, model, priority=priority)])[0]
            future.add_done_callback(partial(_note, order, (priority, turn)))
            futures.append(future)
        specimen.gate.open()
        for future in (*first, *futures):
            _require_label(specimen, future)
        engine.close(specimen.timeout_s)
        _require(order == sorted(order), f"jobs are answered in the order of their lanes, not {order}")


def check_cancelling(specimen: EngineSpecimen) -> None:
    """Cancelling a job that waits frees its place; one that runs is not stopped."""
    with _started(specimen, ServeSettings(threads=1, max_queue_jobs=2)) as (engine, model):
        running = _occupy(specimen, engine, model)[0]
        waiting = engine.submit([_job(specimen, model)])[0]
        _require_refused(engine, [_job(specimen, model)], "engine.full")
        _require(waiting.cancel(), "a job that waits can be cancelled")
        _require(not running.cancel(), "a job that runs cannot be cancelled")
        other = engine.submit([_job(specimen, model)])[0]
        specimen.gate.open()
        _require_label(specimen, running)
        _require_label(specimen, other)
        _require_counts(specimen, engine, answered=2, cancelled=1)


def check_deadlines(specimen: EngineSpecimen) -> None:
    """A job is answered `engine.deadline` when it is late, whether it waits or runs; afterwards all is as before."""
    with _started(specimen) as (engine, model):
        specimen.gate.shut()
        soon = time.monotonic() + 0.05
        jobs = [_job(specimen, model, deadline=deadline) for deadline in (soon + 0.05, soon, math.inf, soon + 3600)]
        late, earlier, *patient = engine.submit(jobs)
        for future in (earlier, late):
            _require_error(specimen, future, "engine.deadline")
        _require(time.monotonic() >= soon + 0.05, "no job is given up before its deadline")
        _require_refused(engine, [_job(specimen, model), _job(specimen, model, deadline=soon)], "engine.deadline")
        specimen.gate.open()
        for future in patient:
            _require_label(specimen, future)
        _require_counts(specimen, engine, answered=2, expired=2)


def check_holding(specimen: EngineSpecimen) -> None:
    """Holding takes the only worker for the time, and those who come later wait; one that is cancelled holds nobody."""
    with _started(specimen) as (engine, model):
        specimen.gate.shut()
        begins = time.monotonic()
        held = engine.hold(_HELD_S)
        future = engine.submit([_job(specimen, model)])[0]
        specimen.gate.wait_for(1)
        _require(time.monotonic() >= begins + _HELD_S, "nothing runs on a worker that is held")
        specimen.gate.open()
        _require_label(specimen, future)
        _require(_answer(specimen, held) is None, "the answer to holding is None")
        running = _occupy(specimen, engine, model)
        given_up = engine.hold(3600.0)
        behind = engine.submit([_job(specimen, model)])[0]
        _require(given_up.cancel(), "holding that has not begun can be cancelled")
        specimen.gate.open()
        for future in (*running, behind):
            _require_label(specimen, future)


def check_closing(specimen: EngineSpecimen) -> None:
    """Closing accepts nothing more, finishes what was accepted, and ends; a second call returns at once."""
    with _started(specimen) as (engine, model):
        futures = _occupy(specimen, engine, model)
        futures += engine.submit([_job(specimen, model)])
        closing = threading.Thread(target=engine.close, args=[specimen.timeout_s], daemon=True)
        closing.start()
        futures += _submit_until_refused(specimen, engine, model)
        engine.close(specimen.timeout_s)
        specimen.gate.open()
        for future in futures:
            _require_label(specimen, future)
        closing.join(specimen.timeout_s)
        _require(not closing.is_alive(), "closing ends once all is answered")
        for refused in (lambda: engine.submit([_job(specimen, model)]), lambda: engine.hold(0.0)):
            _require_engine_error(refused, "engine.closed")


def check_closing_in_time(specimen: EngineSpecimen) -> None:
    """What is left when the time for closing is over is answered `engine.closed`, whether it waits or runs."""
    with _started(specimen) as (engine, model):
        futures = _occupy(specimen, engine, model)
        futures += engine.submit([_job(specimen, model, deadline=time.monotonic() + 3600)])
        engine.close(0.0)
        for future in futures:
            _require_error(specimen, future, "engine.closed")


def check_threads_end(specimen: EngineSpecimen) -> None:
    """Closing an engine that has nothing to do ends its threads."""
    before = set(threading.enumerate())
    with _started(specimen, ServeSettings(threads=4)) as (engine, model):
        _require_label(specimen, engine.submit([_job(specimen, model, deadline=time.monotonic() + 3600)])[0])
        engine.close(specimen.timeout_s)
        left = [thread.name for thread in threading.enumerate() if thread not in before]
        _require(not left, f"no thread of the engine is left, not {left}")


_HELD_S = 0.3
"""Seconds for which a worker is held: long beside what computing an image takes."""
_CALLERS = 4
_CALLS = 150


def check_one_answer_each(specimen: EngineSpecimen) -> None:
    """Whatever callers do at the same time, each accepted job is answered once, and nothing is held in the end."""
    with _started(specimen, ServeSettings(threads=2, max_queue_jobs=16)) as (engine, model):
        answers: list[Future[Any]] = []
        accepted: list[Future[Any]] = []
        refused: list[str] = []

        def call(seed: int) -> None:
            rng = random.Random(seed)  # noqa: S311 -- no secret
            for _ in range(_CALLS):
                try:
                    futures = _call_at_random(rng, specimen, engine, model)
                except EngineError as error:
                    refused.append(error.code)
                    continue
                for future in futures:
                    accepted.append(future)
                    future.add_done_callback(answers.append)
                    if rng.random() < 0.3:
                        future.cancel()

        callers = [threading.Thread(target=call, args=[seed], daemon=True) for seed in range(_CALLERS)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(specimen.timeout_s)
        _require(not wait(accepted, specimen.timeout_s).not_done, "each accepted job is answered or cancelled")
        engine.close(specimen.timeout_s)
        _require(len(answers) == len(accepted), f"{len(accepted)} jobs have one answer each, not {len(answers)}")
        unexpected = {error for future in accepted if (error := _code(future)) not in (None, "engine.deadline")}
        _require(not unexpected, f"a job errs for its deadline only, not for {unexpected}")
        _require(set(refused) <= {"engine.full", "engine.deadline"}, f"a refusal has its reason, not {set(refused)}")
        found = engine.statistics()
        counted = found.answered + found.expired + found.cancelled
        _require(counted == len(accepted), f"{len(accepted)} jobs are counted once each, not {counted}")
        _require_nothing_held(found)


def _call_at_random(
    rng: random.Random, specimen: EngineSpecimen, engine: Engine, model: LoadedModel
) -> Sequence[Future[Any]]:
    deadline = rng.choice((math.inf, time.monotonic() + rng.uniform(0.0, 0.01)))
    job = _job(specimen, model, priority=rng.choice(list(Priority)), deadline=deadline)
    return engine.submit([job] * rng.randint(1, 4))


ENGINE_CHECKS: tuple[Callable[[EngineSpecimen], None], ...] = (
    check_loading,
    check_answers,
    check_unknown_model,
    check_bounds,
    check_priorities,
    check_cancelling,
    check_deadlines,
    check_holding,
    check_closing,
    check_closing_in_time,
    check_threads_end,
    check_one_answer_each,
)
"""Every check, to run them one by one; the docstring of each is its claim."""


@contextmanager
def _started(specimen: EngineSpecimen, settings: ServeSettings | None = None) -> Iterator[tuple[Engine, LoadedModel]]:
    """Make an engine, of one worker if nothing else is said, with the model loaded; end it in every case."""
    engine = specimen.make(settings or ServeSettings(threads=1))
    try:
        yield engine, engine.load(specimen.path)
    finally:
        specimen.gate.open()
        engine.close(specimen.timeout_s)


def _job(
    specimen: EngineSpecimen,
    model: LoadedModel,
    *,
    priority: Priority = Priority.interactive,
    deadline: float = math.inf,
    is_canary: bool = False,
) -> Job:
    return Job(model=model.digest, image=specimen.image, priority=priority, deadline=deadline, is_canary=is_canary)


def _occupy(specimen: EngineSpecimen, engine: Engine, model: LoadedModel) -> list[Future[Prediction]]:
    """Shut the gate, and submit a job that waits at it."""
    specimen.gate.shut()
    futures = engine.submit([_job(specimen, model)])
    specimen.gate.wait_for(1)
    return futures


def _submit_canary(engine: Engine, job: Job) -> list[Future[Prediction]]:
    try:
        return engine.submit([job])
    except EngineError as error:
        raise AssertionError(f"broken: a canary is accepted however much is held, not {error.code}") from error


def _submit_until_refused(specimen: EngineSpecimen, engine: Engine, model: LoadedModel) -> list[Future[Prediction]]:
    """Submit until the engine notices that it is being closed."""
    accepted: list[Future[Prediction]] = []
    ends_at = time.monotonic() + specimen.timeout_s
    while time.monotonic() < ends_at:
        try:
            accepted += engine.submit([_job(specimen, model)])
        except EngineError as error:
            if error.code == "engine.closed":
                return accepted
    raise AssertionError("broken: an engine that is being closed refuses jobs with engine.closed")


def _answer(specimen: EngineSpecimen, future: Future[Any]) -> Any:
    try:
        return future.result(specimen.timeout_s)
    except TimeoutError:
        raise AssertionError(f"broken: an accepted job is answered, not only after {specimen.timeout_s:g} s") from None
    except Exception as error:
        raise AssertionError(f"broken: a future never raises, not {type(error).__name__}: {error}") from error


def _require_label(specimen: EngineSpecimen, future: Future[Prediction]) -> None:
    prediction = _answer(specimen, future)
    found = prediction.label if prediction.error is None else prediction.error.code
    _require(found == specimen.label, f"the image is answered {specimen.label}, not {found}")
    _require("queue" in prediction.timings_ms, "the timings say how long a job waited")


def _require_error(specimen: EngineSpecimen, future: Future[Prediction], code: str) -> None:
    prediction = _answer(specimen, future)
    found = prediction.error.code if prediction.error else prediction.label
    _require(found == code, f"the job is answered {code}, not {found}")


def _note(done: list[Any], what: object, _future: Future[Any]) -> None:
    done.append(what)


def _code(future: Future[Prediction]) -> str | None:
    error = None if future.cancelled() else future.result().error
    return error.code if error else None


def _require_refused(engine: Engine, jobs: Sequence[Job], code: str) -> None:
    before = engine.statistics()
    _require_engine_error(lambda: engine.submit(jobs), code)
    after = engine.statistics()
    _require(
        (before.queued, before.running, before.held_bytes) == (after.queued, after.running, after.held_bytes),
        "of jobs that are refused none is kept",
    )
    _require(after.refused == before.refused + len(jobs), "jobs that are refused are counted")


def _require_engine_error(call: Callable[[], object], code: str) -> None:
    try:
        call()
    except EngineError as error:
        _require(error.code == code, f"the engine refuses with {code}, not {error.code}")
    else:
        raise AssertionError(f"broken: the engine refuses with {code}")


def _require_counts(
    specimen: EngineSpecimen, engine: Engine, *, answered: int, expired: int = 0, cancelled: int = 0
) -> None:
    """Check what was done, once the engine has ended it all."""
    engine.close(specimen.timeout_s)
    found = engine.statistics()
    counts = (found.answered, found.expired, found.cancelled)
    wanted = (answered, expired, cancelled)
    _require(counts == wanted, f"(answered, expired, cancelled) is {wanted}, not {counts}")
    _require_nothing_held(found)


def _require_nothing_held(found: EngineStatistics) -> None:
    held = (found.queued, found.running, found.held_bytes)
    _require(held == (0, 0, 0), f"in the end nothing is held, not (queued, running, bytes) {held}")


def _require(condition: bool, sentence: str) -> None:  # noqa: FBT001 -- reads as `assert`, which optimising removes
    if not condition:
        raise AssertionError(f"broken: {sentence}")
