"""Tests of a model as an ONNX file."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from andon.build.graph_input import GraphInput
from andon.build.sources.base import Layout
from andon.build.sources.onnx_model import OnnxSource, read_onnx, require_onnx
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from tests.support.given import CLASSES, SIDE, graph, write_onnx

F, I64, F16, U8 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.FLOAT16, TensorProto.UINT8
SIZE = (SIDE, SIDE)
LEVELS = InputSpec(scale=1.0)
GREY = InputSpec(color="L")


def image(seed: int = 0) -> np.ndarray:
    """Make a model input."""
    return np.random.default_rng(seed).normal(size=(3, SIDE, SIDE)).astype(np.float32)


def with_custom_operator() -> onnx.ModelProto:
    """A graph that needs a library of somebody's."""
    model = graph(tail=[helper.make_node("Magic", ["scores"], ["out"], domain="acme")], outputs=[("out", F)])
    model.opset_import.append(helper.make_opsetid("acme", 1))
    return model


def with_custom_operator_inside() -> onnx.ModelProto:
    """The same, in a branch."""
    out = [helper.make_tensor_value_info("out", F, ["N", "K"])]
    branches = [
        helper.make_graph([helper.make_node(operator, ["scores"], ["out"], domain=domain)], "branch", [], out)
        for operator, domain in (("Magic", "acme"), ("Neg", ""))
    ]
    tail = [
        helper.make_node("Constant", [], ["yes"], value=helper.make_tensor("yes", TensorProto.BOOL, [], [True])),
        helper.make_node("If", ["yes"], ["chosen"], then_branch=branches[0], else_branch=branches[1]),
    ]
    model = graph(tail=tail, outputs=[("chosen", F)])
    model.opset_import.append(helper.make_opsetid("acme", 1))
    return model


def with_two_inputs() -> onnx.ModelProto:
    """A graph that takes a mask beside the images."""
    model = graph()
    model.graph.input.append(helper.make_tensor_value_info("mask", F, [1]))
    return model


BEST = helper.make_node("ArgMax", ["scores"], ["best"], axis=1)
CHANCES = helper.make_node("Softmax", ["scores"], ["chances"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: graph(shape=[4, 3, SIDE, SIDE]), "exactly 4 images at once"),
        (lambda: graph(dtype=I64), "int64 of 4 axes"),
        (lambda: graph(shape=["N", 3 * SIDE * SIDE]), "float of 2 axes"),
        (lambda: graph(tail=[BEST], outputs=[("best", I64)]), "answers with int64"),
        (lambda: graph(tail=[CHANCES], outputs=[("scores", F), ("chances", F)]), "2 outputs (scores, chances)"),
        (with_two_inputs, "2 inputs (x, mask)"),
        (with_custom_operator, "acme.Magic"),
        (with_custom_operator_inside, "acme.Magic"),
        (lambda: graph(opset=6), "opset ai.onnx 6"),
    ],
)
def test_a_graph_that_cannot_be_packed_says_why(make: Callable[[], onnx.ModelProto], words: str) -> None:
    """What it takes or gives, by name, and what to do; ONNX Runtime's own errors do not come through."""
    with pytest.raises(PackError) as caught:
        OnnxSource(make())
    assert caught.value.code == "pack.model"
    assert words in caught.value.message
    assert caught.value.hint


def test_logits_are_taken_out_of_several_outputs() -> None:
    """As with what a module returns."""
    tail = [helper.make_node("Identity", ["scores"], ["logits"]), CHANCES]
    model = graph(tail=tail, outputs=[("chances", F), ("logits", F)])
    expected = OnnxSource(graph()).answer(image())
    source = OnnxSource(model)
    source.require_fit(InputSpec(), SIZE)
    assert np.array_equal(source.answer(image()), expected)
    made = onnx.load_model_from_string(source.make("onnx", GraphInput(InputSpec(), SIZE)).data)
    assert [output.name for output in made.graph.output] == ["logits"]


@pytest.mark.parametrize(
    ("shape", "told", "found"),
    [
        (["N", 3, SIDE, SIDE], None, "NCHW"),
        (["N", SIDE, SIDE, 3], None, "NHWC"),
        (["N", 3, None, None], None, "NCHW"),
        (["N", None, None, 3], None, "NHWC"),
        (["N", None, None, None], "NHWC", "NHWC"),
        (["N", 3, SIDE, 3], "NCHW", "NCHW"),
    ],
)
def test_the_channels_are_found_in_the_shape(shape: list[int | None], told: Layout | None, found: Layout) -> None:
    """A fixed axis says more than a free one; where the shape does not tell, the author does."""
    source = OnnxSource(graph(shape=shape, layout=found), told)
    made = source.make("onnx", GraphInput(InputSpec(), (SIDE, shape[3] if shape[3] == shape[1] == 3 else SIDE)))  # type: ignore[arg-type] # ints
    transposes = [n for n in onnx.load_model_from_string(made.data).graph.node if n.op_type == "Transpose"]
    assert len(transposes) == 1 + (found == "NCHW")


@pytest.mark.parametrize(
    ("shape", "told", "code", "words"),
    [
        (["N", None, None, None], None, "pack.argument", "(any, any, any, any)"),
        (["N", 3, SIDE, 3], None, "pack.argument", "does not tell where the channels are"),
        (["N", 3, SIDE, SIDE], "NHWC", "pack.input", "the layout is NHWC"),
        (["N", 3, SIDE + 1, SIDE], None, "pack.input", f"(3, {SIDE}, {SIDE})"),
        (["N", 5, SIDE, SIDE], None, "pack.input", "3 channels are declared"),
    ],
)
def test_a_declaration_that_does_not_fit_the_shape_is_refused(
    shape: list[int | None], told: Layout | None, code: str, words: str
) -> None:
    """With both shapes, and the argument that would help."""
    with pytest.raises(PackError) as caught:
        OnnxSource(graph(shape=shape), told).require_fit(InputSpec(), SIZE)
    assert caught.value.code == code
    assert words in caught.value.message
    assert "the input x" in caught.value.where
    assert caught.value.hint


