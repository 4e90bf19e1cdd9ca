"""A bundle measured within this process."""

import itertools
import signal
from collections.abc import Callable, Iterable, Iterator
from types import SimpleNamespace

import pytest

from andon.bench.in_process import predict_again_and_again
from andon.bench.plan import LoadPlan
from andon.bench.requests import Image
from andon.bench.summary import Run
from andon.predictions import Failure, Prediction, failed

IMAGES = [Image("a", b"a"), Image("b", b"b"), Image("bad", b"bad")]


class Fake:
    """A model that labels an image with its bytes, and takes down what it is asked."""

    def __init__(self, label: Callable[[bytes, int], str] = lambda data, _turn: data.decode()) -> None:
        self._label = label
        self.batches: list[int] = []
        self._turns = itertools.count()

    def predict(self, image: bytes) -> Prediction:
        """Label one image."""
        turn = next(self._turns)
        if image == b"bad":
            return failed(Failure(code="image.format", message="no image"))
        return Prediction(label=self._label(image, turn), timings_ms={"infer": 5.0})

    def predict_many(self, images: Iterable[bytes], *, batch_size: int) -> Iterator[Prediction]:
        """Label several."""
        taken = list(images)
        assert len(taken) == batch_size
        self.batches.append(len(taken))
        return iter([self.predict(image) for image in taken])


def ticking(step_s: float) -> Callable[[], float]:
    """Give a clock that goes on by a step whenever it is looked at."""
    looks = itertools.count()
    return lambda: next(looks) * step_s


def measure(model: Fake, *, batch: int = 1, callers: int = 1, progress: Callable[..., None] = lambda *_: None) -> Run:
    """Measure 1 s of a clock of 1 ms a look."""
    plan = LoadPlan(connections=callers, warm_up_s=0, duration_s=1)
    return predict_again_and_again(model, IMAGES, plan, batch=batch, progress=progress, clock=ticking(0.001))  # type: ignore[arg-type]


def test_each_image_is_a_request_with_a_kind_and_stages() -> None:
    """Images take turns; one that cannot be used is an error by its code."""
    run = measure(Fake())
    table = run.table
    assert [table.kinds[place] for place in table.kind[:4]] == ["ok", "ok", "image.format", "ok"]
    assert table.stages_ms[0].tolist() == [0, 0, 0, 0, 5, 0]
    assert run.count.sent == run.count.answered == len(table.kind)
    assert table.latency_ms[0] == pytest.approx(1.0)


def test_with_a_batch_images_run_at_once() -> None:
    """And the latency of each is that of its batch."""
    model = Fake()
    run = measure(model, batch=4)
    assert set(model.batches) == {4}
    assert len(set(run.table.done_s[:4])) == 1


def test_several_callers_share_one_model() -> None:
    """No request is lost between them."""
    run = measure(Fake(), callers=4)
    assert run.count.missing == run.count.doubled == 0


def test_a_model_that_changes_its_mind_is_wrong() -> None:
    """The same image has the same label each time."""
    run = measure(Fake(lambda data, turn: data.decode() + ("x" if turn > 3 else "")))
    assert "wrong answer: another label than before" in run.table.kinds


def test_an_error_of_ours_is_raised_and_not_counted() -> None:
    """It says nothing about the model's speed."""

    def fail(_data: bytes, _turn: int) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure(Fake(fail))


def test_ctrl_c_gives_what_was_measured_so_far() -> None:
    """And marks it."""
    plan = LoadPlan(connections=1, warm_up_s=0, duration_s=3600)
    sent = SimpleNamespace(once=False)

    def interrupt(*_: float) -> None:
        if not sent.once:
            sent.once = True
            signal.raise_signal(signal.SIGINT)

    run = predict_again_and_again(Fake(), IMAGES, plan, batch=1, progress=interrupt)  # type: ignore[arg-type]
    assert run.interrupted
    assert run.count.answered > 0
    assert run.count.missing == 0
