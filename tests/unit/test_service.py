"""The one door: which models there are, whether they are ready, and jobs for them."""

import threading
import time
from pathlib import Path

import pytest

from andon.engine.base import Priority
from andon.engine.local import LocalEngine
from andon.errors import AndonError, BundleError, EngineError, RequestError, UsageError
from andon.predictions import Failure, Prediction
from andon.service import MISSED_CANARIES, ModelStatus, Service, Terms
from andon.settings.serve import ServeSettings
from tests.support.bundles import colour_graph, write_colours
from tests.support.engines import RED, FakeEngine
from tests.support.waiting import TIMEOUT_S, wait_until

SETTINGS = ServeSettings(canary_interval_s=10.0)
WRONG = Prediction(label="other", index=1, score=1.0)
LATE = Prediction(error=Failure(code="engine.deadline", message="late"))


@pytest.fixture
def engine() -> FakeEngine:
    """An engine under the control of the test."""
    return FakeEngine()


@pytest.fixture
def service(engine: FakeEngine) -> Service:
    """A service of two models, loaded and ready."""
    made = Service(engine, ["a.andon", "b.andon"], SETTINGS)
    made.load()
    return made


def status(service: Service, number: int = 0) -> ModelStatus:
    """Give the status of one model."""
    return service.models()[number]


def test_there_is_a_bundle_to_serve(engine: FakeEngine) -> None:
    """The hint shows how to name it."""
    with pytest.raises(UsageError) as caught:
        Service(engine, [], SETTINGS)
    assert "--null" in caught.value.hint


def test_models_are_loaded_in_order_and_ready_once_they_have_answered(service: Service, engine: FakeEngine) -> None:
    """Each its canary, in the lane of the line, accepted whatever waits, and given up in time."""
    assert service.is_ready()
    assert [(each.name, each.state, each.reason) for each in service.models()] == [
        ("a", "ready", None),
        ("b", "ready", None),
    ]
    assert [(job.priority, job.is_canary) for job in engine.jobs] == [(Priority.line, True)] * 2
    patience_s = MISSED_CANARIES * SETTINGS.canary_interval_s
    assert all(job.deadline - time.monotonic() <= patience_s for job in engine.jobs)


def test_while_it_loads_nothing_is_ready(engine: FakeEngine) -> None:
    """Models have the names of their files until their own are known; asking for one is too early."""
    engine.may_load.clear()
    service = Service(engine, ["folder/scratch.andon", None], SETTINGS)
    thread = threading.Thread(target=service.load)
    thread.start()
    assert engine.loading.wait(TIMEOUT_S)
    assert [(each.name, each.state, each.loaded) for each in service.models()] == [
        ("scratch", "loading", None),
        ("null", "loading", None),
    ]
    assert not service.is_ready()
    for name in (None, "scratch", "unknown"):
        with pytest.raises(AndonError) as caught:
            service.find(name)
        assert caught.value.code == "service.unready"
    engine.may_load.set()
    thread.join()
    assert service.is_ready()


def test_a_model_is_loading_until_its_first_canary_is_answered(engine: FakeEngine) -> None:
    """It is there, and it is not ready."""
    engine.answers = None
    service = Service(engine, ["a.andon"], SETTINGS)
    thread = threading.Thread(target=service.load)
    thread.start()
    assert engine.submitted.acquire(timeout=TIMEOUT_S)
    assert status(service).state == "loading"
    assert status(service).loaded is not None
    engine.futures[0].set_result(WRONG)
    thread.join()
    assert (status(service).state, status(service).reason) == ("failed", "a golden sample was answered wrongly")


def test_a_bundle_that_does_not_load_is_told_without_its_path(engine: FakeEngine) -> None:
    """The error comes out; the status, which clients may see, has its code and what it means."""
    engine.error = BundleError("in /secret there is no file", code="bundle.missing", where="/secret/x.andon")
    service = Service(engine, ["x.andon"], SETTINGS)
    with pytest.raises(BundleError):
        service.load()
    assert status(service).state == "failed"
    assert "[bundle.missing]" in str(status(service).reason)
    assert "secret" not in str(status(service).reason)
    with pytest.raises(AndonError, match=r"bundle\.missing") as caught:
        service.find()
    assert caught.value.code == "service.unready"


def test_one_bundle_is_not_served_twice(engine: FakeEngine) -> None:
    """Which of them would a name mean?"""
    with pytest.raises(UsageError, match="is given twice"):
        Service(engine, ["a.andon", "b.andon", "a.andon"], SETTINGS).load()


def test_models_are_found_by_name_and_version(service: Service) -> None:
    """The first where nothing is said; a version may be the whole digest."""
    a, b = (each.loaded for each in service.models())
    assert a is not None
    assert b is not None
    assert service.find() is a
    assert service.find(None, b.version) is b
    for asked in (("b", None), ("b", b.version), ("b", b.digest)):
        assert service.find(*asked) is b


