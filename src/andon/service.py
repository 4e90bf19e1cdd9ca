"""
The one door to the models that are served: which there are, whether they are ready, and jobs for them.

It knows nothing of HTTP, and runs nothing itself: the engine does.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from andon.engine.base import Engine, EngineStatistics, Job, LoadedModel, Priority
from andon.engine.policy import RETRY_AFTER_S
from andon.errors import CODES, AndonError, EngineError, RequestError, UsageError
from andon.predictions import Prediction
from andon.settings.serve import ServeSettings
from andon.tensors import PixelArray

MISSED_CANARIES = 3
"""Canaries in a row without a right answer after which a model is not ready."""
State = Literal["loading", "ready", "failed"]


class ModelStatus(Struct, frozen=True, kw_only=True):
    """One of the models that are served, and how it is."""

    name: str
    """The name in its manifest; until that is read, the name of its file."""
    state: State
    reason: str | None = None
    """Why it is not ready, in a sentence that may be shown to a client."""
    loaded: LoadedModel | None = None
    """What the engine says of it; None until it is loaded."""


class Terms(Struct, frozen=True, kw_only=True):
    """On what terms a caller waits."""

    deadline: float
    """In seconds of `time.monotonic`."""
    priority: Priority = Priority.interactive


class Service:
    """
    Serves several models with one engine; may be used from several threads at once.

    Args:
        engine: Ended by `close`.
        paths: Bundles, at least one; the first is the default model. None stands for the model `null`.
        settings: How often canaries are asked.

    Raises:
        UsageError: `usage.argument`: there is no bundle.
    """

    def __init__(self, engine: Engine, paths: Sequence[str | None], settings: ServeSettings) -> None:
        if not paths:
            raise UsageError(
                "there is no bundle to serve", code="usage.argument", hint="andon serve scratch.andon, or --null"
            )
        self.settings = settings
        self._engine = engine
        self._lock = threading.Lock()
        self._turned_away = 0
        self._paths = list(paths)
        self._models: list[_Served] = [_Served(_stem(path)) for path in paths]

    def attach(self) -> None:
        """Let the engine work in the running event loop of the calling thread, if it is of use; before `load`."""
        self._engine.attach()

    def load(self) -> None:
        """
        Load and prove the models, one after the other, and ask each its canary.

        Raises:
            AndonError: One of them does not load, or does not prove itself; `usage.argument`: two
                files hold the same bundle; `engine.closed`: `close` was called meanwhile.
        """
        for served, path in zip(self._models, self._paths, strict=True):
            try:
                loaded = self._engine.load(path)
                self._require_new(loaded)
            except Exception as error:
                served.failure = _why(error)
                raise
            served.loaded = loaded
            self.note_canary(loaded.digest, self._ask_canary(loaded).result())

    def _require_new(self, loaded: LoadedModel) -> None:
        if any(other.loaded is not None and other.loaded.digest == loaded.digest for other in self._models):
            raise UsageError(
                f"the bundle {loaded.name}:{loaded.version} is given twice", code="usage.argument", hint="leave one out"
            )

    def models(self) -> list[ModelStatus]:
        """List the models in the order in which they were given."""
        now, has_workers = time.monotonic(), self._engine.statistics().workers > 0
        return [served.status(now, self._patience_s, has_workers=has_workers) for served in self._models]

    def is_ready(self) -> bool:
        """Ask whether every model has held its proof and answered a canary recently, and there are workers for it."""
        return all(model.state == "ready" for model in self.models())

    def find(self, name: str | None = None, version: str | None = None) -> LoadedModel:
        """
        Find a model to ask.

        Args:
            name: None for the first.
            version: The version or the whole digest; None for the first of the name.

        Raises:
            RequestError: `request.model`: there is none.
            AndonError: `service.unready`: it is not loaded yet.
        """
        unloaded = [served for served in self._models if served.loaded is None]
        candidates = [served.loaded for served in self._models if served.loaded is not None]
        if name is None and self._models[0].loaded is None:
            raise _unready(self._models[0].failure)
        for model in candidates:
            if name in (None, model.name) and version in (None, model.version, model.digest):
                return model
        if unloaded:
            raise _unready(unloaded[0].failure)
        asked = name if version is None else f"{name}:{version}"
        raise RequestError(
            f"there is no model {str(asked)[:80]!r} here",
            code="request.model",
            hint=f"served are {', '.join(f'{model.name}:{model.version}' for model in candidates)}",
        )

    def require_room(self, model: LoadedModel) -> None:
        """
        Refuse what `submit` would refuse whatever the image is, so that it need not be read first.

        Raises:
            EngineError: `engine.full`: as many images are held as may be.
            AndonError: `service.unready`, as `submit`.
        """
        self._loaded(model.digest).require_right()
        statistics = self._engine.statistics()
        held = statistics.queued + statistics.running
        if held >= self.settings.max_queue_jobs:
            with self._lock:
                self._turned_away += 1
            raise EngineError(
                f"{held} images wait or run, and there is no room for more",
                code="engine.full",
                hint=f"try again in {RETRY_AFTER_S} s",
            )

    def submit(
        self, model: LoadedModel, images: Sequence[bytes | PixelArray], terms: Terms
    ) -> list[Future[Prediction]]:
        """
        Have images predicted; all of them are accepted, or none.

        Raises:
            EngineError: As `Engine.submit`.
            AndonError: `service.unready`: the model has answered no golden sample yet, or one wrongly.
        """
        self._loaded(model.digest).require_right()
        return self._engine.submit(
            [Job(model=model.digest, image=image, deadline=terms.deadline, priority=terms.priority) for image in images]
        )

    def hold(self, seconds: float) -> Future[None]:
        """Occupy one worker, to see whether requests run side by side."""
        return self._engine.hold(seconds)

    def ask_canaries(self) -> dict[str, Future[Prediction]]:
        """
        Ask each loaded model its canary, before what else waits; give the futures by digest.

        The answers are noted as they come, so that a model that hangs keeps no other one waiting.

        Raises:
            EngineError: `engine.closed`.
        """
        loaded = [served.loaded for served in self._models if served.loaded is not None]
        asked = {model.digest: self._ask_canary(model) for model in loaded}
        for digest, future in asked.items():
            future.add_done_callback(partial(self._note_answer, digest))
        return asked

    def _note_answer(self, digest: str, future: Future[Prediction]) -> None:
        if not future.cancelled():
            self.note_canary(digest, future.result())

    def _ask_canary(self, model: LoadedModel) -> Future[Prediction]:
        job = Job(
            model=model.digest,
            image=model.canary.image,
            deadline=time.monotonic() + self._patience_s,
            priority=Priority.line,
            is_canary=True,
        )
        return self._engine.submit([job])[0]

    @property
    def _patience_s(self) -> float:
        return MISSED_CANARIES * self.settings.canary_interval_s

    def note_canary(self, digest: str, prediction: Prediction) -> None:
        """Take the answer to a canary: a right one keeps the model ready for a while."""
        self._loaded(digest).note_canary(prediction, time.monotonic())

    def _loaded(self, digest: str) -> "_Served":
        """Give what is known of a model that the engine has loaded."""
        return next(served for served in self._models if served.loaded and served.loaded.digest == digest)

    def statistics(self) -> EngineStatistics:
        """Count what the engine holds and has done; what `require_room` has refused counts as refused."""
        statistics = self._engine.statistics()
        return replace(statistics, refused=statistics.refused + self._turned_away)

    def close(self, timeout_s: float) -> None:
        """Finish what was accepted, within the time, and end the engine."""
        self._engine.close(timeout_s)


class _Health(Struct, frozen=True, kw_only=True):
    """What the canaries of one model say."""

    answered_at: float | None = None
    """When the last right answer came; None where there is none to rely on."""
    wrong: str | None = None
    """What was wrong with the last answer; None where it was right, or there is none yet."""


class _Served:
    """What is known of one model; each field is set at once, so readers need no lock."""

    def __init__(self, stem: str) -> None:
        self._stem = stem
        self._health = _Health()
        self.failure: str | None = None
        self.loaded: LoadedModel | None = None

    def note_canary(self, prediction: Prediction, now: float) -> None:
        if self.loaded is not None and self.loaded.canary.holds(prediction):
            self._health = _Health(answered_at=now)
        elif prediction.error is not None:
            wrong = f"a golden sample was not answered [{prediction.error.code}]"
            self._health = _Health(answered_at=self._health.answered_at, wrong=wrong)
        else:
            # A wrong answer is no matter of time: nothing more is to be relied on.
            self._health = _Health(wrong="a golden sample was answered wrongly")

    def require_right(self) -> None:
        """
        Refuse what asks a model whose answers are not known to be right: better none than a wrong one.

        One that was right and is silent now is asked all the same; it may be busy, and deadlines hold.
        """
        if self._health.answered_at is None:
            raise _unready(self._health.wrong)

    def status(self, now: float, patience_s: float, *, has_workers: bool) -> ModelStatus:
        loaded, health = self.loaded, self._health
        if loaded is None:
            state: State = "loading" if self.failure is None else "failed"
            return ModelStatus(name=self._stem, state=state, reason=self.failure or "it is being loaded and proven")
        if health.answered_at is None:
            state = "loading" if health.wrong is None else "failed"
            reason = health.wrong or "its first golden sample is being asked"
            return ModelStatus(name=loaded.name, state=state, reason=reason, loaded=loaded)
        if not has_workers:
            reason = "no worker is ready; those that ended are being replaced"
            return ModelStatus(name=loaded.name, state="failed", reason=reason, loaded=loaded)
        silent_s = now - health.answered_at
        if silent_s > patience_s:
            reason = health.wrong or f"no golden sample was answered for {silent_s:.0f} s"
            return ModelStatus(name=loaded.name, state="failed", reason=reason, loaded=loaded)
        return ModelStatus(name=loaded.name, state="ready", loaded=loaded)


def _stem(path: str | None) -> str:
    return "null" if path is None else Path(path).stem


def _why(error: Exception) -> str:
    """Say why a model does not load, without what may name files of this machine."""
    code = error.code if isinstance(error, AndonError) else "service.fault"
    sentence = CODES[code].removesuffix(".")
    return f"{sentence[0].lower()}{sentence[1:]} [{code}]"


def _unready(failure: str | None) -> AndonError:
    return AndonError(failure or "the model is being loaded and proven", code="service.unready", hint="ask again soon")
