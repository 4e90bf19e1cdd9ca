"""OpenVINO runs ONNX graphs from images to raw outputs, in the precision that was asked for."""

import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault
from andon.machine import available_cores
from andon.runtimes import openvino_runtime
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.onnx_runtime import OnnxRuntime
from andon.runtimes.openvino_runtime import OpenVino, import_openvino, require_bf16, shared_core
from andon.runtimes.ports import Port
from andon.tensors import relative_difference
from tests.support.bundles import colour_graph
from tests.support.graphs import Form, convolution_graph, mean_graph, serialized, value
from tests.support.machine import resident_bytes
from tests.support.tree import ROOT, importers

pytest.importorskip("openvino", reason="the library of the runtime openvino is not installed")

ARTIFACT = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
UINT8, FLOAT = TensorProto.UINT8, TensorProto.FLOAT


def open_session(
    data: bytes, classes: int = 3, *, precision: Any = "fp32", threads: int = 1, callers: int = 1
) -> Session:
    """Open a graph with OpenVINO."""
    execution = Execution(artifact="onnx", runtime="openvino", precision=precision)
    options = SessionOptions(output_shape=(classes,), threads=threads, callers=callers)
    return OpenVino().open(ARTIFACT, data, execution, options)


def refused(data: bytes, classes: int = 3) -> str:
    """Give the message with which a graph is refused as it is loaded."""
    with pytest.raises(RuntimeFault) as caught:
        open_session(data, classes)
    assert caught.value.code == "runtime.load"
    assert caught.value.where == ARTIFACT.path
    return caught.value.message


def images(count: int = 3, *shape: int) -> np.ndarray:
    """Make noise: uint8 (count, *shape), by default 4 x 4 pixels."""
    return np.random.default_rng(0).integers(0, 256, (count, *(shape or (4, 4, 3))), dtype=np.uint8)


def has_bf16() -> bool:
    """Ask whether this processor computes in bf16."""
    return "BF16" in shared_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def test_a_graph_answers_with_its_numbers() -> None:
    """Here the mean of each channel."""
    np.testing.assert_allclose(open_session(mean_graph()).run(images()), images().mean(axis=(1, 2)), rtol=1e-5)


@pytest.mark.parametrize("image", [("h", "w", 3), (4, "w", 3), (None, None, None)])
def test_a_graph_for_images_of_any_size_takes_them(image: tuple[Any, ...]) -> None:
    """One size after the other, in batches of any length."""
    session = open_session(mean_graph(image=image))
    assert session.input_shape is None
    for batch in (images(2), images(1, 4, 9, 3), images(5, 4, 6, 3), images(1)):
        np.testing.assert_allclose(session.run(batch), batch.mean(axis=(1, 2)), rtol=1e-5)


def test_what_is_not_declared_as_raw_outputs_is_refused() -> None:
    """The message is that of every runtime: see tests/unit/runtimes/test_ports.py."""
    assert "output of float32 (N, 4), as the labels want it, the graph has scores: float32 (any, 3)" in refused(
        mean_graph(), 4
    )
    assert "scores: f16 (any, 3)" in refused(mean_graph(to=TensorProto.FLOAT16))


def two_inputs(*nodes: Any) -> bytes:
    """Make a graph that takes an image and a mask."""
    inputs = [value("image", UINT8, ["n", 4, 4, 3]), value("mask", FLOAT, ["n", 4, 4, 3])]
    return serialized(list(nodes), inputs, [value("scores", FLOAT, ["n", 3])])


CAST = helper.make_node("Cast", ["image"], ["float"], to=FLOAT)


def test_a_graph_with_two_inputs_is_refused() -> None:
    """Which of them is the image is not guessed."""
    masked = helper.make_node("Mul", ["float", "mask"], ["masked"])
    mean = helper.make_node("ReduceMean", ["masked", "axes"], ["scores"], keepdims=0)
    assert "image: uint8 (any, 4, 4, 3), mask: float32 (any, 4, 4, 3)" in refused(two_inputs(CAST, masked, mean))


