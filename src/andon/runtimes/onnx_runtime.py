"""The runtime `onnxruntime`: ONNX artifacts on the CPU."""

import os
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.bundle.onnx_file import require_whole_onnx
from andon.errors import EnvironmentFault, RuntimeFault, first_line
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
            raise EnvironmentFault(
                "running an ONNX artifact needs onnxruntime, which is not installed",
                code="environment.extra",
                hint="pip install onnxruntime",
            )

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Load an ONNX artifact from memory; it must take one batch of images and answer with float32 scores."""
        self.require_installed()
        require_whole_onnx(data, artifact.path)
        onnxruntime = import_onnxruntime()
        try:
            session = onnxruntime.InferenceSession(data, _session_options(options), providers=["CPUExecutionProvider"])
        except Exception as error:
            # The library raises its own classes, which share no base but Exception.
            raise RuntimeFault(
                f"ONNX Runtime refuses the artifact: {first_line(error)}", code="runtime.load", where=artifact.path
            ) from error
        _require_image_to_scores(session, options.classes, artifact.path)
        session.disable_fallback()
        session._model_bytes = None  # noqa: SLF001 -- kept for a fallback only, as much memory as the model itself
        return _OnnxSession(session)


def import_onnxruntime() -> ModuleType:
    """Import ONNX Runtime with its telemetry switched off; nothing else in Andon imports it."""
    # Since 1.29 its Linux builds keep a device id and a database in the user's cache, report to Microsoft, and run a
    # thread for that, without which a forked child hangs at its exit. Only this variable prevents all of it, and only
    # before the import: `disable_telemetry_events` comes too late. It is meant for the whole process, and so stays set.
    # A host that has set it has decided. https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime

    module: ModuleType = onnxruntime
    return module


def _session_options(options: SessionOptions) -> "onnxruntime.SessionOptions":
    settings = import_onnxruntime().SessionOptions()
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores from other processes: four workers were nine times slower.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    settings.add_session_config_entry("session.inter_op.allow_spinning", "0")
    # Else bytes that look like ONNX Runtime's own format would be loaded as that, whatever the bundle declares.
    settings.add_session_config_entry("session.load_model_format", "ONNX")
    # The arena stays, though it stays as large as the largest batch made it: EfficientNet-Lite0 levels off at 100 MB
    # above its loaded size for batches of 1 to 8 in any order, and without an arena a batch of 8 takes 130 ms, not 95.
    settings.log_severity_level = 4
    return settings


class _OnnxSession:
    """A graph from uint8 (N, H, W, C), N any number or always 1, to float32 (N, K)."""

    def __init__(self, session: "onnxruntime.InferenceSession") -> None:
        (graph_input,), (graph_output,) = session.get_inputs(), session.get_outputs()
        self._session = session
        self._input, self._output = graph_input.name, graph_output.name
        self._takes_one = graph_input.shape[0] == 1
        self.input_shape = _fixed_shape(graph_input.shape[1:])

    def run(self, batch: UInt8Array) -> FloatArray:
        """Run one batch; one thread means the caller's."""
        if self._takes_one and len(batch) > 1:
            return np.concatenate([self._run(batch[index : index + 1]) for index in range(len(batch))])
        return self._run(batch)

    def _run(self, batch: UInt8Array) -> FloatArray:
        raw_outputs: FloatArray
        try:
            (raw_outputs,) = self._session.run([self._output], {self._input: batch})
        except Exception as error:
            # As above: the library's errors share no base but Exception.
            raise RuntimeFault(f"ONNX Runtime failed: {first_line(error)}", code="runtime.run") from error
        return raw_outputs


def _require_image_to_scores(session: "onnxruntime.InferenceSession", classes: int, where: str) -> None:
    """Refuse a graph that takes anything but a batch of images, or answers with anything but one row of scores each."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    if len(inputs) != 1 or inputs[0].type != "tensor(uint8)" or not _fits(inputs[0].shape, (1, None, None, None)):
        raise _unfit("input of uint8 (N, H, W, C)", inputs, where)
    if len(outputs) != 1 or outputs[0].type != "tensor(float)" or not _fits(outputs[0].shape, (1, classes)):
        raise _unfit(f"output of float32 (N, {classes}), a column for each label", outputs, where)


def _fits(shape: list[Any], wanted: tuple[int | None, ...]) -> bool:
    """Ask whether every axis of a fixed length has the wanted one; None wants any, and an open axis has no length."""
    return len(shape) == len(wanted) and all(
        length is None or not isinstance(axis, int) or axis == length
        for axis, length in zip(shape, wanted, strict=True)
    )


def _unfit(wanted: str, found: list[Any], where: str) -> RuntimeFault:
    listed = ", ".join(f"{item.name}: {item.type} {item.shape}" for item in found)
    return RuntimeFault(f"expected one {wanted}, the graph has {listed or 'none'}", code="runtime.load", where=where)


def _fixed_shape(axes: list[Any]) -> tuple[int, int, int] | None:
    height, width, channels = axes
    if all(isinstance(axis, int) for axis in axes):
        return height, width, channels
    return None
