"""ONNX graphs of few layers, in each form that an artifact may have."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from msgspec import Struct
from onnx import TensorProto, helper, numpy_helper

SIZE = 12
"""Pixels of either side of the images."""
CHANNELS = 3
CLASSES = 4
_KINDS = {"uint8": TensorProto.UINT8, "uint16": TensorProto.UINT16, "float32": TensorProto.FLOAT}
LARGEST = {"uint8": 255.0, "uint16": 65535.0, "float32": 1.0}


class Form(Struct, frozen=True, kw_only=True):
    """What a graph takes and gives."""

    dtype: str = "uint8"
    layout: str = "NHWC"
    batch: int | str = "batch"
    """1 for a graph that takes exactly one image."""
    gives_map: bool = False
    """Whether it answers with a map (K, H, W), not with scores (K,)."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """One image in the layout."""
        return (SIZE, SIZE, CHANNELS) if self.layout == "NHWC" else (CHANNELS, SIZE, SIZE)

    @property
    def output_shape(self) -> tuple[int, ...]:
        """The raw outputs of one image."""
        return (CLASSES, SIZE, SIZE) if self.gives_map else (CLASSES,)


def factory_of(form: Form) -> str:
    """Name what builds the network of an eager artifact; naming it imports no torch."""
    return f"tests.support.torch_graphs:{'gives_map' if form.gives_map else 'gives_scores'}"


def convolution_graph(form: Form) -> bytes:
    """Make a graph that casts and scales, convolves, and averages over the image unless it gives a map."""
    rng = np.random.default_rng(0)
    constants = {
        "scale": np.array(1 / LARGEST[form.dtype], np.float32),
        "weights": rng.normal(0, 1, (CLASSES, CHANNELS, 3, 3)).astype(np.float32),
        "axes": np.array([2, 3], np.int64),
    }
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["scaled"]),
        helper.make_node("Transpose", ["scaled"], ["planes"], perm=[0, 3, 1, 2] if form.layout == "NHWC" else range(4)),
        helper.make_node("Conv", ["planes", "weights"], ["map"], pads=[1, 1, 1, 1]),
    ]
    if not form.gives_map:
        nodes.append(helper.make_node("ReduceMean", ["map", "axes"], ["scores"], keepdims=0))
    return serialized(
        nodes,
        [value("image", _KINDS[form.dtype], [form.batch, *form.shape])],
        [value("map" if form.gives_map else "scores", TensorProto.FLOAT, [form.batch, *form.output_shape])],
        constants,
    )


def mean_graph(
    batch: int | str = "batch",
    image: Sequence[Any] = (4, 4, 3),
    to: int = TensorProto.FLOAT,
    shape: Sequence[Any] | None = None,
) -> bytes:
    """Make a graph that averages the channels of uint8 (batch, H, W, 3) and answers in another type."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Cast", ["mean"], ["scores"], to=to),
    ]
    answer = helper.make_tensor_value_info("scores", to, shape or [batch, 3])
    return serialized(nodes, [value("image", TensorProto.UINT8, [batch, *image])], [answer])


def value(name: str, kind: int, shape: Sequence[Any]) -> onnx.ValueInfoProto:
    """Declare an input or an output."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def serialized(
    nodes: list[Any], inputs: list[Any], outputs: list[Any], constants: dict[str, np.ndarray] | None = None
) -> bytes:
    """Put a graph together; without other constants there are the `axes` of an image's height and width."""
    held = constants or {"axes": np.array([1, 2], np.int64)}
    tensors = [numpy_helper.from_array(array, name) for name, array in held.items()]
    made = helper.make_graph(nodes, "test", inputs, outputs, tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())
