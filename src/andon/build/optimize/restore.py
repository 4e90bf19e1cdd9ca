"""Nodes of a quantised ONNX graph are put back to what they were: floats in, floats as weights, no rounding between."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from andon.build.onnx_bytes import serialise

if TYPE_CHECKING:
    import onnx

_SUFFIX = "_as_it_was"
"""Of weights that come back beside quantised ones, which other nodes may still use."""


def name_nodes(model: "onnx.ModelProto") -> None:
    """Give every node a name of its own, that of its first output where it has none or one that others have."""
    taken: set[str] = set()
    for node in model.graph.node:
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}:{node.output[0]}"
        taken.add(node.name)


def quantised_nodes(quantised: "onnx.ModelProto", original: "onnx.ModelProto") -> list[str]:
    """List the nodes whose inputs are quantised, in the order of the graph."""
    found = {node.name: list(node.input) for node in quantised.graph.node}
    return [node.name for node in original.graph.node if found.get(node.name, list(node.input)) != list(node.input)]


def restore(quantised: "onnx.ModelProto", original: "onnx.ModelProto", names: Collection[str]) -> bytes:
    """
    Put nodes back.

    Args:
        quantised: What was made of `original`: the same nodes by the same names, with pairs of
            QuantizeLinear and DequantizeLinear between them. It is left as it is.
        original: The graph in floats, its nodes named.
        names: Nodes to put back; their biases too lose what was corrected in them.

    Returns:
        An ONNX file, equal bytes for equal arguments; what nothing uses any more is gone from it.
    """
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(quantised)
    weights = {tensor.name: tensor for tensor in original.graph.initializer}
    before = {node.name: list(node.input) for node in original.graph.node}
    back: dict[str, onnx.TensorProto] = {}
    for node in model.graph.node:
        if node.name in names:
            for position, name in enumerate(before[node.name]):
                node.input[position] = f"{name}{_SUFFIX}" if name in weights else name
                if name in weights:
                    back[name] = weights[name]
    model.graph.initializer.extend(_renamed(back.values()))
    _drop_unused(model.graph)
    return serialise(model)


def _renamed(tensors: "Collection[onnx.TensorProto]") -> "Iterator[onnx.TensorProto]":
    import onnx

    for tensor in tensors:
        copy = onnx.TensorProto()
        copy.CopyFrom(tensor)
        copy.name += _SUFFIX
        yield copy


def _drop_unused(graph: "onnx.GraphProto") -> None:
    """Take out nodes and weights that lead to no output; from the end, for a graph is sorted."""
    used = {value.name for value in graph.output}
    kept = []
    for node in reversed(graph.node):
        if used.intersection(node.output):
            kept.append(node)
            used.update(node.input)
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(reversed(kept))
    graph.initializer.extend(weights)