def test_an_input_that_nothing_uses_is_none() -> None:
    """OpenVINO leaves it out; the answer does not depend on it."""
    mean = helper.make_node("ReduceMean", ["float", "axes"], ["scores"], keepdims=0)
    found = open_session(two_inputs(CAST, mean)).run(images())
    np.testing.assert_allclose(found, images().mean(axis=(1, 2)), rtol=1e-5)


def test_an_operator_that_is_not_there_is_named() -> None:
    """In one line, without the places in the library's source."""
    nodes = [helper.make_node("Vanish", ["image"], ["scores"])]
    message = refused(serialized(nodes, [value("image", UINT8, ["n", 4, 4, 3])], [value("scores", FLOAT, ["n", 3])]))
    assert "Vanish" in message
    assert ".cpp" not in message
    assert "\n" not in message


def test_no_bytes_are_no_graph() -> None:
    """OpenVINO itself takes them for an empty one."""
    assert "the graph has none" in refused(b"")


def test_its_own_format_is_not_taken_for_onnx(tmp_path: Path) -> None:
    """What the bundle declares is what is read, though the library could read this too."""
    openvino = import_openvino()
    made = openvino.frontend.FrontEndManager().load_by_framework("onnx")
    (tmp_path / "model.onnx").write_bytes(mean_graph())
    openvino.save_model(made.convert(made.load(str(tmp_path / "model.onnx"))), tmp_path / "model.xml")
    assert refused((tmp_path / "model.xml").read_bytes())


def test_a_failure_within_the_graph_is_a_fault_of_the_run() -> None:
    """With the library's message, in one line; then the session goes on."""
    session = open_session(mean_graph(image=(None, None, 3)))
    with pytest.raises(RuntimeFault) as caught:
        session.run(images(1, 4, 4, 2))
    assert caught.value.code == "runtime.run"
    assert caught.value.message.startswith("OpenVINO failed: ")
    assert ".cpp" not in caught.value.message
    assert "\n" not in caught.value.message
    assert session.run(images()).shape == (3, 3)


def test_a_batch_of_another_dtype_is_not_cast() -> None:
    """OpenVINO alone would cast floats to pixels, and answer."""
    with pytest.raises(RuntimeFault, match="the graph takes uint8, the batch is float32") as caught:
        open_session(mean_graph()).run(images().astype(np.float32))
    assert caught.value.code == "runtime.run"


def test_the_bytes_of_the_artifact_are_not_kept() -> None:
    """A session holds the graph as the library has it, and no second copy of a model of many megabytes."""
    data = mean_graph()
    before = sys.getrefcount(data)
    session = open_session(data)
    assert sys.getrefcount(data) == before
    assert session.run(images()).shape == (3, 3)


def test_fp32_is_fp32_and_bf16_is_not() -> None:
    """On a processor with bf16 OpenVINO takes that unless it is told otherwise."""
    graph, batch = convolution_graph(Form()), images(4, 12, 12, 3)
    onnxruntime = OnnxRuntime().open(
        ARTIFACT, graph, Execution(artifact="onnx", runtime="onnxruntime"), SessionOptions(output_shape=(4,))
    )
    wanted = onnxruntime.run(batch)
    assert relative_difference(open_session(graph, 4).run(batch), wanted) < 1e-5
    if not has_bf16():
        pytest.skip("the processor has no bf16")
    assert 1e-4 < relative_difference(open_session(graph, 4, precision="bf16").run(batch), wanted) < 0.05


def test_bf16_is_refused_where_the_processor_has_none() -> None:
    """It would be fp32, or slow, without a word."""
    require_bf16(["FP32", "BF16", "INT8"])
    with pytest.raises(EnvironmentFault, match="does not compute in bf16") as caught:
        require_bf16(["FP32", "INT8"])
    assert caught.value.code == "environment.device"
    assert "fp32" in caught.value.hint


