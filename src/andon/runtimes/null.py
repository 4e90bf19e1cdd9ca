"""The runtime `null`: answers zeros at once, to test everything around a model."""

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.runtimes.base import Session, SessionOptions
from andon.tensors import FloatArray, InputArray


class NullRuntime:
    """Opens anything and reads nothing of it."""

    name = "null"
    formats = frozenset({"onnx", "pt2", "torchscript", "eager"})
    precisions = frozenset({"fp32", "bf16", "int8"})
    devices = frozenset({"cpu", "cuda"})

    def is_installed(self) -> bool:
        """Return true: it needs no library."""
        return True

    def require_installed(self) -> None:
        """Return: it needs no library."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Give a session that answers zeros of the wanted shape, with sides of 1 where they are open."""
        return NullSession(options.output_shape or ())


class NullSession:
    """Answers zeros of a given shape for images of any size."""

    input_shape: tuple[int, int, int] | None = None

    def __init__(self, output_shape: tuple[int | None, ...]) -> None:
        self._shape = tuple(side or 1 for side in output_shape)

    def run(self, batch: InputArray) -> FloatArray:
        """Return float32 zeros of shape (N, ...)."""
        return np.zeros((len(batch), *self._shape), np.float32)
