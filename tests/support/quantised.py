"""The classifier of colours in 8 bits, made by hand: its linear layer rounded, finely or too coarsely."""

import numpy as np
import onnx
from onnx import helper, numpy_helper

from andon.build.optimize.restore import name_nodes
from tests.support.bundles import colour_graph

LAYER = "Gemm:logits"
"""The one node that is quantised."""


def original() -> onnx.ModelProto:
    """Give the graph in floats, its nodes named."""
    model = onnx.load_from_string(colour_graph())
    name_nodes(model)
    return model


def quantised(step: float = 0.02) -> onnx.ModelProto:
    """Round what goes into the linear layer to multiples of `step`, and its weights to 127 levels."""
    model = original()
    graph = model.graph
    weights = next(tensor for tensor in graph.initializer if tensor.name == "weights")
    scale = np.float32(np.abs(numpy_helper.to_array(weights)).max() / 127)
    whole = np.rint(numpy_helper.to_array(weights) / scale).astype(np.int8)
    graph.initializer.remove(weights)
    constants = {
        "step": np.array(step, np.float32),
        "zero": np.array(128, np.uint8),
        "whole": whole,
        "weight_step": np.array(scale, np.float32),
        "weight_zero": np.array(0, np.int8),
    }
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in constants.items())
    layer = graph.node[-1]
    graph.node.remove(layer)
    graph.node.extend(
        [
            helper.make_node("QuantizeLinear", ["average", "step", "zero"], ["levels"], name="levels"),
            helper.make_node("DequantizeLinear", ["levels", "step", "zero"], ["rounded"], name="rounded"),
            helper.make_node("DequantizeLinear", ["whole", "weight_step", "weight_zero"], ["near"], name="near"),
            helper.make_node("Gemm", ["rounded", "near", "bias"], ["logits"], name=LAYER, transB=1),
        ]
    )
    onnx.checker.check_model(model)
    return model
