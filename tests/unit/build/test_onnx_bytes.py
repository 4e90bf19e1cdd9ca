"""Tests of writing an ONNX model with nothing of this machine in it."""

import onnx
import pytest
from onnx import TensorProto, helper

from andon.build.onnx_bytes import serialise
from andon.errors import PackError
from tests.support.given import graph


def test_what_belongs_to_a_machine_is_left_out() -> None:
    """Documentation, metadata and shapes in between; the weights keep their bytes."""
    model = graph()
    model.doc_string = "/home/me/notes"
    model.metadata_props.add(key="path", value="/home/me/train.py")
    model.graph.node[0].doc_string = "line 3 of /home/me/train.py"
    model.graph.value_info.append(helper.make_tensor_value_info("maps", TensorProto.FLOAT, ["secret", 6]))
    weights = [tensor.raw_data for tensor in model.graph.initializer]
    data = serialise(model)
    assert b"/home/me/" not in data
    assert b"secret" not in data
    found = onnx.load_model_from_string(data)
    onnx.checker.check_model(found)
    assert [tensor.raw_data for tensor in found.graph.initializer] == weights


def test_the_free_batch_has_one_name_and_other_free_axes_none() -> None:
    """Exporters count symbols through a process; a fixed axis stays as it is."""
    model = graph(shape=["s17", 3, "s18", 8])
    found = onnx.load_model_from_string(serialise(model)).graph
    axes = found.input[0].type.tensor_type.shape.dim
    assert [axis.dim_param for axis in axes] == ["batch", "", "", ""]
    assert [axis.dim_value for axis in axes] == [0, 3, 0, 8]
    assert found.output[0].type.tensor_type.shape.dim[0].dim_param == "batch"


def test_equal_models_give_equal_bytes() -> None:
    """Whatever the names of their axes were."""
    assert serialise(graph(shape=["a", 3, 8, 8])) == serialise(graph(shape=["b", 3, 8, 8]))


def test_what_is_larger_than_an_onnx_file_can_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """With both numbers."""
    monkeypatch.setattr("andon.build.onnx_bytes.MAX_ONNX_BYTES", 100)
    with pytest.raises(PackError, match="at most 100") as caught:
        serialise(graph())
    assert caught.value.code == "pack.export"
