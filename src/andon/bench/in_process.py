"""A bundle measured within this process: the limit that a service of the same model is compared with."""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice

from andon.bench.ledger import Ledger
from andon.bench.outcome import OK, STAGES, WRONG_LABEL
from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from andon.bench.requests import Image
from andon.bench.summary import Run
from andon.model.model import Model
from andon.predictions import Prediction

Progress = Callable[[float, float], None]
_SWEEP_S = 0.05


def predict_again_and_again(
    model: Model,
    images: Sequence[Image],
    plan: LoadPlan,
    *,
    batch: int,
    progress: Progress,
    clock: Callable[[], float] = time.perf_counter,
) -> Run:
    """
    Predict images in a closed loop, by `plan.connections` threads that share one model.

    Ctrl-C ends it early, and what was measured so far is returned.

    Args:
        model: Loaded for as many callers.
        images: Predicted in turn.
        plan: Without a rate.
        batch: Images run at once. With 1 it is `predict`, and the time of one image is its latency;
            with more it is `predict_many`, and the latency of an image is the time of its batch.
        progress: Told some twenty times a second.
        clock: Seconds.
    """
    loop = _Loop(model, images, plan, batch, clock)
    cpu_started = time.process_time()
    threads = [threading.Thread(target=loop.call, daemon=True) for _ in range(plan.connections)]
    for thread in threads:
        thread.start()
    interrupted = False
    try:
        _wait(threads, lambda: progress(min(loop.now(), plan.end_s), plan.end_s))
    except KeyboardInterrupt:
        interrupted = True
        loop.stop.set()
        _wait(threads, lambda: None)
    if loop.errors:
        raise loop.errors[0]
    ended_s = min(loop.now(), plan.end_s)
    return Run(
        table=loop.records.table(),
        count=loop.ledger.count(),
        ended_s=ended_s,
        cpu_s=time.process_time() - cpu_started,
        interrupted=interrupted,
    )


def _wait(threads: Sequence[threading.Thread], tell: Callable[[], None]) -> None:
    for thread in threads:
        while thread.is_alive():
            thread.join(_SWEEP_S)
            tell()


class _Loop:
    """What the threads share."""

    def __init__(
        self, model: Model, images: Sequence[Image], plan: LoadPlan, batch: int, clock: Callable[[], float]
    ) -> None:
        self._model, self._images, self._plan, self._batch, self._clock = model, images, plan, batch, clock
        self.records, self.ledger = Records(), Ledger()
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._places = cycle(range(len(images)))
        self._labels: dict[int, str] = {}
        self._started = clock()

    def now(self) -> float:
        return self._clock() - self._started

    def call(self) -> None:
        """Predict until the time is up; an error of ours ends all of it, and is raised by who waits."""
        try:
            while not self.stop.is_set() and self.now() < self._plan.end_s:
                self._predict()
        except BaseException as error:  # noqa: BLE001 -- raised again in the thread that waits for this one
            self.errors.append(error)
            self.stop.set()

    def _predict(self) -> None:
        with self._lock:
            places = list(islice(self._places, self._batch))
            numbers = [self.ledger.send() for _ in places]
        begun = self.now()
        predictions = self._answers(places)
        done = self.now()
        with self._lock:
            for number, place, prediction in zip(numbers, places, predictions, strict=True):
                self._add(number, place, prediction, (begun, begun, done))

    def _answers(self, places: list[int]) -> list[Prediction]:
        data = [self._images[place].data for place in places]
        if self._batch == 1:
            return [self._model.predict(data[0])]
        return list(self._model.predict_many(data, batch_size=self._batch))

    def _add(self, number: int, place: int, prediction: Prediction, times_s: tuple[float, float, float]) -> None:
        self.ledger.answer(number)
        label = prediction.label or ""
        kind = prediction.error.code if prediction.error else OK
        if kind == OK and self._labels.setdefault(place, label) != label:
            kind = WRONG_LABEL
        stages = [prediction.timings_ms.get(stage, 0.0) for stage in STAGES]
        size = len(self._images[place].data)
        self.records.add(times_s, kind, label, sizes=(size, 0), stages_ms=stages)
