"""
The contract of an engine: jobs in, futures out, and every accepted job answered exactly once.

Callers see nothing of threads or processes, so one engine can take the place of another.
"""

import enum
import math
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol

from msgspec import Struct

from andon.bundle.manifest import Execution, Manifest
from andon.model.canary import Canary
from andon.model.choose import PassedOver
from andon.model.prove import Proof
from andon.predictions import Prediction
from andon.tensors import PixelArray


class Priority(enum.IntEnum):
    """Who goes first: the line before people who wait, and they before work in bulk."""

    line = 0
    interactive = 1
    batch = 2


class Job(Struct, frozen=True, kw_only=True):
    """One image for one model."""

    model: str
    """Digest of a model that the engine has loaded."""
    image: bytes | PixelArray
    """An encoded image, or pixels as `Model.predict` takes them."""
    priority: Priority = Priority.interactive
    deadline: float = math.inf
    """When an answer is no longer of use, in seconds of `time.monotonic`."""
    is_canary: bool = False
    """A golden sample, accepted however much is held: whether a model is healthy must not depend on the load."""

    @property
    def size_bytes(self) -> int:
        """What it holds in memory."""
        return len(self.image) if isinstance(self.image, bytes) else self.image.nbytes


class LoadedModel(Struct, frozen=True, kw_only=True):
    """What an engine says of a model that it has loaded and proven."""

    manifest: Manifest
    digest: str
    execution: Execution
    proof: Proof | None
    """None for the runtime `null`, which has nothing to prove."""
    canary: Canary
    """An image to ask the model again and again."""
    devices: tuple[str, ...] = ("cpu",)
    """Where a copy of it computes: `cpu` alone, or cards."""
    passed_over: tuple[PassedOver, ...] = ()
    """Executions of its bundle that come before the one in use, and why they are not; of the first copy."""

    @property
    def name(self) -> str:
        """The name in the manifest."""
        return self.manifest.name

    @property
    def version(self) -> str:
        """The first 12 hex digits of the digest."""
        return self.digest[:12]


class EngineStatistics(Struct, frozen=True, kw_only=True):
    """What an engine holds now, and what it has done since it began."""

    queued: int
    """Jobs that wait."""
    running: int
    """Jobs that are being computed."""
    held_bytes: int
    """Bytes of the images of both."""
    answered: int
    """Jobs answered in time, with a label or with the error of their image."""
    expired: int
    """Jobs answered with `engine.deadline`."""
    cancelled: int
    """Jobs that their callers gave up while they waited."""
    refused: int
    """Jobs that were not accepted."""
    retried: int = 0
    """Times that a job was given to another worker, because the first ended."""
    quarantined: int = 0
    """Jobs answered with `engine.quarantine`."""
    workers: int = 1
    """Workers that are ready: processes, or threads of this one."""
    replaced: int = 0
    """Workers that ended, or were given up."""


class Engine(Protocol):
    """Runs jobs for many callers; every method may be called from any thread."""

    def attach(self) -> None:
        """
        Work in the running event loop of the calling thread from now on, if that is of use.

        Futures are then answered in that thread, so that waiting for them there costs little. To be
        called before anything is loaded, or not at all.
        """
        ...

    def load(self, path: str | None) -> LoadedModel:
        """
        Load a bundle and prove it; jobs for it are accepted from then on.

        Args:
            path: A `.andon` file or a bundle folder; None for the model `null`.

        Returns:
            What was loaded. A model that is loaded already stays as it is.

        Raises:
            AndonError: As `andon.load`; the engine goes on with what it had.
        """
        ...

    def submit(self, jobs: Sequence[Job]) -> list[Future[Prediction]]:
        """
        Accept all of the jobs, or none.

        Returns:
            A future for each, in their order. It is answered exactly once, at the latest one tick
            after the deadline, and never raises: a prediction with `error` set says why there is no
            label, `engine.deadline` among the reasons. Cancelling one that waits frees its place.
            One that runs cannot be cancelled, and is answered; but of an image that is cut into
            tiles no further batch is run where it was tried, or the deadline has passed.

        Raises:
            EngineError: `engine.full`: too many jobs or bytes are held; `engine.closed`: `close`
                was called; `engine.deadline`: a deadline has passed already.
            ValueError: A job names a model that is not loaded.
        """
        ...

    def hold(self, seconds: float) -> Future[None]:
        """
        Occupy one worker, as a request would that takes so long; nothing else runs on it meanwhile.

        Raises:
            EngineError: As `submit`.
        """
        ...

    def statistics(self) -> EngineStatistics:
        """Count what is held and what was done."""
        ...

    def close(self, timeout_s: float) -> None:
        """
        Accept nothing more, and finish what was accepted; what is left after the time is answered `engine.closed`.

        A second call returns at once.
        """
        ...
