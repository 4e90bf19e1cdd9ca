"""The engine of threads: what goes beyond the contract of engines, and its races."""

import gc
import random
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from andon.bundle.manifest import Artifact, Execution
from andon.engine import local
from andon.engine.base import Job, LoadedModel
from andon.engine.local import LocalEngine
from andon.errors import BundleError, EngineError, EnvironmentFault
from andon.machine import Machine, available_cores
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from andon.runtimes.registry import RUNTIMES
from andon.settings.serve import ServeSettings
from tests.support.cards import give_cards
from tests.support.engines import RED
from tests.support.finders import texture, write_finder
from tests.support.gates import ThreadGate, gated_engine, gated_runtime
from tests.support.waiting import TIMEOUT_S, wait_until


@pytest.fixture
def gate() -> Iterator[ThreadGate]:
    """The gate before each model of a gated engine."""
    with gated_runtime() as made:
        yield made


@pytest.fixture
def null() -> Iterator[tuple[LocalEngine, LoadedModel]]:
    """An engine of two threads with the model `null`."""
    engine = LocalEngine(ServeSettings(threads=2))
    yield engine, engine.load(None)
    engine.close(TIMEOUT_S)


def job(model: LoadedModel) -> Job:
    """Make a job for a model."""
    return Job(model=model.digest, image=RED)


def ends(thread: threading.Thread) -> bool:
    """Ask whether a thread ends, waiting long enough."""
    thread.join(TIMEOUT_S)
    return not thread.is_alive()


def test_the_null_model_is_served(null: tuple[LocalEngine, LoadedModel]) -> None:
    """There is nothing to prove; stages are timed from the queue on."""
    engine, model = null
    assert (model.name, model.proof) == ("null", None)
    prediction = engine.submit([job(model)])[0].result(TIMEOUT_S)
    assert prediction.label == "null"
    assert list(prediction.timings_ms) == ["queue", "decode", "prepare", "infer", "finish"]


class Recorded(OnnxRuntime):
    """ONNX Runtime that notes how it was asked to use the machine."""

    def __init__(self) -> None:
        self.options: list[SessionOptions] = []

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Note, and open."""
        self.options.append(options)
        return super().open(artifact, data, execution, options)


@pytest.mark.parametrize("threads", [1, 3, None])
def test_a_session_is_told_how_many_threads_will_run_it(
    threads: int | None, colours: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image has one compute thread; a runtime that needs to know makes room for as many at once."""
    recorded = Recorded()
    monkeypatch.setitem(RUNTIMES, "onnxruntime", recorded)
    engine = LocalEngine(ServeSettings(threads=threads))
    engine.load(str(colours))
    (options,) = recorded.options
    assert (options.threads, options.callers) == (1, threads or available_cores())
    engine.close(TIMEOUT_S)


def test_a_service_runs_what_its_settings_ask_for(colours: Path) -> None:
    """Here OpenVINO in bf16, though the bundle lists neither."""
    settings = ServeSettings(threads=2, runtime="openvino", precision="bf16")
    engine = LocalEngine(settings)
    try:
        model = engine.load(str(colours))
    except EnvironmentFault as fault:
        pytest.skip(fault.message)
    assert (model.execution.runtime, model.execution.precision) == ("openvino", "bf16")
    answers = [future.result(TIMEOUT_S) for future in engine.submit([job(model)] * 8)]
    assert {answer.label for answer in answers} == {"red"}
    engine.close(TIMEOUT_S)


@pytest.mark.parametrize("threads", [1, 3, None])
def test_as_many_images_are_computed_at_once_as_asked_for(gate: ThreadGate, colours: Path, threads: int | None) -> None:
    """One a core where nothing is said."""
    count = threads or available_cores()
    engine = gated_engine(ServeSettings(threads=threads))
    model = engine.load(str(colours))
    gate.shut()
    futures = engine.submit([job(model)] * (count + 2))
    gate.wait_for(count)
    assert (engine.statistics().running, engine.statistics().queued) == (count, 2)
    gate.open()
    assert {future.result(TIMEOUT_S).label for future in futures} == {"red"}
    engine.close(TIMEOUT_S)


def test_the_limits_of_the_service_are_those_of_its_models() -> None:
    """An image over them errs alone."""
    engine = LocalEngine(ServeSettings(threads=1, max_image_bytes=10))
    error = engine.submit([job(engine.load(None))])[0].result(TIMEOUT_S).error
    assert error is not None
    assert error.code == "image.bytes"
    engine.close(TIMEOUT_S)


def test_a_bundle_that_does_not_load_is_told(null: tuple[LocalEngine, LoadedModel]) -> None:
    """By the error of `andon.load`."""
    with pytest.raises(BundleError):
        null[0].load("/nowhere/x.andon")


