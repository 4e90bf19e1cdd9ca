"""The runtime `onnxruntime`: ONNX artifacts on the CPU, and on CUDA cards with its build for them."""

import os
import sys
from contextlib import redirect_stdout
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.bundle.onnx_file import require_whole_onnx
from andon.errors import EnvironmentFault, RuntimeFault, first_line
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.ports import Port, require_images_to_outputs
from andon.settings.devices import CPU, card_number
from andon.tensors import FloatArray, InputArray

if TYPE_CHECKING:
    import onnxruntime


_DTYPES = {"tensor(uint8)": "uint8", "tensor(uint16)": "uint16", "tensor(float)": "float32"}
"""numpy's names for the types that an artifact and its raw outputs may have."""
_ON_CPU, _ON_CARD = "CPUExecutionProvider", "CUDAExecutionProvider"
_INSTALL = (
    "pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]': "
    "the two packages write the same module, so the one for the CPU has to go first"
)


class OnnxRuntime:
    """Opens ONNX artifacts with ONNX Runtime."""

    name = "onnxruntime"
    formats = frozenset({"onnx"})
    precisions = frozenset({"fp32", "int8"})
    devices = frozenset({"cpu", "cuda"})

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
        """Load an ONNX artifact from memory; it must take one batch of images and give one tensor of float32."""
        self.require_installed()
        require_whole_onnx(data, artifact.path)
        if options.device == CPU:
            session = _open_on_cpu(data, artifact, options)
        else:
            session = _open_on_card(data, artifact, options)
        inputs, outputs = ([_port(node) for node in nodes] for nodes in (session.get_inputs(), session.get_outputs()))
        require_images_to_outputs(inputs, outputs, artifact, options.output_shape)
        session._model_bytes = None  # noqa: SLF001 -- kept for a fallback only, as much memory as the model itself
        return _OnnxSession(session, inputs[0], outputs[0])


def _open_on_cpu(data: bytes, artifact: Artifact, options: SessionOptions) -> "onnxruntime.InferenceSession":
    try:
        return _open(data, options, [_ON_CPU])
    except Exception as error:
        # The library raises its own classes, which share no base but Exception.
        raise RuntimeFault(
            f"ONNX Runtime refuses the artifact: {first_line(error)}", code="runtime.load", where=artifact.path
        ) from error


def _open_on_card(data: bytes, artifact: Artifact, options: SessionOptions) -> "onnxruntime.InferenceSession":
    """
    Open a session on a card, or raise: the library itself would go on with the CPU and say nothing.

    Single operators for which it has no code for cards are still computed by the CPU.
    """
    providers = import_onnxruntime().get_available_providers()
    if _ON_CARD not in providers:
        raise _no_card(
            options.device, f"the installed ONNX Runtime is one without CUDA: it has {', '.join(providers)}", _INSTALL
        )
    _load_cuda()
    try:
        session = _open(data, options, [(_ON_CARD, card_options(options.device)), _ON_CPU])
    except Exception as error:
        # It may be the artifact's fault, which the CPU tells without a card; the message alone is nothing to decide by.
        _open_on_cpu(data, artifact, options)
        raise _no_card(
            options.device,
            f"ONNX Runtime cannot use the card: {first_line(error)}",
            "nvidia-smi shows whether the card is there, and who has its memory",
        ) from error
    if _ON_CARD not in session.get_providers():
        raise _no_card(
            options.device,
            "ONNX Runtime would compute on the CPU in place of the card: CUDA or cuDNN do not load",
            "pip install 'onnxruntime-gpu[cuda,cudnn]'; its own log, just before this, names what is missing",
        )
    return session


def _open(data: bytes, options: SessionOptions, providers: list[Any]) -> "onnxruntime.InferenceSession":
    return import_onnxruntime().InferenceSession(
        data, _session_options(options), providers=providers, enable_fallback=False
    )


def card_options(device: str) -> dict[str, str]:
    """
    Give what ONNX Runtime is told of a card.

    Source:
        https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html
    """
    return {
        "device_id": str(card_number(device)),
        # Its 10 bits of mantissa are not fp32, and would show in the proof.
        "use_tf32": "0",
        # Several processes may share a card: none takes twice of what it needs.
        "arena_extend_strategy": "kSameAsRequested",
        # The default tries every algorithm at each new size of a batch, and keeps the memory of the largest.
        "cudnn_conv_algo_search": "HEURISTIC",
    }


def _load_cuda() -> None:
    """Let the library find the CUDA of its own pip packages; what it prints about it is no data of ours."""
    with redirect_stdout(sys.stderr):
        import_onnxruntime().preload_dlls()


def _no_card(device: str, message: str, hint: str) -> EnvironmentFault:
    """Make the error; the message is the same for each card, so that it can be told once for all."""
    return EnvironmentFault(message, code="environment.device", where=device, hint=hint)


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
    """A graph from a batch of images, N of them or always 1, to float32 (N, ...)."""

    def __init__(self, session: "onnxruntime.InferenceSession", graph_input: Port, graph_output: Port) -> None:
        self._session = session
        self._input, self._output = graph_input.name, graph_output.name
        self._takes_one = graph_input.takes_one
        self.input_shape = graph_input.image_shape

    def run(self, batch: InputArray) -> FloatArray:
        """Run one batch; one thread means the caller's."""
        if self._takes_one and len(batch) > 1:
            return np.concatenate([self._run(batch[index : index + 1]) for index in range(len(batch))])
        return self._run(batch)

    def _run(self, batch: InputArray) -> FloatArray:
        raw_outputs: FloatArray
        try:
            (raw_outputs,) = self._session.run([self._output], {self._input: batch})
        except Exception as error:
            # As above: the library's errors share no base but Exception.
            raise RuntimeFault(f"ONNX Runtime failed: {first_line(error)}", code="runtime.run") from error
        return raw_outputs


def _port(node: "onnxruntime.NodeArg") -> Port:
    axes = tuple(axis if isinstance(axis, int) else None for axis in node.shape)
    return Port(name=node.name, dtype=_DTYPES.get(node.type, node.type), shape=axes)
