"""
Attack: a tensor of the ONNX artifact names a file of the machine as its data, and the answers tell what is in it.

ONNX Runtime 1.31 reads such a file when it lies below the folder that the process runs in, older
ones also elsewhere; so do other runtimes.

Defence: before any runtime is asked, the artifact is walked as protobuf, wherever a tensor can be,
and refused if one of them keeps its data elsewhere.
"""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import ModelProto, TensorProto, helper

import andon
from andon.errors import BundleError
from andon.runtimes.onnx_runtime import import_onnxruntime
from andon.runtimes.registry import is_installed
from tests.attacks.support import GRAPH, Contents, Lay, redeclared
from tests.support.bundles import colour_graph

LOCATIONS = ["/etc/passwd", "../../../../etc/passwd", "weights.bin", "", "*/_ORT_MEM_ADDR_/*"]


def move_out(tensor: TensorProto, location: str) -> None:
    """Let a tensor keep its data in another file."""
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value


def of_an_initializer(model: ModelProto) -> TensorProto:
    """Give a weight of the graph."""
    return next(tensor for tensor in model.graph.initializer if tensor.name == "mean")


def of_a_constant(model: ModelProto) -> TensorProto:
    """Give the value of a node `Constant`, made from a weight."""
    weight = of_an_initializer(model)
    model.graph.initializer.remove(weight)
    model.graph.node.insert(0, helper.make_node("Constant", [], ["mean"], value=weight))
    return model.graph.node[0].attribute[0].t


def of_a_branch(model: ModelProto) -> TensorProto:
    """Give a weight of a graph within a graph."""
    branch = helper.make_graph([helper.make_node("Identity", ["inner"], ["out"])], "branch", [], [])
    branch.initializer.append(of_an_initializer(model))
    node = helper.make_node("If", ["condition"], ["unused"], then_branch=branch, else_branch=branch)
    model.graph.node.append(node)
    return model.graph.node[-1].attribute[0].g.initializer[0]


def of_a_function(model: ModelProto) -> TensorProto:
    """Give the value of a constant within a function of the model."""
    constant = helper.make_node("Constant", [], ["y"], value=of_an_initializer(model))
    function = helper.make_function("own", "F", [], ["y"], [constant], [helper.make_opsetid("", 20)])
    model.functions.append(function)
    return model.functions[0].node[0].attribute[0].t


def of_sparse_values(model: ModelProto) -> TensorProto:
    """Give the values of a sparse weight."""
    model.graph.sparse_initializer.add().values.CopyFrom(of_an_initializer(model))
    return model.graph.sparse_initializer[0].values


PLACES = [of_an_initializer, of_a_constant, of_a_branch, of_a_function, of_sparse_values]


@pytest.fixture
def _no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ONNX Runtime fail the test when it is asked."""

    def fail(*_arguments: object, **_options: object) -> None:
        pytest.fail("ONNX Runtime was asked to load the artifact")

    monkeypatch.setattr(import_onnxruntime(), "InferenceSession", fail)


@pytest.mark.usefixtures("_no_session")
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("location", LOCATIONS)
def test_data_outside_the_artifact_are_refused(
    location: str, place: Callable[[ModelProto], TensorProto], contents: Contents, lay: Lay
) -> None:
    """Correctly declared, such an artifact is refused before ONNX Runtime sees it, and the message names the file."""
    model = onnx.load_from_string(colour_graph())
    move_out(place(model), location)
    path = lay(redeclared(contents, {GRAPH: model.SerializeToString()}))
    with pytest.raises(BundleError) as caught:
        andon.load(path)
    assert caught.value.code == "bundle.artifact"
    assert repr(location) in caught.value.message
    assert GRAPH in caught.value.where


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_true_file_in_the_working_folder_is_not_read(
    runtime: str, contents: Contents, lay: Lay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The very case that the libraries would load: the file is there, and holds what it should."""
    if not is_installed(runtime):
        pytest.skip(f"the library of the runtime {runtime} is not installed")
    model = onnx.load_from_string(colour_graph())
    mean = of_an_initializer(model)
    (tmp_path / "weights.bin").write_bytes(mean.raw_data)
    move_out(mean, "weights.bin")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BundleError, match=r"weights\.bin") as caught:
        andon.load(lay(redeclared(contents, {GRAPH: model.SerializeToString()})), runtime=runtime)
    assert caught.value.code == "bundle.artifact"


@pytest.mark.usefixtures("_no_session")
def test_a_mark_without_a_file_is_refused(contents: Contents, lay: Lay) -> None:
    """A tensor that is elsewhere but does not say where is refused too."""
    model = onnx.load_from_string(colour_graph())
    of_an_initializer(model).data_location = TensorProto.EXTERNAL
    with pytest.raises(BundleError) as caught:
        andon.load(lay(redeclared(contents, {GRAPH: model.SerializeToString()})))
    assert caught.value.code == "bundle.artifact"


@pytest.mark.usefixtures("_no_session")
def test_a_file_without_a_mark_is_refused(contents: Contents, lay: Lay) -> None:
    """A tensor that says where it would be is refused, although it says that it is here."""
    model = onnx.load_from_string(colour_graph())
    mean = of_an_initializer(model)
    move_out(mean, "/etc/passwd")
    mean.ClearField("data_location")
    with pytest.raises(BundleError, match="/etc/passwd"):
        andon.load(lay(redeclared(contents, {GRAPH: model.SerializeToString()})))
