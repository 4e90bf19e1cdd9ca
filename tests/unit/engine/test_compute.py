"""What a worker does with its jobs: stages overlap, images run together, and each is answered once."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace
from PIL import Image

from andon.engine import compute
from andon.engine.base import Job
from andon.engine.compute import Compute, Given, Reporter
from andon.engine.messages import Answered
from andon.model.load import load
from andon.model.model import Model
from tests.support.bundles import colour_image, encode
from tests.support.engines import RED
from tests.support.finders import texture, write_finder
from tests.support.gates import GATED, ThreadGate, gated_runtime
from tests.support.waiting import TIMEOUT_S, wait_until


class Answers:
    """Takes what is reported."""

    def __init__(self) -> None:
        self.batches: list[list[Answered]] = []
        self.aside: list[int] = []
        self.threads: dict[int, str] = {}

    def answer(self, answered: Sequence[Answered], _batch: int) -> None:
        """Note what was run together."""
        self.threads.update((each.number, threading.current_thread().name) for each in answered)
        self.batches.append(list(answered))

    @property
    def numbers(self) -> list[int]:
        """What was answered, in order."""
        return [each.number for batch in self.batches for each in batch]

    def of(self, number: int) -> str | None:
        """Give the label of an answer, or the code of its error; `nothing` for an empty one."""
        (found,) = (each.prediction for batch in self.batches for each in batch if each.number == number)
        if found is None:
            return "nothing"
        return found.error.code if found.error else found.label


class Bench:
    """A worker's inside with one model."""

    def __init__(self, model: Model, *, max_batch: int = 4) -> None:
        self.model = model
        self.answers = Answers()
        self.failed = threading.Event()
        self.compute = Compute(
            lambda _: model,
            Reporter(answer=self.answers.answer, set_aside=self.answers.aside.append, fail=self.failed.set),
            max_batch=max_batch,
            runs_in_caller=True,
        )

    def run(
        self, number: int, image: bytes = RED, *, is_wanted: Callable[[], bool] = lambda: True, **job: bool
    ) -> None:
        """Take on a job in the calling thread."""
        given = Given(number=number, job=Job(model=self.model.digest, image=image, **job), is_wanted=is_wanted)
        self.compute.run(given)

    def run_in_thread(self, number: int, image: bytes = RED) -> threading.Thread:
        """Take on a job in a thread of its own."""
        thread = threading.Thread(target=self.run, args=[number, image], name=f"taker-{number}", daemon=True)
        thread.start()
        return thread


@pytest.fixture
def bench(colours: Path) -> Bench:
    """The model of colours."""
    return Bench(load(colours))


@pytest.fixture
def gate() -> Iterator[ThreadGate]:
    """The gate before the model of `gated`."""
    with gated_runtime() as made:
        yield made


@pytest.fixture
def gated(gate: ThreadGate, colours: Path) -> Bench:
    """The model of colours behind a gate."""
    return Bench(load(colours, runtime=GATED))


def test_one_image_alone_stays_in_its_thread(bench: Bench) -> None:
    """From decoding to its answer."""
    bench.run_in_thread(0).join(TIMEOUT_S)
    assert bench.answers.of(0) == "red"
    assert bench.answers.threads == {0: "taker-0"}


def test_images_that_come_while_one_runs_are_run_together(gated: Bench, gate: ThreadGate) -> None:
    """By the thread that finds the model free, once that is so; the others are free for the next image at once."""
    gate.shut()
    first = gated.run_in_thread(0)
    gate.wait_for(1)
    for number in range(1, 4):
        gated.run_in_thread(number).join(TIMEOUT_S)
    assert gated.answers.batches == []
    gate.open()
    first.join(TIMEOUT_S)
    assert sorted(gated.answers.numbers) == [0, 1, 2, 3]
    assert set(gated.answers.threads.values()) == {"taker-0"}


def test_a_bad_image_is_answered_with_its_error(bench: Bench) -> None:
    """And does not touch others."""
    for number, image in enumerate((b"no image", RED)):
        bench.run(number, image)
    assert [bench.answers.of(number) for number in range(2)] == ["image.format", "red"]


def test_what_nobody_waits_for_is_not_computed(bench: Bench) -> None:
    """Its answer is empty."""
    bench.run(0, is_wanted=lambda: False)
    assert bench.answers.of(0) == "nothing"


