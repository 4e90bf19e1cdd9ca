"""The runtime `null`: answers zeros at once, to test everything around a model."""

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.runtimes.base import Session, SessionOptions
from andon.tensors import FloatArray, UInt8Array


class NullRuntime:
    """Opens anything and reads nothing of it."""

    name = "null"
    formats = frozenset({"onnx"})

    def is_installed(self) -> bool:
        """Return true: it needs no library."""
        return True

    def require_installed(self) -> None:
        """Return: it needs no library."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Give a session that answers a zero for each label."""
        return NullSession(options.classes)


class NullSession:
    """Answers zeros of a given number of classes for images of any size."""

    input_shape: tuple[int, int, int] | None = None

    def __init__(self, classes: int) -> None:
        self._classes = classes

    def run(self, batch: UInt8Array) -> FloatArray:
        """Return float32 zeros of shape (N, classes)."""
        return np.zeros((len(batch), self._classes), np.float32)