def test_grey_is_no_colour() -> None:
    """A graph of three channels does not take one."""
    with pytest.raises(PackError, match="1 channels are declared"):
        OnnxSource(graph()).require_fit(GREY, SIZE)


def test_a_graph_of_levels_normalises_itself() -> None:
    """A declaration that does so too would do it twice."""
    source = OnnxSource(graph(dtype=U8, inside=True))
    source.require_fit(LEVELS, SIZE)
    with pytest.raises(PackError, match="its normalisation is inside"):
        source.require_fit(InputSpec(), SIZE)


def test_levels_are_rounded_as_pixels_are() -> None:
    """Fractions of grey levels come from transforms that resize floats."""
    source = OnnxSource(graph(dtype=U8, inside=True))
    levels = np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE)).astype(np.float32)
    for off in (-0.4, 0.4):
        assert np.array_equal(source.answer(levels + off), source.answer(levels))


@pytest.mark.parametrize("shape", [[1, 3, SIDE, SIDE], ["N", 3, SIDE, SIDE]])
def test_a_batch_of_one_is_noticed_though_its_axis_has_a_name(shape: list[int | str]) -> None:
    """Exporters build it into a reshape, and call the axis N all the same."""
    sides = helper.make_tensor("sides", I64, [2], [1, CLASSES])
    tail = [
        helper.make_node("Constant", [], ["sides"], value=sides),
        helper.make_node("Reshape", ["scores", "sides"], ["out"]),
    ]
    made = OnnxSource(graph(shape=shape, tail=tail, outputs=[("out", F)])).make("onnx", GraphInput(InputSpec(), SIZE))
    assert not made.dynamic_batch
    assert "one image at a time" in made.note


def test_the_file_is_run_in_its_own_type() -> None:
    """Half precision in, single out; the same up to what half precision rounds."""
    half = OnnxSource(graph(dtype=F16, outputs=[("scores", F16)])).answer(image())
    assert half.dtype == np.float32
    assert np.allclose(half, OnnxSource(graph()).answer(image()), rtol=2e-2, atol=2e-2)


def test_weights_beside_the_file_are_taken_in(tmp_path: Path) -> None:
    """The artifact is whole in itself; a missing file is named."""
    path = tmp_path / "net.onnx"
    onnx.save_model(graph(), str(path), save_as_external_data=True, location="weights.bin", size_threshold=0)
    source = OnnxSource(read_onnx(path.read_bytes(), path))
    assert np.array_equal(source.answer(image()), OnnxSource(graph()).answer(image()))
    assert b"weights.bin" not in source.make("onnx", GraphInput(InputSpec(), SIZE)).data
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(PackError, match=r"weights\.bin") as caught:
        read_onnx(path.read_bytes(), path)
    assert caught.value.where == str(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: data[: len(data) // 2], "neither TorchScript"),
        (lambda data: data[:-1], "neither TorchScript"),
        (lambda _: b"", "no ONNX model"),
        (lambda _: graph(opset=99).SerializeToString(), "it has opset 99"),
        (lambda _: _of_ir(99).SerializeToString(), "ir_version 99"),
        (lambda _: _without_weight().SerializeToString(), "no sound ONNX model"),
        (lambda _: with_custom_operator().SerializeToString(), "acme.Magic"),
    ],
)
def test_a_file_that_is_no_sound_model_is_refused(change: Callable[[bytes], bytes], words: str, tmp_path: Path) -> None:
    """Cut off, too new, or with a weight that nobody gives; it is not run."""
    path = tmp_path / "net.onnx"
    data = change(graph().SerializeToString())
    with pytest.raises(PackError) as caught:
        read_onnx(data, path)
    assert caught.value.code == "pack.model"
    assert words in caught.value.message
    assert caught.value.hint


def _of_ir(version: int) -> onnx.ModelProto:
    model = graph()
    model.ir_version = version
    return model


def _without_weight() -> onnx.ModelProto:
    model = graph()
    del model.graph.initializer[0]
    return model


def test_an_image_that_the_graph_does_not_take_is_an_error_of_ours() -> None:
    """A free axis is only found out when it runs."""
    source = OnnxSource(graph(shape=["N", 3, None, None]))
    with pytest.raises(PackError, match=r"\(1, 3, 1, 1\)"):
        source.answer(np.zeros((3, 1, 1), np.float32))


def test_a_graph_that_answers_for_the_whole_batch_is_refused() -> None:
    """One row for each image is expected."""
    tail = [helper.make_node("Squeeze", ["scores"], ["out"])]
    source = OnnxSource(graph(tail=tail, outputs=[("out", F)]))
    with pytest.raises(PackError, match=r"the shape \(4,\) for one image"):
        source.answer(image())


def test_the_library_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is installed, nothing is said."""
    require_onnx()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(Exception, match="onnx") as caught:
        require_onnx()
    assert getattr(caught.value, "code", "") == "environment.extra"


def test_the_file_itself_is_left_as_it_was(tmp_path: Path) -> None:
    """Packing reads it, and changes a copy."""
    path = write_onnx(graph(), tmp_path / "net.onnx")
    before = path.read_bytes()
    model = read_onnx(before, path)
    OnnxSource(model).make("onnx", GraphInput(InputSpec(), SIZE))
    assert model == onnx.load_model_from_string(before)
    assert path.read_bytes() == before