def test_only_bf16_is_asked_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal comes out of `open`; fp32 runs everywhere."""
    without = partial(require_bf16, ["FP32"])
    monkeypatch.setattr(openvino_runtime, "require_bf16", lambda _: without())
    with pytest.raises(EnvironmentFault):
        open_session(mean_graph(), precision="bf16")
    assert open_session(mean_graph()).run(images()).shape == (3, 3)


class Requests:
    """A compiled graph that counts the requests that are made, and fails when it is told to."""

    def __init__(self) -> None:
        self.made = 0
        self.fails = False

    def create_infer_request(self) -> "Requests":
        """Count."""
        self.made += 1
        return self

    def infer(self, inputs: list[np.ndarray]) -> dict[str, np.ndarray]:
        """Answer zeros, or fail."""
        if self.fails:
            raise RuntimeError("no")
        return {"scores": np.zeros((len(inputs[0]), 3), np.float32)}


def test_a_request_is_used_again_until_it_fails() -> None:
    """Each holds the memory of its largest run; one that failed may be spoilt."""
    compiled = Requests()
    session = openvino_runtime.OpenVinoSession(compiled, Port(name="image", dtype="uint8", shape=(None, 4, 4, 3)))
    for _ in range(5):
        session.run(images())
    assert compiled.made == 1
    compiled.fails = True
    with pytest.raises(RuntimeFault):
        session.run(images())
    compiled.fails = False
    session.run(images())
    assert compiled.made == 2


@pytest.mark.skipif(available_cores() < 2, reason="with one core there is one thread")
def test_callers_that_were_announced_have_threads_that_compute_for_them() -> None:
    """So that they run side by side; by itself OpenVINO lets one caller wait for the other."""
    batch = images(64, 32, 32, 3)
    alone, several = open_session(colour_graph()), open_session(colour_graph(), callers=2)
    np.testing.assert_allclose(several.run(batch), alone.run(batch), rtol=1e-5)
    process_s, caller_s = time.process_time(), time.thread_time()
    while time.process_time() - process_s < 0.05:
        several.run(batch)
    assert time.thread_time() - caller_s < 0.5 * (time.process_time() - process_s)


@pytest.mark.slow
def test_a_signal_finds_the_process_alive_after_sessions_came_and_went() -> None:
    """As SIGTERM does, which ends a service in good order; with a core for each session it would be SIGSEGV."""
    code = (
        "import signal; from tests.unit.runtimes.test_openvino_runtime import colour_graph, open_session; "
        "first, second = (open_session(colour_graph(), callers=2) for _ in range(2)); "
        "signal.signal(signal.SIGTERM, lambda *_: print('handled')); "
        "del first; del second; signal.raise_signal(signal.SIGTERM)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr


def test_nothing_else_imports_openvino() -> None:
    """An import elsewhere would come with telemetry, if it came first."""
    assert importers("openvino") == [("andon.runtimes.openvino_runtime", "import_openvino")]


@pytest.mark.slow
def test_the_telemetry_can_be_imported_afterwards() -> None:
    """It was away for the import alone, and nothing of it is left in the process."""
    code = (
        "import sys; from andon.runtimes.openvino_runtime import import_openvino; import_openvino(); "
        "assert 'openvino_telemetry' not in sys.modules; import openvino_telemetry; import_openvino(); "
        "assert openvino_telemetry in sys.modules.values()"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


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
    """Without openvino the error says how to get it."""
    monkeypatch.setattr(openvino_runtime, "find_spec", lambda _: None)
    assert not OpenVino().is_installed()
    with pytest.raises(EnvironmentFault) as caught:
        open_session(mean_graph())
    assert caught.value.code == "environment.extra"
    assert caught.value.hint == 'pip install "andon[openvino]"'
