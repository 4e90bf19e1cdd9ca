"""Workers whose model does to its process what an image asks for, as native code of a library could."""

import ctypes
import os
import signal
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.engine import worker
from andon.errors import RuntimeFault
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from andon.runtimes.registry import RUNTIMES
from andon.tensors import FloatArray, UInt8Array
from tests.support.bundles import encode

DEADLY = "deadly"
"""The runtime."""
_FOR_EVER_S = 3600


def _use_up_memory() -> None:
    raise MemoryError


def _fail() -> None:
    raise RuntimeFault("the library failed", code="runtime.run")


def _fail_otherwise() -> None:
    raise KeyError("a mistake")


DEEDS: dict[str, Callable[[], Any]] = {
    "is killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "reads where nothing is": lambda: ctypes.string_at(0),
    "aborts": os.abort,
    "leaves": lambda: os._exit(7),
    "is stopped": lambda: (os.kill(os.getpid(), signal.SIGSTOP), time.sleep(_FOR_EVER_S)),
    "hangs": lambda: ctypes.CDLL(None).sleep(_FOR_EVER_S),
    "hangs and keeps the interpreter": lambda: ctypes.PyDLL(None).sleep(_FOR_EVER_S),
    "has no memory": _use_up_memory,
    "fails": _fail,
    "has a mistake": _fail_otherwise,
}
"""What may happen to whoever runs an image, by its name."""


def image_that(deed: str) -> bytes:
    """Make an image for which the worker does that: of one level of grey, which no photo has."""
    from PIL import Image

    return encode(Image.new("RGB", (60, 50), (_level(deed),) * 3))


def _level(deed: str) -> int:
    return 1 + list(DEEDS).index(deed)


class _DeadlySession:
    def __init__(self, session: Session) -> None:
        self._session = session
        self.input_shape = session.input_shape

    def run(self, batch: UInt8Array) -> FloatArray:
        """Do what one of the images asks for; else run them."""
        for deed, act in DEEDS.items():
            if any(np.all(image == _level(deed)) for image in batch):
                act()
        return self._session.run(batch)


class _DeadlyRuntime(OnnxRuntime):
    name = DEADLY

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Open a session that obeys its images."""
        return _DeadlySession(super().open(artifact, data, execution, options))


def main(arguments: Sequence[str]) -> None:
    """Be a worker that has this runtime."""
    RUNTIMES[DEADLY] = _DeadlyRuntime()
    worker.main(arguments)
