"""The runtime `openvino`: ONNX artifacts on the CPU, in fp32 or bf16, and quantised ones in int8."""

import io
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.bundle.onnx_file import require_whole_onnx
from andon.errors import EnvironmentFault, RuntimeFault, missing_extra
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.ports import Port, require_images_to_outputs
from andon.tensors import FloatArray, InputArray

if TYPE_CHECKING:
    import openvino  # type: ignore[import-untyped] # it ships stubs, but does not say so

_PRECISIONS = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""OpenVINO's names for precisions; of a quantised graph it is that of the layers which were left as they were."""
_DTYPES = {"u8": "uint8", "u16": "uint16", "f32": "float32"}
"""numpy's names for the types that an artifact and its raw outputs may have."""
_TELEMETRY = "openvino_telemetry"
_CORES_LOCK = threading.Lock()


class OpenVino:
    """Opens ONNX artifacts with OpenVINO."""

    name = "openvino"
    formats = frozenset({"onnx"})
    precisions = frozenset(_PRECISIONS)
    devices = frozenset({"cpu"})

    def is_installed(self) -> bool:
        """Ask whether openvino can be imported."""
        return find_spec("openvino") is not None

    def require_installed(self) -> None:
        """Raise where openvino is absent, naming the extra."""
        if not self.is_installed():
            raise missing_extra("openvino", "openvino", "the runtime openvino")

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Load an ONNX artifact from memory; it must take one batch of images and give one tensor of float32."""
        self.require_installed()
        if options.device != "cpu":
            raise EnvironmentFault(
                f"the runtime openvino computes on the CPU, not on {options.device}",
                code="environment.device",
                hint='use device "cpu"',
            )
        require_whole_onnx(data, artifact.path)
        core = shared_core()
        if execution.precision == "bf16":
            require_bf16(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        with _refusals(artifact.path):
            model = read_onnx(data)
        inputs, outputs = ([_port(port) for port in ports] for ports in (model.inputs, model.outputs))
        require_images_to_outputs(inputs, outputs, artifact, options.output_shape)
        with _refusals(artifact.path):
            compiled = core.compile_model(model, "CPU", compile_settings(execution, options))
        return OpenVinoSession(compiled, inputs[0])


def import_openvino() -> ModuleType:
    """Import OpenVINO without its telemetry; nothing else in Andon imports it."""
    # The import itself counts its uses in ~/intel and reports them to Google Analytics; no argument or variable
    # prevents that, but where `openvino_telemetry` cannot be imported the library takes a stub of its own. It can be
    # imported again afterwards; a host that has imported one of the two before has decided.
    is_first = "openvino" not in sys.modules and _TELEMETRY not in sys.modules
    if is_first:
        sys.modules[_TELEMETRY] = None  # type: ignore[assignment] # documented: importing it raises ModuleNotFoundError
    try:
        import openvino
    finally:
        if is_first:
            sys.modules.pop(_TELEMETRY, None)
    module: ModuleType = openvino
    return module


def shared_core() -> "openvino.Core":
    """
    Give the one core of this process, a new one after a fork.

    The CPU plug-in of each core gives the loading thread a stack for signals, and takes it back when
    the core goes. Where two of them go in the order in which they came, the thread is left with
    memory that is no longer there, and the next signal ends the process.

    Source:
        https://github.com/openvinotoolkit/openvino/pull/11894
    """
    # `cache` alone lets two threads that come first make one each.
    with _CORES_LOCK:
        return _core_of(os.getpid())


@cache
def _core_of(process: int) -> "openvino.Core":  # noqa: ARG001 -- the key
    return import_openvino().Core()


def require_bf16(capabilities: list[str]) -> None:
    """
    Refuse bf16 where the processor does not compute it; OpenVINO would take fp32, or emulate it, without a word.

    Args:
        capabilities: What OpenVINO says of the processor.

    Raises:
        EnvironmentFault: `environment.device`.
    """
    if "BF16" not in capabilities:
        raise EnvironmentFault(
            f"this processor does not compute in bf16, OpenVINO names {', '.join(capabilities)}",
            code="environment.device",
            hint="use precision fp32",
        )


@contextmanager
def _refusals(where: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        # The library raises RuntimeError and classes of its own, which share no base but Exception.
        raise RuntimeFault(
            f"OpenVINO refuses the artifact: {_reason(error)}", code="runtime.load", where=where
        ) from error


def read_onnx(data: bytes) -> "openvino.Model":
    """Read the bytes as ONNX; `Core.read_model` would first try other formats, and takes another copy of the bytes."""
    frontend = import_openvino().frontend.FrontEndManager().load_by_framework("onnx")
    model: openvino.Model = frontend.convert(frontend.load(io.BytesIO(data)))
    return model


def compile_settings(execution: Execution, options: SessionOptions) -> dict[str, Any]:
    """Give what OpenVINO is told of a graph on the CPU; benchmarks/processes.py measures what it comes to."""
    # Without streams a request is computed by the thread that asks, alone, and no thread is started; one at a time.
    # With them each has its threads. More threads than cores are cut to the number of cores.
    in_caller = options.threads == 1 and options.callers == 1
    return {
        "NUM_STREAMS": 0 if in_caller else options.callers,
        "INFERENCE_NUM_THREADS": options.threads * options.callers,
        # Pinned threads of two processes share the first cores, and leave the others idle: half the throughput.
        "ENABLE_CPU_PINNING": False,
        # Said for fp32 too: by itself OpenVINO takes bf16 where the processor has it.
        "INFERENCE_PRECISION_HINT": _PRECISIONS[execution.precision],
    }


class OpenVinoSession:
    """A graph from a batch of images, N of them or always 1, to float32 (N, ...)."""

    def __init__(self, compiled: "openvino.CompiledModel", graph_input: Port) -> None:
        self._compiled = compiled
        # A request holds the tensors of one run, so each thread that runs takes its own; the last used is warm.
        self._idle: deque[openvino.InferRequest] = deque()
        self._dtype = graph_input.dtype
        self._takes_one = graph_input.takes_one
        self.input_shape = graph_input.image_shape

    def run(self, batch: InputArray) -> FloatArray:
        """Run one batch; with one thread and one caller it is computed in the calling thread."""
        if batch.dtype != self._dtype:
            # OpenVINO would cast it without a word.
            raise RuntimeFault(f"the graph takes {self._dtype}, the batch is {batch.dtype}", code="runtime.run")
        if self._takes_one and len(batch) > 1:
            return np.concatenate([self._run(batch[index : index + 1]) for index in range(len(batch))])
        return self._run(batch)

    def _run(self, batch: InputArray) -> FloatArray:
        try:
            request = self._idle.pop()
        except IndexError:
            request = self._compiled.create_infer_request()
        raw_outputs: FloatArray
        try:
            # Both are copied, the batch in and the raw outputs out: nothing refers to memory that is used again.
            (raw_outputs,) = request.infer([batch]).values()
        except Exception as error:
            # As above. The request may be spoilt, so it is not used again.
            raise RuntimeFault(f"OpenVINO failed: {_reason(error)}", code="runtime.run") from error
        self._idle.append(request)
        return raw_outputs


def _port(port: "openvino.Output") -> Port:
    shape = port.partial_shape
    axes = None if shape.rank.is_dynamic else tuple(None if a.is_dynamic else a.get_length() for a in shape)
    kind = port.element_type.get_type_name()
    return Port(name=min(port.names, default="?"), dtype=_DTYPES.get(kind, kind), shape=axes)


def _reason(error: Exception) -> str:
    """Bring the message of an error to one line of at most 300 characters, without the places in OpenVINO's source."""
    lines = (line.strip() for line in str(error).splitlines())
    told = " ".join(line for line in lines if line and not line.startswith(("Exception from ", "Check '")))
    return (told or type(error).__name__)[:300]