@pytest.mark.parametrize(("name", "version"), [("c", None), ("a", "0" * 12), ("c" * 5000, "d" * 5000), ("", None)])
def test_a_model_that_is_not_there_is_told_with_those_that_are(
    service: Service, name: str, version: str | None
) -> None:
    """The message does not grow with the request."""
    with pytest.raises(RequestError) as caught:
        service.find(name, version)
    assert caught.value.code == "request.model"
    assert len(caught.value.message) < 150
    assert service.find("a").version in caught.value.hint


def test_jobs_go_to_the_engine_on_the_terms_of_the_caller(service: Service, engine: FakeEngine) -> None:
    """With the digest of the model; so do holding, counting and closing."""
    model = service.find("b")
    (future,) = service.submit(model, [RED], Terms(deadline=123.0, priority=Priority.batch))
    assert future.result(0).label == "null"
    job = engine.jobs[-1]
    assert (job.model, job.image, job.deadline, job.priority, job.is_canary) == (
        model.digest,
        RED,
        123.0,
        Priority.batch,
        False,
    )
    service.hold(0.5)
    assert engine.held == [0.5]
    assert service.statistics().refused == 7
    service.close(1.0)
    assert engine.closed_after == [1.0]


def test_a_full_queue_is_told_without_an_image(engine: FakeEngine) -> None:
    """Before anything of it is read; and so is a model that answers wrongly. It counts as refused."""
    service = Service(engine, ["a.andon"], ServeSettings(max_queue_jobs=4))
    service.load()
    model = service.find()
    service.require_room(model)
    small = Service(engine, ["a.andon"], ServeSettings(max_queue_jobs=3))
    small.load()
    with pytest.raises(EngineError) as caught:
        small.require_room(model)
    assert caught.value.code == "engine.full"
    assert small.statistics().refused == service.statistics().refused + 1
    service.note_canary(model.digest, WRONG)
    with pytest.raises(AndonError, match="wrongly"):
        service.require_room(model)


def test_a_wrong_answer_makes_a_model_unready_until_a_right_one(service: Service, engine: FakeEngine) -> None:
    """At once, for that one alone."""
    engine.answers = None
    first = service.ask_canaries()
    a, b = first
    first[a].set_result(WRONG)
    first[b].set_result(Prediction(label="null", index=0))
    assert [each.state for each in service.models()] == ["failed", "ready"]
    assert not service.is_ready()
    with pytest.raises(AndonError, match="answered wrongly") as caught:
        service.submit(service.find("a"), [RED], Terms(deadline=123.0))
    assert caught.value.code == "service.unready"
    service.submit(service.find("b"), [RED], Terms(deadline=123.0))
    service.note_canary(a, LATE)
    assert status(service).state == "failed"
    service.note_canary(a, Prediction(label="null", index=0))
    assert service.is_ready()


def test_a_model_that_hangs_keeps_no_other_waiting(service: Service, engine: FakeEngine) -> None:
    """Each answer is noted when it comes."""
    engine.answers = None
    futures = service.ask_canaries()
    a, b = futures
    futures[b].set_result(WRONG)
    assert [each.state for each in service.models()] == ["ready", "failed"]
    futures[a].cancel()
    assert status(service).state == "ready"


def test_a_canary_that_is_missed_a_few_times_makes_a_model_unready(engine: FakeEngine) -> None:
    """Not the first one; and the reason is told."""
    settings = ServeSettings(canary_interval_s=0.1)
    service = Service(engine, ["a.andon"], settings)
    service.load()
    digest = service.find().digest
    service.note_canary(digest, LATE)
    wait_until(lambda: not service.is_ready(), "the last right answer is too old")
    assert "[engine.deadline]" in str(status(service).reason)
    service.note_canary(digest, Prediction(label="null", index=0))
    wait_until(lambda: not service.is_ready(), "the last right answer is too old")
    assert "no golden sample was answered for" in str(status(service).reason)


def test_closing_while_it_loads_ends_the_loading(engine: FakeEngine) -> None:
    """With the error of the engine."""
    engine.error = EngineError("closed", code="engine.closed")
    with pytest.raises(EngineError):
        Service(engine, ["a.andon"], SETTINGS).load()


def test_an_error_that_nobody_foresaw_is_told_without_details(engine: FakeEngine) -> None:
    """It comes out too."""
    engine.error = ZeroDivisionError("/secret")
    service = Service(engine, ["a.andon"], SETTINGS)
    with pytest.raises(ZeroDivisionError):
        service.load()
    assert (status(service).state, "secret" in str(status(service).reason)) == ("failed", False)


def test_two_versions_of_a_model_are_served_side_by_side(tmp_path: Path, colours: Path) -> None:
    """With a real engine: the first is the default, and each is found by its version."""
    other = write_colours(tmp_path / "other.andon", colour_graph(), provenance={"created_by": "another version"})
    service = Service(LocalEngine(ServeSettings(threads=1)), [str(colours), str(other)], SETTINGS)
    service.load()
    assert service.is_ready()
    first, second = (each.loaded for each in service.models())
    assert first is not None
    assert second is not None
    assert first.name == second.name == "colours"
    assert service.find("colours") is first
    assert service.find("colours", second.version) is second
    futures = service.submit(second, [RED], Terms(deadline=float("inf")))
    assert futures[0].result(TIMEOUT_S).label == "red"
    service.close(1.0)
