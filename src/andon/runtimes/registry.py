"""The runtimes by name. A new one is a module beside this and a line here."""

from andon.errors import RuntimeFault
from andon.runtimes.base import Runtime
from andon.runtimes.null import NullRuntime
from andon.runtimes.onnx_runtime import OnnxRuntime
from andon.runtimes.openvino_runtime import OpenVino
from andon.runtimes.torch_runtime import TorchRuntime

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime for runtime in (OnnxRuntime(), OpenVino(), TorchRuntime(), NullRuntime())
}


def get_runtime(name: str) -> Runtime:
    """
    Return the runtime of this name, installed or not.

    Raises:
        RuntimeFault: `runtime.unknown`.
    """
    if name not in RUNTIMES:
        raise RuntimeFault(
            f"there is no runtime {name!r}, expected one of {', '.join(sorted(RUNTIMES))}", code="runtime.unknown"
        )
    return RUNTIMES[name]


def is_installed(name: str) -> bool:
    """Ask whether there is a runtime of this name and its library is here."""
    return name in RUNTIMES and RUNTIMES[name].is_installed()
