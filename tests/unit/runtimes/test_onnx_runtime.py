"""ONNX Runtime runs graphs from images to scores, and everything else is refused before it is run."""

import ast
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault
from andon.runtimes import onnx_runtime
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from tests.support.bundles import colour_graph
from tests.support.tree import module_name, modules, parsed

ARTIFACT = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
EXECUTION = Execution(artifact="onnx", runtime="onnxruntime")
UINT8, FLOAT = TensorProto.UINT8, TensorProto.FLOAT


def open_session(data: bytes, classes: int = 3, threads: int = 1) -> Session:
    """Open a graph with ONNX Runtime."""
    return OnnxRuntime().open(ARTIFACT, data, EXECUTION, SessionOptions(classes=classes, threads=threads))


def graph(
    batch: int | str = "batch", image: Sequence[Any] = (4, 4, 3), to: int = FLOAT, shape: Sequence[Any] | None = None
) -> bytes:
    """Make a graph that averages the channels of uint8 (batch, H, W, 3) and answers in another type."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=FLOAT),
        helper.make_node("ReduceMean", ["float", "axes"], ["mean"], keepdims=0),
        helper.make_node("Cast", ["mean"], ["scores"], to=to),
    ]
    answer = helper.make_tensor_value_info("scores", to, shape or [batch, 3])
    return serialized(nodes, [value("image", UINT8, [batch, *image])], [answer])


def value(name: str, kind: int, shape: Sequence[Any]) -> onnx.ValueInfoProto:
    """Declare an input or an output."""
    return helper.make_tensor_value_info(name, kind, list(shape))


def serialized(nodes: list[Any], inputs: list[Any], outputs: list[Any]) -> bytes:
    """Put a graph together; `axes` are those of an image's height and width."""
    axes = numpy_helper.from_array(np.array([1, 2], np.int64), "axes")
    made = helper.make_graph(nodes, "test", inputs, outputs, [axes])
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return bytes(model.SerializeToString())


def refused(data: bytes, classes: int = 3) -> str:
    """Give the message with which a graph is refused as it is loaded."""
    with pytest.raises(RuntimeFault) as caught:
        open_session(data, classes)
    assert caught.value.code == "runtime.load"
    assert caught.value.where == ARTIFACT.path
    return caught.value.message


def test_a_graph_answers_with_its_numbers() -> None:
    """Here the mean of each channel."""
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    np.testing.assert_allclose(open_session(graph()).run(images), images.mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("image", "shape"), [((4, 4, 3), (4, 4, 3)), (("h", "w", 3), None), ((4, "w", 3), None), ((None, None, None), None)]
)
def test_the_size_of_the_images_is_known_where_the_graph_fixes_it(
    image: tuple[Any, ...], shape: tuple[int, ...] | None
) -> None:
    """An axis with a name, or without anything, takes any length."""
    assert open_session(graph(image=image)).input_shape == shape


def test_a_graph_for_one_image_at_a_time_answers_batches_too() -> None:
    """A batch axis of the fixed length 1 is run image by image."""
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(open_session(graph(batch=1)).run(images), open_session(graph()).run(images))


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE", "INT64", "UINT8", "BOOL"])
def test_outputs_of_another_type_are_refused(kind: str) -> None:
    """Scores are float32; nothing is converted unasked."""
    assert "expected one output of float32 (N, 3)" in refused(graph(to=getattr(TensorProto, kind)))


def test_outputs_that_are_no_tensor_are_refused() -> None:
    """A sequence of tensors, as classifiers of scikit-learn end in."""
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=FLOAT),
        helper.make_node("SequenceConstruct", ["float"], ["scores"]),
    ]
    sequence = helper.make_tensor_sequence_value_info("scores", FLOAT, None)
    assert "seq(tensor(float))" in refused(serialized(nodes, [value("image", UINT8, ["n", 4, 4, 3])], [sequence]))


@pytest.mark.parametrize("classes", [2, 4, 1000])
def test_another_number_of_scores_than_labels_is_refused(classes: int) -> None:
    """The message says how many columns there should be."""
    assert f"float32 (N, {classes}), a column for each label" in refused(graph(), classes)


def test_a_graph_with_several_inputs_or_outputs_is_refused() -> None:
    """Which of them is the image, or the scores, is not guessed; all are listed."""
    cast = helper.make_node("Cast", ["image"], ["float"], to=FLOAT)
    mean = helper.make_node("ReduceMean", ["float", "axes"], ["scores"], keepdims=0)
    image, scores = value("image", UINT8, ["n", 4, 4, 3]), value("scores", FLOAT, ["n", 3])
    both = refused(serialized([cast, mean], [image, value("mask", UINT8, ["n", 4, 4, 3])], [scores]))
    assert "expected one input" in both
    assert "image: tensor(uint8)" in both
    assert "mask: tensor(uint8)" in both
    assert "expected one output" in refused(
        serialized([cast, mean], [image], [scores, value("float", FLOAT, ["n", 4, 4, 3])])
    )


