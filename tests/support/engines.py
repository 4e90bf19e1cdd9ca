"""An engine that runs nothing: tests decide what it answers, and when."""

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import msgspec

from andon.engine.base import EngineStatistics, Job, LoadedModel
from andon.model.canary import Canary
from andon.model.null import null_model
from andon.predictions import Prediction
from tests.support.bundles import colour_image, encode
from tests.support.waiting import TIMEOUT_S

RED = encode(colour_image((200, 40, 40)))


class FakeEngine:
    """An engine that loads the model `null` under any path, and answers when the test does."""

    def __init__(self) -> None:
        self.may_load = threading.Event()
        self.may_load.set()
        self.loading = threading.Event()
        self.error: Exception | None = None
        """What loading or submitting fails with."""
        self.is_attached = False
        self.workers = 1
        """Workers that it says are ready."""
        self.jobs: list[Job] = []
        self.futures: list[Future[Any]] = []
        self.submitted = threading.Semaphore(0)
        """Released once for each job."""
        self.answers: Prediction | None = Prediction(label="null", index=0, score=1.0, scores=(1.0,))
        """What each job is answered at once; None leaves the answer to the test."""
        self.held: list[float] = []
        self.closed_after: list[float] = []

    def attach(self) -> None:
        """Note it."""
        self.is_attached = True

    def load(self, path: str | None) -> LoadedModel:
        """Load the model `null`, of the name and a digest made of the path."""
        self.loading.set()
        assert self.may_load.wait(TIMEOUT_S)
        if self.error is not None:
            raise self.error
        model = null_model()
        assert model.canary is not None
        return LoadedModel(
            manifest=msgspec.structs.replace(model.manifest, name=str(path).removesuffix(".andon")),
            digest=hashlib.sha256(str(path).encode()).hexdigest(),
            execution=model.execution,
            proof=None,
            canary=Canary(image=model.canary.image, index=0),
        )

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Accept them."""
        if self.error is not None:
            raise self.error
        futures: list[Future[Prediction]] = [Future() for _ in jobs]
        self.jobs += jobs
        self.futures += futures
        self.submitted.release(len(jobs))
        if self.answers is not None:
            for future in futures:
                future.set_result(self.answers)
        return futures

    def hold(self, seconds: float) -> Future[None]:
        """Hold nothing."""
        self.held.append(seconds)
        future: Future[None] = Future()
        future.set_result(None)
        return future

    def statistics(self) -> EngineStatistics:
        """Give a number of its own for each."""
        return EngineStatistics(
            queued=1,
            running=2,
            held_bytes=3,
            answered=4,
            expired=5,
            cancelled=6,
            refused=7,
            quarantined=8,
            retried=9,
            replaced=10,
            workers=self.workers,
        )

    def close(self, timeout_s: float) -> None:
        """Note how long it may take."""
        self.closed_after.append(timeout_s)
