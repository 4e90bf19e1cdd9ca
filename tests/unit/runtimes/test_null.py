"""The runtime `null` answers zeros, whatever it is given."""

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.runtimes.base import SessionOptions
from andon.runtimes.null import NullRuntime, NullSession


def test_any_bytes_open_and_any_size_runs() -> None:
    """A zero for each label, as float32."""
    artifact = Artifact(name="onnx", format="onnx", path="artifacts/onnx/model.onnx")
    execution = Execution(artifact="onnx", runtime="null")
    session = NullRuntime().open(artifact, b"anything", execution, SessionOptions(output_shape=(4,)))
    for shape in ((1, 2, 3, 3), (5, 100, 1, 1)):
        raw_outputs = session.run(np.ones(shape, np.uint8))
        np.testing.assert_array_equal(raw_outputs, np.zeros((shape[0], 4), np.float32))
        assert raw_outputs.dtype == np.float32
    assert session.input_shape is None


def test_it_needs_no_library() -> None:
    """It is always there."""
    NullRuntime().require_installed()
    assert NullRuntime().is_installed()
    assert NullSession((1,)).run(np.zeros((1, 1, 1, 1), np.uint8)).shape == (1, 1)
