"""A model as a program of `torch.export`: a `.pt2` file, or the object that it holds."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.build.graph_input import GraphInput
from andon.build.sources.base import Form, Made
from andon.build.sources.module import wrong_inputs
from andon.build.sources.torch_forms import make_batched, writer
from andon.build.sources.torch_reference import answer_of, takes_batches
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError, RuntimeFault, first_line
from andon.runtimes import torch_load
from andon.runtimes.torch_archive import without_pickles
from andon.tensors import FloatArray, sides_in_words

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram


class ExportedSource:
    """
    An exported program, run as it is.

    Args:
        program: Takes one tensor, float32 (N, C, H, W).

    Raises:
        PackError: `pack.model`: it takes something else, or more than one image at once.
    """

    forms: tuple[Form, ...] = ("onnx", "pt2")
    usual_forms: tuple[Form, ...] = ("onnx", "pt2")
    package = "torch"

    def __init__(self, program: "ExportedProgram") -> None:
        self._axes = _axes(_only_input(program))
        self._network = _as_network(program)

    def require_fit(self, spec: InputSpec, size: tuple[int, int]) -> None:
        """Refuse another number of channels or another size than the program was exported for."""
        wanted = (spec.channels, *size)
        if any(axis not in (None, want) for axis, want in zip(self._axes[1:], wanted, strict=True)):
            raise PackError(
                f"the program takes images of the shape ({sides_in_words(self._axes[1:])}) (C, H, W), "
                f"the declaration gives {wanted}",
                code="pack.input",
                hint="declare the size that the program was exported with, as crop or resize",
            )

    def answer(self, model_input: FloatArray) -> FloatArray:
        """Run the program."""
        return answer_of(self._network, model_input)

    def make(self, form: Form, wanted: GraphInput) -> Made:
        """Trace the program with the normalisation in front, and write it in the wanted form."""
        several = self._axes[0] is None and takes_batches(self._network, wanted)
        write = writer(form, self._network, wanted)
        return make_batched(write, several=several)


def read_program(data: bytes, path: Path) -> "ExportedProgram":
    """
    Read a `.pt2` file; nothing in it is unpickled.

    Args:
        data: Its bytes.
        path: What to call it.

    Raises:
        PackError: `pack.model`: it is damaged, holds something pickled, or is of another version of torch.
    """
    import torch

    try:
        plain = without_pickles(data, str(path))
    except RuntimeFault as error:
        raise PackError(error.message, code="pack.model", where=str(path), hint=_export_again()) from error
    try:
        return torch_load.read_program(plain, torch.device("cpu"))
    except Exception as error:
        # torch raises classes of several private modules, for damage as for versions.
        raise PackError(
            f"torch {torch.__version__} cannot read the program: {first_line(torch_load.first_cause(error))}",
            code="pack.model",
            where=str(path),
            hint=_export_again(),
        ) from error


def _export_again() -> str:
    return "export and save it again, with torch.export.save of the version that packs it"


def _only_input(program: "ExportedProgram") -> "torch.Tensor":
    names = [str(name) for name in program.graph_signature.user_inputs]
    if len(names) != 1:
        raise wrong_inputs(names)
    value: Any = next(node.meta.get("val") for node in program.graph.nodes if node.name == names[0])
    if getattr(value, "ndim", 0) != 4 or str(value.dtype) != "torch.float32":
        found = f"{value.dtype} of {value.ndim} axes" if hasattr(value, "ndim") else type(value).__name__
        raise PackError(
            f"the program takes {found}, expected float32 images (N, C, H, W)",
            code="pack.model",
            where=f"its input {names[0]}",
            hint="export the network in float32: torch.export.export(model.float().eval(), (images,))",
        )
    return value  # type: ignore[no-any-return] # it has axes and a dtype


def _axes(value: "torch.Tensor") -> tuple[int | None, ...]:
    """Give the four axes of the input, None for a free one; the batch is free or 1."""
    sides: Sequence[object] = value.shape
    axes = tuple(side if isinstance(side, int) else None for side in sides)
    if axes[0] not in (None, 1):
        raise PackError(
            f"the program takes exactly {axes[0]} images at once",
            code="pack.model",
            hint='export it with a free batch: dynamic_shapes=({0: torch.export.Dim("batch")},)',
        )
    return axes


def _as_network(program: "ExportedProgram") -> "nn.Module":
    """Give the program as a module that can be a part of another one."""
    network = program.module()
    # What is exported has one mode for good, and raises where another module passes its own mode on to it.
    network.train = lambda mode=True: network  # type: ignore[method-assign] # noqa: ARG005 -- as above
    return network
