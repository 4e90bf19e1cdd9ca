"""ONNX Runtime runs graphs from images to scores, and everything else is refused before it is run."""

import os
import sys
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault
from andon.machine.cards import count_cards
from andon.runtimes import onnx_runtime
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime, card_options
from andon.settings.devices import kind_of
from tests.support.bundles import colour_graph
from tests.support.cards import give_cards
from tests.support.graphs import mean_graph, serialized, value
from tests.support.machine import resident_bytes, threads_of
from tests.support.tree import importers

ARTIFACT = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
EXECUTION = Execution(artifact="onnx", runtime="onnxruntime")
UINT8, FLOAT = TensorProto.UINT8, TensorProto.FLOAT


def open_session(data: bytes, classes: int = 3, threads: int = 1) -> Session:
    """Open a graph with ONNX Runtime."""
    return OnnxRuntime().open(ARTIFACT, data, EXECUTION, SessionOptions(output_shape=(classes,), threads=threads))


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
    np.testing.assert_allclose(open_session(mean_graph()).run(images), images.mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize(
    ("image", "shape"), [((4, 4, 3), (4, 4, 3)), (("h", "w", 3), None), ((4, "w", 3), None), ((None, None, None), None)]
)
def test_the_size_of_the_images_is_known_where_the_graph_fixes_it(
    image: tuple[Any, ...], shape: tuple[int, ...] | None
) -> None:
    """An axis with a name, or without anything, takes any length."""
    assert open_session(mean_graph(image=image)).input_shape == shape


def test_a_graph_for_one_image_at_a_time_answers_batches_too() -> None:
    """A batch axis of the fixed length 1 is run image by image."""
    images = np.random.default_rng(0).integers(0, 256, (3, 4, 4, 3), dtype=np.uint8)
    np.testing.assert_array_equal(open_session(mean_graph(batch=1)).run(images), open_session(mean_graph()).run(images))


@pytest.mark.parametrize("kind", ["FLOAT16", "DOUBLE", "INT64", "UINT8", "BOOL"])
def test_outputs_of_another_type_are_refused(kind: str) -> None:
    """Scores are float32; nothing is converted unasked."""
    assert "expected one output of float32 (N, 3)" in refused(mean_graph(to=getattr(TensorProto, kind)))


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
    assert f"float32 (N, {classes}), as the labels want it" in refused(mean_graph(), classes)


def test_a_graph_with_several_inputs_or_outputs_is_refused() -> None:
    """Which of them is the image, or the scores, is not guessed; all are listed."""
    cast = helper.make_node("Cast", ["image"], ["float"], to=FLOAT)
    mean = helper.make_node("ReduceMean", ["float", "axes"], ["scores"], keepdims=0)
    image, scores = value("image", UINT8, ["n", 4, 4, 3]), value("scores", FLOAT, ["n", 3])
    both = refused(serialized([cast, mean], [image, value("mask", UINT8, ["n", 4, 4, 3])], [scores]))
    assert "expected one input" in both
    assert "image: uint8 (any, 4, 4, 3)" in both
    assert "mask: uint8 (any, 4, 4, 3)" in both
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
    session = open_session(mean_graph(image=(None, None, 3)))
    with pytest.raises(RuntimeFault) as caught:
        session.run(np.zeros((1, 4, 4, 2), np.uint8))
    assert caught.value.code == "runtime.run"
    assert caught.value.message.startswith("ONNX Runtime failed: ")
    assert "\n" not in caught.value.message


def test_the_bytes_of_the_artifact_are_not_kept() -> None:
    """A session holds the graph as the library has it, and no second copy of a model of many megabytes."""
    data = mean_graph()
    before = sys.getrefcount(data)
    session = open_session(data)
    assert sys.getrefcount(data) == before
    assert session.run(np.zeros((1, 4, 4, 3), np.uint8)).shape == (1, 3)


def test_compute_threads_are_as_many_as_asked_for() -> None:
    """The caller is one of them: one makes no thread, three make two. Those of other sessions may end meanwhile."""
    warm = open_session(colour_graph())
    before = threads_of(os.getpid())
    alone = open_session(colour_graph())
    assert threads_of(os.getpid()) <= before
    helped = open_session(colour_graph(), threads=3)
    assert len(threads_of(os.getpid()) - before) == 2
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
    assert importers("onnxruntime") == [("andon.runtimes.onnx_runtime", "import_onnxruntime")]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_shapes_that_were_seen() -> None:
    """A thousand shapes of batch and image leave no plan behind for each."""
    session = open_session(mean_graph(image=("h", "w", 3)))
    rng = np.random.default_rng(0)
    before = 0
    for run in range(1200):
        batch, height, width = rng.integers(1, 9), *rng.integers(16, 200, 2)
        session.run(np.zeros((batch, height, width, 3), np.uint8))
        if run == 200:
            before = resident_bytes(os.getpid())
    assert resident_bytes(os.getpid()) - before < 10e6


def test_a_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without onnxruntime the error says how to get it."""
    monkeypatch.setattr(onnx_runtime, "find_spec", lambda _: None)
    assert not OnnxRuntime().is_installed()
    with pytest.raises(EnvironmentFault, match="pip install onnxruntime"):
        open_session(mean_graph())


def open_on(device: str, data: bytes | None = None) -> Session:
    """Open a graph on a device."""
    execution = Execution(artifact="onnx", runtime="onnxruntime", device=kind_of(device))  # type: ignore[arg-type] # is one
    return OnnxRuntime().open(
        ARTIFACT, data or mean_graph(), execution, SessionOptions(output_shape=(3,), device=device)
    )


def test_a_session_on_a_card_is_told_all_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which card; fp32 that is fp32; memory that others leave room for; and that it must not fall back."""
    library = give_cards(monkeypatch)
    images = np.full((2, 4, 4, 3), 7, np.uint8)
    np.testing.assert_allclose(open_on("cuda:1").run(images), 7.0)
    ((told, may_fall_back),) = library.opened
    assert told == card_options("cuda:1")
    assert (told["device_id"], told["use_tf32"], told["arena_extend_strategy"]) == ("1", "0", "kSameAsRequested")
    assert not may_fall_back


def test_the_build_for_the_cpu_cannot_use_a_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error says which build it is, and that it has to go before the other one comes."""
    library = give_cards(monkeypatch)
    monkeypatch.setattr(library, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(EnvironmentFault, match="one without CUDA: it has CPUExecutionProvider") as caught:
        open_on("cuda:0")
    assert caught.value.code == "environment.device"
    assert caught.value.hint.startswith("pip uninstall -y onnxruntime && pip install 'onnxruntime-gpu[cuda,cudnn]'")


def test_a_library_that_takes_the_cpu_in_silence_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does where CUDA does not load, also when it was told not to fall back."""
    give_cards(monkeypatch, falls_back=True)
    with pytest.raises(EnvironmentFault, match="would compute on the CPU in place of the card") as caught:
        open_on("cuda:0")
    assert caught.value.code == "environment.device"


def test_a_card_that_the_library_does_not_find_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the first line of what it says."""
    give_cards(monkeypatch, cards=1)
    with pytest.raises(EnvironmentFault) as caught:
        open_on("cuda:1")
    assert caught.value.code == "environment.device"
    assert caught.value.message == "ONNX Runtime cannot use the card: CUDA failure 101: invalid device ordinal"
    assert caught.value.where == "cuda:1"


@pytest.mark.parametrize("cards", [0, 2])
def test_an_artifact_that_is_none_is_no_fault_of_the_card(monkeypatch: pytest.MonkeyPatch, cards: int) -> None:
    """The CPU refuses it too, and its word counts."""
    give_cards(monkeypatch, cards=cards)
    nodes = [helper.make_node("Vanish", ["image"], ["scores"])]
    data = serialized(nodes, [value("image", UINT8, ["n", 4, 4, 3])], [value("scores", FLOAT, ["n", 3])])
    with pytest.raises(RuntimeFault, match="ONNX Runtime refuses the artifact") as caught:
        open_on("cuda:0", data)
    assert caught.value.code == "runtime.load"


def test_what_the_library_prints_is_no_data_of_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It goes to stderr, for stdout may be read by a program."""
    give_cards(monkeypatch)
    open_on("cuda:0")
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "Failed to load libcublas.so.13\n")


def test_a_real_card_computes_what_the_cpu_does() -> None:
    """Within the tolerance of fp32, for batches of several sizes."""
    if not count_cards() or "CUDAExecutionProvider" not in onnx_runtime.import_onnxruntime().get_available_providers():
        pytest.skip("needs a CUDA card, and onnxruntime-gpu")
    rng = np.random.default_rng(0)
    on_card, on_cpu = open_on("cuda:0"), open_on("cpu")
    for count in (1, 2, 8):
        images = rng.integers(0, 256, (count, 4, 4, 3), dtype=np.uint8)
        np.testing.assert_allclose(on_card.run(images), on_cpu.run(images), rtol=1e-3)
