"""
What a worker does with its jobs: threads that each take the next one, prepare it, and run what is prepared.

There is no thread for one stage. Whoever has prepared an image and finds the model free runs all that is
prepared, in batches; the others go on preparing meanwhile. So the stages of several images overlap, and one
image alone is never handed from thread to thread.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct
from msgspec.structs import replace

from andon.engine.base import Job
from andon.engine.batching import BatchSizes
from andon.engine.errands import Errands
from andon.engine.messages import Answered, sendable
from andon.engine.watch import Watch
from andon.model.failed import fault_prediction
from andon.model.model import Model, Prepared
from andon.predictions import Prediction
from andon.settings.limits import Limits

LARGE_PIXELS = 8_000_000
"""Pixels from which on an image is decoded aside: it takes as long as running some ten small ones."""
_LARGE_NICENESS = 5
"""Of the thread that decodes large images: it gets a quarter of a core that others want too."""


class Given(Struct, frozen=True, kw_only=True):
    """A job that a worker has been given."""

    number: int
    job: Job
    is_wanted: Callable[[], bool]
    """Asks whether somebody still waits for the answer."""


class Reporter(Struct, frozen=True, kw_only=True):
    """Whom a worker tells what it does; called in its threads."""

    answer: Callable[[Sequence[Answered], int], None]
    """Takes what was run together, and the images to run at once next."""
    set_aside: Callable[[int], None]
    """Takes the number of a job that others need not wait for."""
    fail: Callable[[], None]
    """Ends the worker: a job has no answer, and only its end makes the front give it to another one."""


class _Ready(Struct, frozen=True, kw_only=True):
    """A prepared image."""

    given: Given
    model: Model
    prepared: Prepared


class Compute:
    """
    Runs the jobs of one worker.

    Args:
        models: Gives a model that is loaded, by its digest.
        reporter: Is told what comes of each job, once.
        max_batch: Images of the largest batch, 1 or more.
        runs_in_caller: Whether the runtime computes in the thread that asks it, and in no other.
    """

    def __init__(
        self, models: Callable[[str], Model], reporter: Reporter, *, max_batch: int, runs_in_caller: bool
    ) -> None:
        self.watch = Watch()
        self._models = models
        self._reporter = reporter
        self._max_batch = max_batch
        # What the processor did for a batch says more than the clock, where other processes want it too.
        self._clock = time.thread_time if runs_in_caller else time.monotonic
        self._sizes: dict[str, BatchSizes] = {}
        self._lock = threading.Lock()
        self._ready: deque[_Ready] = deque()
        self._is_running = False
        self._large = Errands("andon-large", reporter.fail, niceness=_LARGE_NICENESS)
        self._late = Errands("andon-late", reporter.fail)
        self._tiled = Errands("andon-tiled", reporter.fail)

    def run(self, given: Given) -> None:
        """
        Take a job on, in the calling thread; whatever happens, it is answered.

        It returns when the image was run, or is left to another thread.
        """
        model = self._models(given.job.model)
        is_cut_up = model.manifest.input.tiles is not None and not given.job.is_canary
        if not given.is_wanted():
            self._answer([(given, None)])
        elif is_cut_up:
            self._reporter.set_aside(given.number)
            self._tiled.put(partial(self._answer_tiles, given, model))
        elif (ready := self._prepare(given, model, _small(model.limits))) is not None:
            self._join(ready)

    def _prepare(self, given: Given, model: Model, limits: Limits) -> _Ready | None:
        """Prepare an image, or leave it to the thread for large ones."""
        try:
            with self.watch.step():
                if given.job.is_canary and isinstance(given.job.image, bytes):
                    prepared = model.prepare_sample(given.job.image)
                else:
                    prepared = model.prepare(given.job.image, limits)
        except Exception as error:  # noqa: BLE001 -- logged, and answered as a fault of ours
            self._answer([(given, fault_prediction(error))])
            return None
        is_large = prepared.error is not None and prepared.error.code == "image.pixels" and limits != model.limits
        if is_large:
            self._reporter.set_aside(given.number)
            self._late.start()  # here, for a thread that is started by one that steps back does so too
            self._large.put(partial(self._prepare_aside, given, model))
            return None
        return _Ready(given=given, model=model, prepared=prepared)

    def _join(self, ready: _Ready) -> None:
        """Run it with what else is ready, unless another thread does so already."""
        if self._is_to_run(ready):
            self._run_all()

    def _is_to_run(self, ready: _Ready) -> bool:
        """Put an image to the others that are ready; true where the caller is to run them."""
        with self._lock:
            self._ready.append(ready)
            is_to_run, self._is_running = not self._is_running, True
            return is_to_run

    def _run_all(self) -> None:
        while batch := self._next_batch():
            self._run_batch(batch)

    def _next_batch(self) -> list[_Ready]:
        """Take what is to be run together, all of one model; with nothing left the model is free again."""
        with self._lock:
            if not self._ready:
                self._is_running = False
                return []
            model = self._ready[0].model
            waiting = [ready for ready in self._ready if ready.model is model]
            batch = waiting[: self._sizes_of(model).choose(len(waiting))]
            chosen = {id(ready) for ready in batch}
            self._ready = deque(ready for ready in self._ready if id(ready) not in chosen)
            return batch

    def _sizes_of(self, model: Model) -> BatchSizes:
        sizes = self._sizes.get(model.digest)
        if sizes is None:
            sizes = self._sizes[model.digest] = BatchSizes(self._max_batch)
        return sizes

    def _run_batch(self, batch: list[_Ready]) -> None:
        model, began = batch[0].model, self._clock()
        predictions = self._predict(model, [ready.prepared for ready in batch])
        if all(ready.prepared.error is None for ready in batch):
            self._sizes_of(model).note(len(batch), self._clock() - began)
        self._answer([(ready.given, prediction) for ready, prediction in zip(batch, predictions, strict=True)])

    def _predict(self, model: Model, batch: Sequence[Prepared]) -> list[Prediction]:
        """Run a batch; where it fails for a reason that nobody has thought of, its halves, so that one image errs."""
        try:
            with self.watch.step():
                return model.predict_prepared(batch)
        except Exception as error:  # noqa: BLE001 -- logged, and answered as a fault of ours
            if len(batch) == 1:
                return [fault_prediction(error)]
            middle = len(batch) // 2
            return [*self._predict(model, batch[:middle]), *self._predict(model, batch[middle:])]

    def _answer(self, answers: Sequence[tuple[Given, Prediction | None]]) -> None:
        sizes = self._sizes.get(answers[0][0].job.model)
        self._reporter.answer(
            [Answered(given.number, prediction and sendable(prediction)) for given, prediction in answers],
            sizes.wanted if sizes else 1,
        )

    def _prepare_aside(self, given: Given, model: Model) -> None:
        """Prepare a large image, in the thread that steps back; what runs the model must not."""
        if not given.is_wanted():
            self._answer([(given, None)])
        elif (ready := self._prepare(given, model, model.limits)) is not None and self._is_to_run(ready):
            self._late.put(self._run_all)

    def _answer_tiles(self, given: Given, model: Model) -> None:
        self._answer([(given, self._predict_tiles(given, model) if given.is_wanted() else None)])

    def _predict_tiles(self, given: Given, model: Model) -> Prediction:
        def is_wanted() -> bool:
            self.watch.go_on()
            return given.is_wanted()

        try:
            with self.watch.step():
                return model.predict_while(given.job.image, is_wanted)
        except Exception as error:  # noqa: BLE001 -- logged, and answered as a fault of ours
            return fault_prediction(error)


def _small(limits: Limits) -> Limits:
    """Give the limits of an image that is decoded in place."""
    return limits if limits.max_image_pixels <= LARGE_PIXELS else replace(limits, max_image_pixels=LARGE_PIXELS)
