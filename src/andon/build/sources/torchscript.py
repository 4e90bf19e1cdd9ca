"""A model as TorchScript: a file of `torch.jit.save`, or the module that it holds."""

import functools
from pathlib import Path
from typing import TYPE_CHECKING

from andon.build.export_script import export_script
from andon.build.graph_input import GraphInput
from andon.build.sources.base import Form, Made
from andon.build.sources.module import wrong_inputs
from andon.build.sources.torch_forms import make_batched, writer
from andon.build.sources.torch_reference import answer_of, takes_batches
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError, first_line
from andon.runtimes import torch_load
from andon.tensors import FloatArray

if TYPE_CHECKING:
    import torch


class TorchScriptSource:
    """
    A script module in evaluation mode, run as it is.

    Args:
        script: Takes one tensor, float32 (N, C, H, W).

    Raises:
        PackError: `pack.model`: its forward needs something else.
    """

    forms: tuple[Form, ...] = ("onnx", "torchscript")
    usual_forms: tuple[Form, ...] = ("onnx", "torchscript")
    package = "torch"

    def __init__(self, script: "torch.jit.ScriptModule") -> None:
        needed = torch_load.needed_inputs(script)
        if len(needed) != 1:
            raise wrong_inputs(needed)
        self._script = script

    def require_fit(self, spec: InputSpec, size: tuple[int, int]) -> None:
        """Return: TorchScript says nothing of the images that it takes."""

    def answer(self, model_input: FloatArray) -> FloatArray:
        """Run the script module."""
        return answer_of(self._script, model_input)

    def make(self, form: Form, wanted: GraphInput) -> Made:
        """Convert the script, its branches and loops too, to ONNX; or keep it, with the normalisation in front."""
        several = takes_batches(self._script, wanted)
        onnx = functools.partial(export_script, self._script, wanted)
        write = onnx if form == "onnx" else writer(form, self._script, wanted)
        return make_batched(write, several=several)


def read_script(data: bytes, path: Path) -> "torch.jit.ScriptModule":
    """
    Read a TorchScript file.

    Args:
        data: Its bytes.
        path: What to call it.

    Raises:
        PackError: `pack.model`: it is damaged, or of a version that this torch cannot read.
    """
    import torch

    try:
        script: torch.jit.ScriptModule = torch_load.read_torchscript(data, torch.device("cpu"))
    except Exception as error:
        # The library raises RuntimeError and what its C++ side lets through.
        raise PackError(
            f"torch {torch.__version__} cannot read the TorchScript: {first_line(error)}",
            code="pack.model",
            where=str(path),
            hint="save it again with torch.jit.save; what optimize_for_inference makes cannot be saved",
        ) from error
    return script
