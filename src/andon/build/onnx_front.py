"""
Images in front of a given ONNX graph: from uint8 (N, H, W, C), or floats (N, C, H, W), to what its own input takes.

The graph and its weights stay as they are; a few nodes are put before them, and a cast behind
where it does not answer in float32.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import Struct

from andon.build.export import INPUT_NAME, OUTPUT_NAME, normalisation
from andon.build.graph_input import GraphInput
from andon.build.onnx_bytes import serialise
from andon.build.sources.base import Layout
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError, first_line
from andon.tensors import FloatArray

if TYPE_CHECKING:
    import onnx

_BROADCASTING = 7
"""The first opset in which Mul and Add take one value a channel."""
_MODERN = 13
"""The opset that an older graph is converted to."""


class Front(Struct, frozen=True, kw_only=True):
    """What an ONNX artifact takes, and what the given graph behind it takes."""

    wanted: GraphInput
    """Of the artifact."""
    layout: Layout
    """Of the given graph."""
    takes_levels: bool
    """Whether it takes integers: levels of pixels, which it normalises itself."""
    dynamic_batch: bool


def is_identity(spec: InputSpec) -> bool:
    """Ask whether a declaration leaves the levels of 8-bit pixels as they are: scale 1, mean 0, std 1."""
    return spec.dtype == "uint8" and spec.scale == 1 and not any(spec.mean) and all(value == 1 for value in spec.std)


def put_in_front(model: "onnx.ModelProto", given: str, answer: str, front: Front) -> bytes:
    """
    Make the artifact of a given graph.

    Args:
        model: A sound ONNX model with its weights inside; it is left as it is.
        given: The name of its input, (N, C, H, W) or (N, H, W, C) of any type.
        answer: The name of the output to keep.
        front: What to put in front of it.

    Returns:
        An ONNX file: one input, as wanted, one output, float32 (N, ...).

    Raises:
        PackError: `pack.export`: the graph is of an opset that cannot be brought to a newer one.
    """
    import onnx

    model = _modern(model)
    graph, taken = model.graph, set(_names(model.graph))
    image = _free_name(INPUT_NAME, taken)
    old = next(value for value in graph.input if value.name == given)
    nodes = list(_front_nodes(image, old, front, _Names(taken)))
    for node in reversed(nodes):
        graph.node.insert(0, node)
    graph.input.remove(old)
    batch = None if front.dynamic_batch else 1
    kind = onnx.helper.np_dtype_to_tensor_dtype(np.dtype(front.wanted.dtype))
    graph.input.insert(0, onnx.helper.make_tensor_value_info(image, kind, [batch, *front.wanted.shape]))
    _keep_output(graph, answer, _free_name(OUTPUT_NAME, taken))
    return serialise(model)


def _modern(model: "onnx.ModelProto") -> "onnx.ModelProto":
    """Give a copy, of a newer opset where that of the model is too old for the nodes in front."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    opset = next(entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx"))
    if opset >= _BROADCASTING:
        return copy
    try:
        return onnx.version_converter.convert_version(copy, _MODERN)
    except Exception as error:
        # The converter raises errors of its C++ side, which share no base but Exception.
        raise PackError(
            f"the graph is of opset {opset}, and cannot be brought to opset {_MODERN}: {first_line(error)}",
            code="pack.export",
            hint=f"export it again with opset_version={_MODERN} or higher",
        ) from error


class _Names:
    """Hands out names that the graph does not have."""

    def __init__(self, taken: set[str]) -> None:
        self._taken = taken

    def __call__(self, wanted: str) -> str:
        name = _free_name(wanted, self._taken)
        self._taken.add(name)
        return name


def _free_name(wanted: str, taken: set[str]) -> str:
    while wanted in taken:
        wanted = f"andon_{wanted}"
    return wanted


def _names(graph: "onnx.GraphProto") -> Iterator[str]:
    """Yield the names of all values of a graph and of the graphs inside of its nodes, which see the outer ones."""
    yield from (value.name for value in (*graph.input, *graph.output))
    yield from (weights.name for weights in graph.initializer)
    for node in graph.node:
        yield from (*node.input, *node.output)
        for attribute in node.attribute:
            for inner in (attribute.g, *attribute.graphs):
                yield from _names(inner)


def _front_nodes(image: str, given: "onnx.ValueInfoProto", front: Front, names: _Names) -> "Iterator[onnx.NodeProto]":
    """Yield the nodes from pixels to the given input, in order."""
    import onnx

    kind = given.type.tensor_type.elem_type
    steps: list[tuple[str, list[FloatArray], dict[str, Any]]] = []
    if front.layout != front.wanted.layout:
        steps.append(("Transpose", [], {"perm": [0, 3, 1, 2] if front.layout == "NCHW" else [0, 2, 3, 1]}))
    if not front.takes_levels and not front.wanted.takes_floats:
        steps += [("Cast", [], {"to": onnx.TensorProto.FLOAT}), *_normalisation(front)]
    if kind != (onnx.TensorProto.UINT8 if front.takes_levels else onnx.TensorProto.FLOAT):
        steps.append(("Cast", [], {"to": kind}))
    value = image
    for number, (operator, constants, attributes) in enumerate(steps or [("Identity", [], {})], 1):
        inputs = [value]
        for constant in constants:
            inputs.append(names(f"{image}_{operator.lower()}_by"))
            tensor = onnx.numpy_helper.from_array(constant)
            yield onnx.helper.make_node("Constant", [], [inputs[-1]], value=tensor)
        value = given.name if number == max(len(steps), 1) else names(f"{image}_{operator.lower()}")
        yield onnx.helper.make_node(operator, inputs, [value], **attributes)


def _normalisation(front: Front) -> Iterator[tuple[str, list[FloatArray], dict[str, Any]]]:
    """Yield `(image * scale - mean) / std` as one multiplication and one addition, where it does anything."""
    if not is_identity(front.wanted.spec):
        shape = (1, -1, 1, 1) if front.layout == "NCHW" else (1, 1, 1, -1)
        factor, shift = normalisation(front.wanted.spec)
        yield "Mul", [factor.reshape(shape)], {}
        yield "Add", [shift.reshape(shape)], {}


def _keep_output(graph: "onnx.GraphProto", answer: str, name: str) -> None:
    """Leave one output, in float32 and of any batch."""
    import onnx

    kept = next(value for value in graph.output if value.name == answer)
    del graph.output[:]
    axes = [axis.dim_value if axis.HasField("dim_value") else None for axis in kept.type.tensor_type.shape.dim]
    if kept.type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        graph.node.append(onnx.helper.make_node("Cast", [answer], [name], to=onnx.TensorProto.FLOAT))
        answer = name
    graph.output.append(onnx.helper.make_tensor_value_info(answer, onnx.TensorProto.FLOAT, [None, *axes[1:]]))
