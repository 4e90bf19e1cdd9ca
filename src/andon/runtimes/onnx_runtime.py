"""The runtime `onnxruntime`: ONNX artifacts on the CPU."""

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.errors import RuntimeFault, missing_extra
from andon.runtimes.base import Session, SessionOptions
from andon.tensors import FloatArray, UInt8Array

if TYPE_CHECKING:
    import onnxruntime


class OnnxRuntime:
    """Opens ONNX artifacts with ONNX Runtime."""

    name = "onnxruntime"
    formats = frozenset({"onnx"})

    def is_installed(self) -> bool:
        """Ask whether onnxruntime can be imported."""
        return find_spec("onnxruntime") is not None

    def require_installed(self) -> None:
        """Raise where onnxruntime is absent; it is a core dependency, so the install is broken."""
        if not self.is_installed():
            raise missing_extra("onnxruntime", "all", "running an ONNX artifact")

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Load an ONNX artifact from memory."""
        self.require_installed()
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(data, _session_options(options), providers=["CPUExecutionProvider"])
        except Exception as error:
            # The library raises its own classes, which share no base but Exception.
            raise RuntimeFault(
                f"ONNX Runtime refuses the artifact: {first_line(error)}", code="runtime.load", where=artifact.path
            ) from error
        return _OnnxSession(session, artifact.path)


def _session_options(options: SessionOptions) -> "onnxruntime.SessionOptions":
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    # Waiting threads that spin take the cores from other processes: facts measured a factor of nine.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.inter_op.allow_spinning", "0")
    settings.log_severity_level = 4
    return settings


class _OnnxSession:
    def __init__(self, session: "onnxruntime.InferenceSession", where: str) -> None:
        inputs, outputs = session.get_inputs(), session.get_outputs()
        if len(inputs) != 1 or not outputs or inputs[0].type != "tensor(uint8)" or len(inputs[0].shape) != 4:
            found = ", ".join(f"{i.name}: {i.type} {i.shape}" for i in inputs)
            raise RuntimeFault(
                f"expected one input of uint8 (N, H, W, C), got {found or 'none'}", code="runtime.load", where=where
            )
        self._session = session
        self._input, self._output = inputs[0].name, outputs[0].name
        self.input_shape = _fixed_shape(inputs[0].shape[1:])

    def run(self, batch: UInt8Array) -> FloatArray:
        """Run one batch; one thread means the caller's."""
        try:
            (raw_outputs,) = self._session.run([self._output], {self._input: batch})
        except Exception as error:
            # As above: the library's errors share no base but Exception.
            raise RuntimeFault(f"ONNX Runtime failed: {first_line(error)}", code="runtime.run") from error
        return np.asarray(raw_outputs, dtype=np.float32)


def _fixed_shape(axes: list[Any]) -> tuple[int, int, int] | None:
    height, width, channels = axes
    if all(isinstance(axis, int) for axis in axes):
        return height, width, channels
    return None


def first_line(error: Exception) -> str:
    """Cut the message of a library to its first line, of at most 300 characters."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