def test_large_images_are_prepared_by_a_thread_that_steps_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has taken one goes on with the next at once; the model is run by one that does not step back."""
    monkeypatch.setattr(compute, "LARGE_PIXELS", 1_000)
    niceness: list[tuple[str, int]] = []
    run = bench.model.predict_prepared

    def watched(batch: Sequence[compute.Prepared]) -> list[compute.Prediction]:
        thread = threading.current_thread()
        niceness.append((thread.name, os.getpriority(os.PRIO_PROCESS, threading.get_native_id())))
        return run(batch)

    monkeypatch.setattr(bench.model, "predict_prepared", watched)
    own = os.getpriority(os.PRIO_PROCESS, 0)
    bench.run(0)
    wait_until(lambda: bench.answers.numbers == [0], "it is answered")
    bench.run(1, encode(colour_image((200, 40, 40), (20, 20))))
    assert (bench.answers.of(0), bench.answers.of(1), bench.answers.aside) == ("red", "red", [0])
    assert niceness == [("andon-late", own), (threading.current_thread().name, own)]


def test_an_image_over_the_limit_is_refused_and_not_set_aside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the limit is above what counts as large, or below."""
    for number, large_pixels in enumerate((1_000, 1_000_000)):
        monkeypatch.setattr(compute, "LARGE_PIXELS", large_pixels)
        bench.model.limits = replace(bench.model.limits, max_image_pixels=2_000)
        bench.run(number)
    wait_until(lambda: len(bench.answers.numbers) == 2, "both are answered")
    assert [bench.answers.of(number) for number in range(2)] == ["image.pixels"] * 2
    assert bench.answers.aside == [0]


def test_images_that_are_cut_up_are_run_beside_others(tmp_path: Path) -> None:
    """The canary among them, which is one tile, is not."""
    model = load(write_finder(tmp_path / "finder.andon", "boxes"))
    bench = Bench(model)
    assert model.canary is not None
    bench.run(0, encode(Image.fromarray(texture(300, 200))))
    bench.run(1, model.canary.image, is_canary=True)
    wait_until(lambda: len(bench.answers.numbers) == 2, "both are answered")
    assert bench.answers.aside == [0]
    assert bench.answers.threads[1] == threading.current_thread().name


def test_a_mistake_in_a_batch_is_found_in_its_halves(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the image that it is about errs; the mistake is logged."""
    run = bench.model.predict_prepared

    def mistaken(batch: Sequence[compute.Prepared]) -> list[compute.Prediction]:
        if any(prepared is guilty for prepared in batch):
            raise KeyError("a mistake")
        return run(batch)

    prepared = [bench.model.prepare(RED) for _ in range(5)]
    guilty = prepared[3]
    monkeypatch.setattr(bench.model, "predict_prepared", mistaken)
    found = bench.compute._predict(bench.model, prepared)  # noqa: SLF001 -- threads cannot be made to meet
    assert [each.error.code if each.error else each.label for each in found] == ["red"] * 3 + ["service.fault", "red"]


def test_a_mistake_in_preparing_is_answered_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing that is accepted stays without an answer."""

    def mistaken(*_arguments: object) -> None:
        raise KeyError("a mistake")

    monkeypatch.setattr(bench.model, "prepare", mistaken)
    bench.run(0)
    assert bench.answers.of(0) == "service.fault"


def test_a_step_that_hangs_is_seen(gated: Bench, gate: ThreadGate) -> None:
    """By whoever watches, while it goes on."""
    assert gated.compute.watch.busy_s() == 0
    gate.shut()
    thread = gated.run_in_thread(0)
    gate.wait_for(1)
    wait_until(lambda: gated.compute.watch.busy_s() > 0, "the step is watched")
    gate.open()
    thread.join(TIMEOUT_S)
    assert gated.compute.watch.busy_s() == 0


def test_batches_are_as_large_as_pays(bench: Bench) -> None:
    """By what those before took, and never beyond what waits."""
    sizes = bench.compute._sizes_of(bench.model)  # noqa: SLF001 -- threads cannot be made to meet
    for size, seconds in [(1, 1.0), (2, 1.2), (4, 3.9)] * 6:
        sizes.note(size, seconds)
    for number in range(5):
        given = Given(number=number, job=Job(model="m", image=RED), is_wanted=lambda: True)
        ready = compute._Ready(given=given, model=bench.model, prepared=bench.model.prepare(RED))  # noqa: SLF001 -- as above
        assert bench.compute._is_to_run(ready) is (number == 0)  # noqa: SLF001 -- as above
    bench.compute._run_all()  # noqa: SLF001 -- as above
    assert [len(batch) for batch in bench.answers.batches] == [2, 2, 1]
    assert bench.answers.numbers == list(range(5))