@pytest.mark.parametrize(
    ("kind", "shape"),
    [(FLOAT, ["n", 4, 4, 3]), (TensorProto.INT8, ["n", 4, 4, 3]), (UINT8, ["n", 4, 3]), (UINT8, [8, 4, 4, 3])],
    ids=["float32", "int8", "three axes", "batches of eight"],
)
def test_inputs_that_are_no_batch_of_images_are_refused(kind: int, shape: list[Any]) -> None:
    """Images are uint8 (N, H, W, C)."""
    nodes = [helper.make_node("Cast", ["image"], ["scores"], to=FLOAT)]
    message = refused(serialized(nodes, [value("image", kind, shape)], [value("scores", FLOAT, shape)]))
    assert "expected one input of uint8 (N, H, W, C)" in message


def test_an_operator_that_is_not_there_is_refused() -> None:
    """The library's own first line says which."""
    nodes = [helper.make_node("Vanish", ["image"], ["scores"])]
    data = serialized(nodes, [value("image", UINT8, ["n", 4, 4, 3])], [value("scores", FLOAT, ["n", 3])])
    assert "Vanish" in refused(data)


def test_a_failure_within_the_graph_is_a_fault_of_the_run() -> None:
    """With the library's message, in one line."""
    session = open_session(graph(image=(None, None, 3)))
    with pytest.raises(RuntimeFault) as caught:
        session.run(np.zeros((1, 4, 4, 2), np.uint8))
    assert caught.value.code == "runtime.run"
    assert caught.value.message.startswith("ONNX Runtime failed: ")
    assert "\n" not in caught.value.message


def test_the_bytes_of_the_artifact_are_not_kept() -> None:
    """A session holds the graph as the library has it, and no second copy of a model of many megabytes."""
    data = graph()
    before = sys.getrefcount(data)
    session = open_session(data)
    assert sys.getrefcount(data) == before
    assert session.run(np.zeros((1, 4, 4, 3), np.uint8)).shape == (1, 3)


def running_threads() -> set[str]:
    """Give the numbers of this process's threads, as the operating system has them."""
    return {task.name for task in Path("/proc/self/task").iterdir()}


def test_compute_threads_are_as_many_as_asked_for() -> None:
    """The caller is one of them: one makes no thread, three make two. Those of other sessions may end meanwhile."""
    warm = open_session(colour_graph())
    before = running_threads()
    alone = open_session(colour_graph())
    assert running_threads() <= before
    helped = open_session(colour_graph(), threads=3)
    assert len(running_threads() - before) == 2
    assert {session.input_shape for session in (warm, alone, helped)} == {(32, 32, 3)}


@pytest.mark.parametrize(("host", "found"), [(None, "1"), ("0", "0")])
def test_telemetry_is_switched_off_unless_the_host_has_decided(
    host: str | None, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that does to a process is held by tests/behaviour/test_telemetry.py."""
    monkeypatch.setenv("ORT_DISABLE_TELEMETRY", host or "")
    if host is None:
        monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    open_session(colour_graph())
    assert os.environ["ORT_DISABLE_TELEMETRY"] == found


def test_nothing_else_imports_onnxruntime() -> None:
    """An import elsewhere would come with telemetry, if it came first."""
    importing = [
        (module_name(path), function.name)
        for path in modules()
        for function in ast.walk(parsed(path))
        if isinstance(function, ast.FunctionDef) and any(map(imports_onnxruntime, ast.walk(function)))
    ]
    assert importing == [("andon.runtimes.onnx_runtime", "import_onnxruntime")]


def imports_onnxruntime(node: ast.AST) -> bool:
    """Ask whether a statement imports the library, or a part of it."""
    match node:
        case ast.Import(names=names):
            return any(name.name.split(".")[0] == "onnxruntime" for name in names)
        case ast.ImportFrom(module=str(module)):
            return module.split(".")[0] == "onnxruntime"
    return False


def resident_mb() -> float:
    """Give the memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shapes_that_were_seen() -> None:
    """A thousand shapes of batch and image leave no plan behind for each."""
    session = open_session(graph(image=("h", "w", 3)))
    rng = np.random.default_rng(0)
    before = 0.0
    for run in range(1200):
        batch, height, width = rng.integers(1, 9), *rng.integers(16, 200, 2)
        session.run(np.zeros((batch, height, width, 3), np.uint8))
        if run == 200:
            before = resident_mb()
    assert resident_mb() - before < 10


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without onnxruntime the error says how to get it."""
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda _: None)
    assert not OnnxRuntime().is_installed()
    with pytest.raises(EnvironmentFault, match="pip install onnxruntime"):
        open_session(graph())
