"""Models as authors have them: files of ONNX, TorchScript and exported programs, small and made by hand."""

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from tests.support.author import Net

SIDE = 8
"""Height and width of the images of hand-made graphs."""
CLASSES = 4


def graph(  # noqa: PLR0913 -- each a way in which graphs differ
    *,
    layout: str = "NCHW",
    shape: Sequence[int | str | None] | None = None,
    dtype: int = TensorProto.FLOAT,
    name: str = "x",
    opset: int = 18,
    inside: bool = False,
    tail: Sequence[onnx.NodeProto] = (),
    outputs: Sequence[tuple[str, int]] = (("scores", TensorProto.FLOAT),),
) -> onnx.ModelProto:
    """
    Make a small classifier as an ONNX model.

    Args:
        layout: Where the channels of its input are.
        shape: Of the input; by default a free batch of 8 x 8 in three channels.
        dtype: Of the input.
        name: Of the input.
        opset: Of the operators.
        inside: Whether it divides by 255 itself.
        tail: Nodes after `scores`.
        outputs: Names and types.
    """
    shape = shape or (["N", 3, SIDE, SIDE] if layout == "NCHW" else ["N", SIDE, SIDE, 3])
    random = np.random.default_rng(5)
    kind = np.float16 if dtype == TensorProto.FLOAT16 else np.float32
    weights = {
        "kernel": random.normal(size=(6, 3, 3, 3)).astype(kind),
        "matrix": random.normal(size=(6, CLASSES)).astype(kind),
        "bias": random.normal(size=CLASSES).astype(kind),
        "divisor": np.array(255 if inside else 1, kind),
    }
    float_kind = TensorProto.FLOAT16 if kind is np.float16 else TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", [name], ["floats"], to=float_kind),
        helper.make_node("Transpose", ["floats"], ["planes"], perm=[0, 3, 1, 2] if layout == "NHWC" else [0, 1, 2, 3]),
        helper.make_node("Div", ["planes", "divisor"], ["scaled"]),
        helper.make_node("Conv", ["scaled", "kernel"], ["maps"]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("GlobalAveragePool", ["positive"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["features"]),
        helper.make_node("Gemm", ["features", "matrix", "bias"], ["scores"]),
        *tail,
    ]
    made = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info(name, dtype, shape)],
        [helper.make_tensor_value_info(output, kind, ["N", "K"]) for output, kind in outputs],
        [numpy_helper.from_array(values, weight) for weight, values in weights.items()],
    )
    made.doc_string = "made in /home/me/secret"
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write_onnx(model: onnx.ModelProto, path: Path) -> Path:
    """Write a model, weights inside."""
    path.write_bytes(model.SerializeToString())
    return path


def exported(*, batch: int | None = None, dtype: torch.dtype = torch.float32) -> Any:
    """Export the small network as a program, of a free batch or a fixed one."""
    net = Net().eval().to(dtype)
    free = ({0: torch.export.Dim("batch", min=1)},) if batch is None else None
    return torch.export.export(net, (torch.zeros(batch or 2, 3, 56, 56, dtype=dtype),), dynamic_shapes=free)


def write_program(program: Any, path: Path) -> Path:
    """Write a program as an author does."""
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    path.write_bytes(buffer.getvalue())
    return path


class Branching(Net):
    """A network with a branch on values, which only scripting keeps; all images of a batch take the same side."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Turn the scores around for dark images."""
        y = self.head(self.body(x).mean(dim=[2, 3]))
        if x.mean() > 0:
            return y
        return -y


class Mixing(Net):
    """A network whose answer for an image depends on the others of a batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Take the mean of all images off, where there are several."""
        return super().forward(x - x.mean(dim=0) if len(x) > 1 else x)


class Halving(Net):
    """A network that answers in half precision, as after automatic mixed precision."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Round the scores."""
        return super().forward(x).half()


def scripted() -> Any:
    """Script the branching network."""
    with _undated():
        return torch.jit.script(Branching().eval())


def traced(network: torch.nn.Module | None = None, *, images: int = 2) -> Any:
    """Trace a network, by default the small one."""
    with _undated():
        return torch.jit.trace((network or Net()).eval(), torch.zeros(images, 3, 56, 56))


def frozen() -> Any:
    """Script the branching network and freeze it: its weights are constants, and its mode is forgotten."""
    with _undated():
        return torch.jit.freeze(scripted())


def write_script(script: Any, path: Path) -> Path:
    """Write TorchScript as an author does."""
    with _undated():
        torch.jit.save(script, str(path))
    return path


@contextlib.contextmanager
def _undated() -> Iterator[None]:
    """Let torch say that its older form is out of date."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