def test_an_error_that_nobody_foresaw_is_answered_and_logged(
    gate: ThreadGate, colours: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The job is answered without details, and the thread lives on."""
    engine = gated_engine(ServeSettings(threads=1))
    model = engine.load(str(colours))
    gate.error = ZeroDivisionError("/secret")
    error = engine.submit([job(model)])[0].result(TIMEOUT_S).error
    assert error is not None
    assert (error.code, error.message) == ("service.fault", "the service failed")
    assert "ZeroDivisionError: /secret" in caplog.text
    gate.error = None
    assert engine.submit([job(model)])[0].result(TIMEOUT_S).label == "red"
    engine.close(TIMEOUT_S)


class GivenUpLate(local.Answer):
    """A future whose caller gives it up in the moment between taking and running."""

    def set_running_or_notify_cancel(self) -> bool:
        """Let another thread cancel it, which calls the engine back while the worker goes on."""
        if not self.cancelled():
            threading.Thread(target=self.cancel).start()
            wait_until(self.cancelled, "the future is cancelled")
        return super().set_running_or_notify_cancel()


def test_a_job_that_is_given_up_as_it_is_taken_is_not_run(
    null: tuple[LocalEngine, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is counted once, its place is free, and those who wait for it are told; a hold holds nobody."""
    engine, model = null
    with monkeypatch.context() as patch:
        patch.setattr(local, "Answer", GivenUpLate)
        given_up = [*engine.submit([job(model)]), engine.hold(3600.0)]
        assert not wait(given_up, TIMEOUT_S).not_done
    assert engine.submit([job(model)])[0].result(TIMEOUT_S).label == "null"
    engine.close(TIMEOUT_S)
    found = engine.statistics()
    assert (found.cancelled, found.answered, found.queued, found.running, found.held_bytes) == (2, 1, 0, 0, 0)


def test_a_large_image_that_is_given_up_is_not_run_to_its_end(gate: ThreadGate, tmp_path: Path) -> None:
    """Its tiles run in batches, of which one is running when the caller goes; the worker is free after that one."""
    engine = gated_engine(ServeSettings(threads=1))
    model = engine.load(str(write_finder(tmp_path / "spots.andon", "logits")))
    gate.shut()
    (running,) = engine.submit([Job(model=model.digest, image=texture(1000, 900))])
    gate.wait_for(1)
    assert not running.cancel()
    gate.open()
    error = running.result(TIMEOUT_S).error
    assert error is not None
    assert error.message == "nobody waits for the answer any more"
    engine.close(TIMEOUT_S)


def test_whoever_waits_for_a_cancelled_job_is_told(gate: ThreadGate, colours: Path) -> None:
    """`concurrent.futures.wait` ends, which it does not by itself for one that nobody takes."""
    engine = gated_engine(ServeSettings(threads=1))
    model = engine.load(str(colours))
    gate.shut()
    engine.submit([job(model)])
    waiting = engine.submit([job(model)])[0]
    assert waiting.cancel()
    assert not wait([waiting], TIMEOUT_S).not_done
    gate.open()
    engine.close(TIMEOUT_S)


def test_a_callback_may_use_the_engine(null: tuple[LocalEngine, LoadedModel]) -> None:
    """It runs in a thread of the engine, or in the one that cancels; neither holds a lock."""
    engine, model = null
    done = threading.Event()
    further: list[Future[Any]] = []

    def again(_: Future[Any]) -> None:
        further.extend(engine.submit([job(model)] * 2))
        further[0].cancel()
        engine.statistics()
        done.set()

    engine.submit([job(model)])[0].add_done_callback(again)
    assert done.wait(TIMEOUT_S)
    assert further[1].result(TIMEOUT_S).label == "null"


def test_an_answered_image_is_not_kept(null: tuple[LocalEngine, LoadedModel]) -> None:
    """An idle engine holds no image in memory."""
    engine, model = null
    pixels = np.zeros((4, 4, 3), np.uint8)
    kept = weakref.ref(pixels)
    engine.submit([Job(model=model.digest, image=pixels)])[0].result(TIMEOUT_S)
    del pixels
    wait_until(lambda: gc.collect() >= 0 and kept() is None, "the image is freed")


def test_closing_answers_what_runs_when_its_time_is_over(gate: ThreadGate, colours: Path) -> None:
    """The threads end as soon as they can; what they find comes too late."""
    before = set(threading.enumerate())
    engine = gated_engine(ServeSettings(threads=2))
    model = engine.load(str(colours))
    gate.shut()
    futures = engine.submit([job(model)] * 3)
    gate.wait_for(2)
    engine.close(0.0)
    codes = {error.code for future in futures if (error := future.result(0).error)}
    assert codes == {"engine.closed"}
    gate.open()
    for thread in set(threading.enumerate()) - before:
        assert ends(thread), thread.name
    assert engine.statistics().held_bytes == 0


def test_closing_does_not_wait_for_what_was_given_up(null: tuple[LocalEngine, LoadedModel]) -> None:
    """However cancelling, finishing and closing meet, closing ends with the last of the jobs."""
    for seed in range(100):
        rng = random.Random(seed)  # noqa: S311 -- no secret
        engine = LocalEngine(ServeSettings(threads=2))
        model = engine.load(None)
        futures = engine.submit([job(model)] * 6)
        futures.insert(rng.randrange(6), engine.hold(0.0))  # type: ignore[arg-type] # it is only cancelled
        closing = threading.Thread(target=engine.close, args=[3600.0], daemon=True)
        closing.start()
        for future in rng.sample(futures, 5):
            future.cancel()
        assert ends(closing), seed
        assert not wait(futures, TIMEOUT_S).not_done
        with pytest.raises(EngineError):
            engine.hold(0.0)


def test_the_last_job_may_be_given_up_while_the_one_before_is_answered(null: tuple[LocalEngine, LoadedModel]) -> None:
    """Closing, which was told of the one before, hears of it."""
    for _ in range(30):
        engine = LocalEngine(ServeSettings(threads=1))
        model = engine.load(None)
        held = engine.hold(0.0)
        last = engine.submit([job(model)])[0]

        def give_up(_: Future[Any], engine: LocalEngine = engine, last: Future[Any] = last) -> None:
            for _ in range(3):  # let the thread that closes look first
                looking = threading.Thread(target=engine.statistics)
                looking.start()
                looking.join()
            last.cancel()

        held.add_done_callback(give_up)
        closing = threading.Thread(target=engine.close, args=[3600.0], daemon=True)
        closing.start()
        assert ends(closing)


def test_after_a_hold_all_threads_work_again(gate: ThreadGate, colours: Path) -> None:
    """Those who found nothing to do meanwhile are woken."""
    engine = gated_engine(ServeSettings(threads=3))
    model = engine.load(str(colours))
    gate.shut()
    engine.submit([job(model)])
    gate.wait_for(1)
    engine.hold(0.0)
    futures = engine.submit([job(model)] * 3)
    gate.open()
    gate.shut()
    gate.wait_for(3)
    gate.open()
    assert {future.result(TIMEOUT_S).label for future in futures} == {"red"}
    engine.close(TIMEOUT_S)


def on_machine(settings: ServeSettings, *, cores: int, cards: int) -> tuple[LocalEngine, list[str]]:
    """Make an engine on a described machine, and give the names of the threads that it began with."""
    before = set(threading.enumerate())
    engine = LocalEngine(settings, machine=Machine(cores=cores, cards=cards))
    return engine, [thread.name for thread in set(threading.enumerate()) - before if "worker" in thread.name]


def test_cards_share_the_work(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A few threads for each, which all take from one queue."""
    give_cards(monkeypatch)
    engine, workers = on_machine(ServeSettings(devices="cuda:0,cuda:1"), cores=64, cards=2)
    assert len(workers) == 8
    model = engine.load(str(colours))
    assert model.devices == ("cuda:0", "cuda:1")
    seen = {future.result(TIMEOUT_S).device for _ in range(20) for future in engine.submit([job(model)] * 64)}
    assert seen == {"cuda:0", "cuda:1"}
    engine.close(TIMEOUT_S)


@pytest.mark.parametrize(
    ("threads", "cores", "devices", "count"),
    [(None, 3, "cpu", 3), (2, 3, "cpu", 2), (6, 2, "cuda:0,cuda:1", 6), (None, 3, "cuda:1", 3)],
)
def test_threads_are_those_of_the_machine_or_of_the_settings(
    threads: int | None, cores: int, devices: str, count: int
) -> None:
    """What is asked for is what there is, on cards too."""
    engine, workers = on_machine(ServeSettings(threads=threads, devices=devices), cores=cores, cards=2)
    assert len(workers) == count
    engine.close(TIMEOUT_S)


@pytest.mark.parametrize(("falls_back", "devices", "threads"), [(False, {"cuda:0", "cuda:1"}, 6), (True, {"cpu"}, 6)])
def test_what_is_left_open_is_decided_by_the_first_model(
    colours: Path,
    monkeypatch: pytest.MonkeyPatch,
    falls_back: bool,  # noqa: FBT001 -- a parameter of the test
    devices: set[str],
    threads: int,
) -> None:
    """With `auto` on a machine with cards nothing computes before; a hold that came before is answered."""
    give_cards(monkeypatch, falls_back=falls_back)
    engine, workers = on_machine(ServeSettings(), cores=6, cards=2)
    assert workers == []
    held = engine.hold(0.0)
    model = engine.load(str(colours))
    held.result(TIMEOUT_S)
    assert set(model.devices) == devices
    assert engine.submit([job(model)])[0].result(TIMEOUT_S).device in devices
    assert len([thread for thread in engine._threads if "worker" in thread.name]) == threads  # noqa: SLF001 -- its own
    engine.load(None)
    assert len(engine._threads) == threads + 1  # noqa: SLF001 -- and the one that keeps deadlines
    engine.close(TIMEOUT_S)


def test_an_engine_without_a_model_can_be_closed() -> None:
    """What it holds is answered, though nothing ever computed."""
    engine, _ = on_machine(ServeSettings(), cores=6, cards=2)
    held = engine.hold(0.0)
    engine.close(0.0)
    assert held.done()


def test_a_card_that_is_not_there_is_refused_before_anything_is_loaded() -> None:
    """By name."""
    with pytest.raises(EnvironmentFault, match="no cuda:2 here"):
        on_machine(ServeSettings(devices="cuda:2"), cores=6, cards=2)
