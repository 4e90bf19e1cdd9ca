"""Serves the model `null` with an engine that answers while it accepts, so that HTTP alone is left. See `front.py`."""

import sys
from collections.abc import Sequence
from concurrent.futures import Future

from andon.engine.base import EngineStatistics, Job, LoadedModel
from andon.engine.models import Models
from andon.engine.placement import Choice
from andon.machine.memory import return_large_buffers
from andon.predictions import Prediction
from andon.service import Service
from andon.settings.serve import ServeSettings
from andon.web.listening import bind
from andon.web.server import Server

_TIMINGS_MS = {"queue": 0.01, "decode": 0.01, "prepare": 0.01, "infer": 0.01, "finish": 0.01}
ANSWER = Prediction(label="null", index=0, score=1.0, scores=(1.0,), timings_ms=_TIMINGS_MS, device="cpu")


class InstantEngine:
    """Loads as any engine does, and answers each image in the call that submits it."""

    def __init__(self, settings: ServeSettings) -> None:
        self._models = Models(settings, Choice(devices=("cpu",)))

    def attach(self) -> None:
        """Work in any thread."""

    def load(self, path: str | None) -> LoadedModel:
        """Load a model."""
        return self._models.load(path)

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """Answer at once."""
        futures: list[Future[Prediction]] = [Future() for _ in jobs]
        for future in futures:
            future.set_result(ANSWER)
        return futures

    def hold(self, seconds: float) -> Future[None]:
        """Hold nothing."""
        raise NotImplementedError

    def statistics(self) -> EngineStatistics:
        """Count nothing."""
        return EngineStatistics(queued=0, running=0, held_bytes=0, answered=0, expired=0, cancelled=0, refused=0)

    def close(self, timeout_s: float) -> None:
        """End."""


def main() -> None:
    """Serve on the port that is given."""
    return_large_buffers()
    settings = ServeSettings(port=int(sys.argv[1]))
    with bind(settings) as listener:
        Server(Service(InstantEngine(settings), [None], settings), on_ready=lambda: None).run(listener)


if __name__ == "__main__":
    main()
