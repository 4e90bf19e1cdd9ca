"""A gate before the models of an engine: tests see who waits there, and decide who passes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from andon.bundle.manifest import Artifact, Execution
from andon.engine.base import Engine
from andon.engine.local import LocalEngine
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from andon.runtimes.registry import RUNTIMES
from andon.settings.serve import ServeSettings
from andon.tensors import FloatArray, UInt8Array
from tests.support.waiting import TIMEOUT_S

GATED = "gated"
"""The runtime whose sessions wait at a gate."""


class ThreadGate:
    """A gate for engines in this process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._is_open = True
        self._waiting = 0
        self._times_opened = 0
        self.error: Exception | None = None
        """What the model fails with, in place of an answer."""

    def shut(self) -> None:
        """Let nothing pass from now on."""
        with self._changed:
            self._is_open = False

    def open(self) -> None:
        """Let all pass that wait, and all that come."""
        with self._changed:
            self._is_open = True
            self._times_opened += 1
            self._changed.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many images wait at it."""
        with self._changed:
            assert self._changed.wait_for(lambda: self._waiting >= count, TIMEOUT_S), f"{count} images do not run"

    def pass_through(self) -> None:
        """Wait while it is shut; whoever waits when it is opened gets through, even if it is shut again at once."""
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            before = self._times_opened
            opened = self._changed.wait_for(lambda: self._is_open or self._times_opened > before, TIMEOUT_S)
            assert opened, "the gate stays shut"
            self._waiting -= 1
        if self.error is not None:
            raise self.error


class GatedSession:
    """A session behind a gate."""

    def __init__(self, session: Session, gate: ThreadGate) -> None:
        self._session = session
        self._gate = gate
        self.input_shape = session.input_shape

    def run(self, batch: UInt8Array) -> FloatArray:
        """Run the batch, once the gate is open."""
        self._gate.pass_through()
        return self._session.run(batch)


class GatedRuntime(OnnxRuntime):
    """ONNX Runtime behind a gate."""

    name = GATED

    def __init__(self, gate: ThreadGate) -> None:
        self._gate = gate

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Open a session behind the gate."""
        return GatedSession(super().open(artifact, data, execution, options), self._gate)


@contextmanager
def gated_runtime() -> Iterator[ThreadGate]:
    """Register the runtime `gated` for a while, and give its gate."""
    gate = ThreadGate()
    RUNTIMES[GATED] = GatedRuntime(gate)
    try:
        yield gate
    finally:
        gate.open()
        del RUNTIMES[GATED]


def gated_engine(settings: ServeSettings) -> Engine:
    """Make a local engine whose models wait at the gate."""
    return LocalEngine(msgspec.structs.replace(settings, runtime=GATED))
