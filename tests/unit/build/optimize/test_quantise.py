"""NNCF quantises, quietly, and input, output and batch stay."""

import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from andon.build.optimize.quantise import has_nncf, quantise, spread
from andon.build.optimize.restore import quantised_nodes
from andon.errors import PackError
from tests.support.quantised import LAYER, original

needs_nncf = pytest.mark.skipif(not has_nncf(), reason="nncf is not installed")


def images(count: int = 40) -> list[np.ndarray]:
    """Make noisy images of several colours."""
    random = np.random.default_rng(0)
    return [
        random.integers(0, 200, 3).astype(np.uint8) + random.integers(0, 50, (32, 32, 3), np.uint8)
        for _ in range(count)
    ]


@needs_nncf
@pytest.mark.slow
def test_a_graph_is_quantised_and_still_takes_and_gives_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    """uint8 (N, 32, 32, 3) of any N to float32 (N, 3); nothing is printed, and the given graph stays."""
    model = original()
    before = model.SerializeToString()
    quantised = quantise(model, images())
    assert model.SerializeToString() == before
    assert LAYER in quantised_nodes(quantised, model)
    session = onnxruntime.InferenceSession(quantised.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"image": np.stack(images(5))})
    assert np.asarray(found).shape == (5, 3)
    assert capsys.readouterr().out == ""


@needs_nncf
@pytest.mark.slow
def test_the_rest_of_the_process_is_left_as_it_was() -> None:
    """NNCF would count its calls for Google, and make every later logger of the process one of its own."""
    program = (
        "import logging, sys; from tests.support.quantised import original; "
        "from tests.unit.build.optimize.test_quantise import images, quantise; quantise(original(), images()); "
        "assert logging.getLoggerClass() is logging.Logger; assert 'openvino_telemetry' not in sys.modules; "
        "import nncf.telemetry; print(type(nncf.telemetry.telemetry).__name__)"
    )
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "MagicMock"), done.stderr


@needs_nncf
@pytest.mark.slow
def test_the_same_images_give_the_same_graph() -> None:
    """So the same work gives the same bundle."""
    first, second = (quantise(original(), images()).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


@needs_nncf
@pytest.mark.slow
def test_a_graph_that_cannot_be_quantised_is_an_error_that_says_so() -> None:
    """The library's own reason, and what to do."""
    model = original()
    model.graph.node[0].op_type = "NoSuchOperator"
    with pytest.raises(PackError) as caught:
        quantise(model, images())
    assert caught.value.code == "optimize.quantise"
    assert "--no-int8" in caught.value.hint


def test_images_are_taken_evenly() -> None:
    """All of them where there are few; else from the first on, in equal steps."""
    assert spread([1, 2], 3) == [1, 2]
    assert spread(range(10), 5) == [0, 2, 4, 6, 8]


def test_the_graph_of_the_tests_is_sound() -> None:
    """What is quantised here is a graph that ONNX accepts."""
    onnx.checker.check_model(original())
