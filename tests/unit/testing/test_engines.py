"""The checks of an engine see what they claim to see: each fault is found by its own check."""

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import msgspec
import pytest

from andon.engine.base import Engine, EngineStatistics, Job, LoadedModel
from andon.engine.local import LocalEngine
from andon.errors import EngineError
from andon.predictions import Prediction
from andon.settings.serve import ServeSettings
from andon.testing import ENGINE_CHECKS, EngineSpecimen, check_engine
from tests.support.engines import RED
from tests.support.gates import GATED, ThreadGate, gated_engine, gated_runtime


@pytest.fixture
def gate() -> Iterator[ThreadGate]:
    """The gate before the models."""
    with gated_runtime() as made:
        yield made


class Faulty(LocalEngine):
    """A sound engine to spoil."""

    def __init__(self, settings: ServeSettings) -> None:
        super().__init__(msgspec.structs.replace(settings, runtime=GATED))


class Unproven(Faulty):
    """Says nothing of the proof."""

    def load(self, path: str | None) -> LoadedModel:
        """Leave the proof out."""
        return msgspec.structs.replace(super().load(path), proof=None)


class Lenient(Faulty):
    """Accepts one job after the other, until there is no room."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Submit each alone."""
        return [super(Lenient, self).submit([job])[0] for job in jobs]


class Shuffled(Faulty):
    """Gives the futures in another order."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Turn them round."""
        return super().submit(jobs)[::-1]


class Patient(Faulty):
    """Knows no deadline."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Take the deadlines away."""
        return super().submit([msgspec.structs.replace(job, deadline=float("inf")) for job in jobs])


class OneLane(Faulty):
    """Lets everybody wait in one lane."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Take the priorities away."""
        return super().submit([msgspec.structs.replace(job, priority=Job.__struct_defaults__[0]) for job in jobs])


class Blind(Faulty):
    """Treats canaries as any other job."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Take the mark away."""
        return super().submit([msgspec.structs.replace(job, is_canary=False) for job in jobs])


class Detached(Faulty):
    """Hears of no cancelling, for it gives futures of its own."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Pass the answers on."""
        return [_passed_on(future) for future in super().submit(jobs)]


def _passed_on(inner: Future[Any]) -> Future[Any]:
    outer: Future[Any] = Future()
    inner.add_done_callback(lambda done: outer.cancelled() or done.cancelled() or outer.set_result(done.result()))
    return outer


class Idle(Faulty):
    """Holds nothing."""

    def hold(self, seconds: float) -> Future[None]:
        """Take no time."""
        return super().hold(0.0)


class Raising(Faulty):
    """Raises from its futures where an image is bad."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Turn errors into exceptions."""
        futures = super().submit(jobs)
        for future in futures:
            original = future.set_result
            future.set_result = lambda found, future=future, original=original: (  # type: ignore[method-assign,misc] # a fault
                future.set_exception(ZeroDivisionError()) if found.error else original(found)
            )
        return futures


class Abrupt(Faulty):
    """Finishes nothing when it is closed."""

    def close(self, timeout_s: float) -> None:
        """Give no time."""
        super().close(0.0)


class Open(Faulty):
    """Accepts jobs for ever."""

    def close(self, timeout_s: float) -> None:
        """Do nothing."""


class Helped(Faulty):
    """Starts a thread that does not end with it."""

    def __init__(self, settings: ServeSettings) -> None:
        super().__init__(settings)
        self.end = threading.Event()
        threading.Thread(target=self.end.wait, args=[5.0], daemon=True).start()


class Guessing(Faulty):
    """Counts at random."""

    def statistics(self) -> EngineStatistics:
        """Forget what was answered."""
        return msgspec.structs.replace(super().statistics(), answered=0)


class Vague(Faulty):
    """Refuses with one code for everything."""

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Say that it is full."""
        try:
            return super().submit(jobs)
        except EngineError:
            raise EngineError("no", code="engine.full") from None
        except ValueError:
            return []


@pytest.mark.parametrize(
    ("make", "check"),
    [
        (Unproven, "loading"),
        (Lenient, "bounds"),
        (Shuffled, "answers"),
        (Patient, "deadlines"),
        (OneLane, "priorities"),
        (Blind, "bounds"),
        (Detached, "cancelling"),
        (Idle, "holding"),
        (Raising, "answers"),
        (Abrupt, "closing"),
        (Open, "closing"),
        (Helped, "threads_end"),
        (Guessing, "answers"),
        (Guessing, "one_answer_each"),
        (Vague, "deadlines"),
        (Vague, "unknown_model"),
    ],
)
def test_a_faulty_engine_is_found(make: type[Faulty], check: str, colours: Path, gate: ThreadGate) -> None:
    """By the check whose sentence it breaks."""
    engines: list[Engine] = []

    def kept(settings: ServeSettings) -> Engine:
        engines.append(make(settings))
        return engines[-1]

    specimen = EngineSpecimen(make=kept, path=str(colours), image=RED, label="red", gate=gate, timeout_s=0.5)
    (broken,) = [each for each in ENGINE_CHECKS if each.__name__ == f"check_{check}"]
    with pytest.raises(AssertionError, match="broken: "):
        broken(specimen)
    for engine in engines:
        LocalEngine.close(engine, 60.0)  # type: ignore[arg-type] # each is one


def test_a_sound_engine_passes(colours: Path, gate: ThreadGate) -> None:
    """All checks in one call."""
    check_engine(EngineSpecimen(make=gated_engine, path=str(colours), image=RED, label="red", gate=gate))
