"""Tests of what is put in front of a given ONNX graph."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from andon.build.graph_input import GraphInput
from andon.build.onnx_front import Front, is_identity, put_in_front
from andon.build.sources.base import Layout
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.runtimes.onnx_runtime import import_onnxruntime
from andon.tensors import FloatArray
from andon.vision.prepare import normalise
from tests.support.given import SIDE, graph

SPEC = InputSpec(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.25))
DEEP = InputSpec(color="LLL", depth=12, range=(100, 3000), mean=(0.5,), std=(0.25,))
LEVELS = InputSpec(scale=1.0)


def front(spec: InputSpec = SPEC, *, layout: Layout = "NCHW", takes_levels: bool = False, many: bool = True) -> Front:
    """Describe the front of a hand-made graph."""
    return Front(wanted=GraphInput(spec, (SIDE, SIDE)), layout=layout, takes_levels=takes_levels, dynamic_batch=many)


def run(data: bytes, images: np.ndarray) -> FloatArray:
    """Run an ONNX file that takes one input."""
    session = import_onnxruntime().InferenceSession(data, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {session.get_inputs()[0].name: images})
    return np.asarray(answer)


def pixels(spec: InputSpec = SPEC) -> np.ndarray:
    """Make two prepared images."""
    low, high = spec.levels if spec.dtype == "uint16" else (0, 255)
    return np.random.default_rng(0).integers(low, high + 1, (2, SIDE, SIDE, 3)).astype(spec.dtype)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("spec", [SPEC, DEEP, LEVELS, InputSpec()], ids=["mean and std", "deep", "levels", "scale"])
def test_pixels_become_what_the_graph_takes(spec: InputSpec, layout: Layout) -> None:
    """The artifact on pixels answers as the graph on normalised ones."""
    images = pixels(spec)
    normalised = np.stack([normalise(image, spec) for image in images])
    if layout == "NHWC":
        normalised = np.ascontiguousarray(normalised.transpose(0, 2, 3, 1))
    expected = run(graph(layout=layout).SerializeToString(), normalised)
    found = run(put_in_front(graph(layout=layout), "x", "scores", front(spec, layout=layout)), images)
    assert np.allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_nothing_is_put_where_nothing_is_needed() -> None:
    """A graph of uint8 NHWC only gets a name for its input; one of floats without normalisation a cast."""
    given = graph(layout="NHWC", dtype=TensorProto.UINT8, inside=True)
    made = onnx.load_model_from_string(
        put_in_front(given, "x", "scores", front(LEVELS, layout="NHWC", takes_levels=True))
    )
    assert [node.op_type for node in made.graph.node[:2]] == ["Identity", "Cast"]
    made = onnx.load_model_from_string(put_in_front(graph(), "x", "scores", front(LEVELS)))
    assert [node.op_type for node in made.graph.node[:2]] == ["Transpose", "Cast"]
    assert "Mul" not in {node.op_type for node in made.graph.node}


def test_names_that_the_graph_has_are_not_taken_again() -> None:
    """Also those inside of its branches, which see the outer ones."""
    out = [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["N", "K"])]
    branch = helper.make_graph([helper.make_node("Neg", ["scores"], ["image"])], "branch", [], out)
    yes = helper.make_tensor("yes", TensorProto.BOOL, [], [True])
    tail = [
        helper.make_node("Constant", [], ["image_cast"], value=yes),
        helper.make_node("If", ["image_cast"], ["raw_output"], then_branch=branch, else_branch=branch),
    ]
    given = graph(name="image_mul", tail=tail, outputs=[("raw_output", TensorProto.FLOAT)])
    data = put_in_front(given, "image_mul", "raw_output", front())
    onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
    assert run(data, pixels()).shape == (2, 4)


@pytest.mark.parametrize("kind", [TensorProto.FLOAT16, TensorProto.DOUBLE])
def test_the_artifact_answers_in_float32(kind: int) -> None:
    """Whatever the graph does."""
    tail = [helper.make_node("Cast", ["scores"], ["out"], to=kind)]
    given = graph(tail=tail, outputs=[("out", kind)])
    assert run(put_in_front(given, "x", "out", front()), pixels()).dtype == np.float32


def test_a_graph_of_one_image_says_one() -> None:
    """And its input the size that is prepared, where the graph takes any."""
    made = onnx.load_model_from_string(
        put_in_front(graph(shape=["N", 3, None, None]), "x", "scores", front(many=False))
    )
    assert [axis.dim_value for axis in made.graph.input[0].type.tensor_type.shape.dim] == [1, SIDE, SIDE, 3]


def test_a_graph_of_an_old_opset_is_brought_to_a_newer_one() -> None:
    """Before opset 7 an addition does not take one value a channel; what has no newer form is refused."""
    old = helper.make_model(
        helper.make_graph(
            [helper.make_node("GlobalAveragePool", ["x"], ["p"]), helper.make_node("Flatten", ["p"], ["scores"])],
            "old",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["N", 3])],
        ),
        opset_imports=[helper.make_opsetid("", 5)],
        ir_version=8,
    )
    data = put_in_front(old, "x", "scores", front())
    expected = np.stack([normalise(image, SPEC).mean(axis=(1, 2)) for image in pixels()])
    assert np.allclose(run(data, pixels()), expected, atol=1e-5)
    old.graph.node[1].op_type = "Nowhere"
    with pytest.raises(PackError, match="opset 5") as caught:
        put_in_front(old, "x", "scores", front())
    assert caught.value.code == "pack.export"


def test_levels_without_scale_are_an_identity() -> None:
    """Of eight bits only: deeper ones are always brought to their range."""
    assert is_identity(LEVELS)
    assert is_identity(InputSpec(scale=1.0, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0)))
    for spec in (InputSpec(), InputSpec(scale=1.0, mean=(1.0,)), InputSpec(scale=1.0, std=(2.0,))):
        assert not is_identity(spec)
    assert not is_identity(InputSpec(color="L", depth=12, scale=1.0))
