"""The walk over an ONNX file reaches every tensor, and reads protobuf as protobuf is read."""

import onnx
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from andon.bundle.onnx_file import _CHILDREN, _DATA_LOCATION, _EXTERNAL_DATA, find_external_files, require_whole_onnx
from andon.errors import BundleError, RuntimeFault
from tests.support.bundles import colour_graph


def messages_below(root: Descriptor) -> dict[str, Descriptor]:
    """Collect the messages that can be within another one, by name."""
    found = {root.name: root}
    waiting = [root]
    while waiting:
        for field in waiting.pop().fields:
            inner = field.message_type
            if inner is not None and inner.name not in found:
                found[inner.name] = inner
                waiting.append(inner)
    return found


def ways_to_a_tensor() -> dict[str, dict[int, str]]:
    """Give, by message, the fields that lead to a tensor in the installed ONNX."""
    messages = messages_below(onnx.ModelProto.DESCRIPTOR)
    leading = {name for name, message in messages.items() if "TensorProto" in messages_below(message)}

    def fields(message: Descriptor) -> dict[int, str]:
        inner: list[FieldDescriptor] = [field for field in message.fields if field.message_type is not None]
        return {f.number: f.message_type.name for f in inner if f.message_type.name in leading}

    return {name: fields(messages[name]) for name in leading}


def test_no_way_to_a_tensor_is_left_out() -> None:
    """The table of the walk is that of the installed ONNX; a new field in which a tensor can hide fails here."""
    own = {
        f"{name}Proto": {number: f"{child}Proto" for number, child in children.items()}
        for name, children in _CHILDREN.items()
    }
    own["TrainingInfoProto"] = own.pop("TrainingProto")
    own["ModelProto"][20] = "TrainingInfoProto"
    assert own == ways_to_a_tensor()


def test_the_marks_of_external_data_are_those_of_onnx() -> None:
    """The two fields of a tensor have the numbers that the walk looks for."""
    numbers = onnx.TensorProto.DESCRIPTOR.fields_by_name
    assert numbers["external_data"].number == _EXTERNAL_DATA
    assert numbers["data_location"].number == _DATA_LOCATION


def test_a_whole_file_refers_to_nothing() -> None:
    """A graph with its weights inside passes."""
    assert find_external_files(colour_graph()) == []
    require_whole_onnx(colour_graph(), "model.onnx")


def test_fields_of_the_same_number_elsewhere_say_nothing() -> None:
    """The description of an inner value has the number, in a graph, that external data have in a tensor."""
    model = onnx.shape_inference.infer_shapes(onnx.load_from_string(colour_graph()))
    assert model.graph.value_info
    assert find_external_files(model.SerializeToString()) == []


def test_a_known_number_of_another_kind_is_an_unknown_field() -> None:
    """As protobuf reads it: a graph is no number, nor are external data."""
    assert find_external_files(b"\x38\x05" + colour_graph()) == []
    for tensor in (b"\x68\x05", b"\x72\x01x"):
        understood = onnx.TensorProto.FromString(tensor)
        assert not understood.external_data
        assert understood.data_location == onnx.TensorProto.DEFAULT
        assert find_external_files(b"\x3a" + bytes([len(tensor) + 2]) + b"\x2a" + bytes([len(tensor)]) + tensor) == []


def test_a_tensor_that_says_that_it_is_here_is_here() -> None:
    """The mark of the usual place may be written out."""
    model = onnx.ModelProto()
    model.graph.initializer.add(data_location=onnx.TensorProto.DEFAULT)
    assert b"\x70\x00" in model.SerializeToString()
    assert find_external_files(model.SerializeToString()) == []


def external_model(*locations: str) -> onnx.ModelProto:
    """Make a model of tensors that are elsewhere."""
    model = onnx.ModelProto()
    for location in locations:
        tensor = model.graph.initializer.add(data_location=onnx.TensorProto.EXTERNAL)
        tensor.external_data.add(key="offset", value="0")
        tensor.external_data.add(key="location", value=location)
    return model


def test_the_files_are_listed_sorted_and_once() -> None:
    """Each file has one name in the list."""
    assert find_external_files(external_model("b", "a", "b").SerializeToString()) == ["a", "b"]


def test_an_attribute_of_a_training_graph_is_reached() -> None:
    """The longest way: training, graph, node, attribute, graph, sparse tensor."""
    model = onnx.ModelProto()
    attribute = model.training_info.add().algorithm.node.add().attribute.add()
    inner = attribute.graphs.add().sparse_initializer.add()
    inner.indices.CopyFrom(external_model("deep").graph.initializer[0])
    assert find_external_files(model.SerializeToString()) == ["deep"]


def test_a_field_that_occurs_twice_is_walked_twice() -> None:
    """Protobuf merges two graphs of one model, so the first does not hide the second."""
    data = external_model("first").SerializeToString() + external_model("second").SerializeToString()
    assert find_external_files(data) == ["first", "second"]


def test_a_long_way_of_writing_a_number_is_understood() -> None:
    """A tag and a length of several bytes mean the same as short ones."""
    tensor = b"\xf0\x80\x80\x80\x00\x81\x80\x00"
    assert onnx.TensorProto.FromString(tensor).data_location == onnx.TensorProto.EXTERNAL
    graph = b"\x2a" + b"\x88\x80\x00" + tensor
    assert find_external_files(b"\xba\x00" + bytes([len(graph)]) + graph) == [""]


def test_other_fields_of_every_kind_are_passed_over() -> None:
    """Numbers of 32 and 64 bits, groups and unknown fields say nothing."""
    unknown = b"\x9d\x06abcd" + b"\x99\x06abcdefgh" + b"\x9b\x06\x08\x01\x9b\x06\x9c\x06\x9c\x06" + b"\x90\x06\x05"
    data = unknown + external_model("x").SerializeToString() + unknown
    assert onnx.ModelProto.FromString(data).graph.initializer[0].external_data[1].value == "x"
    assert find_external_files(data) == ["x"]


def test_what_a_group_hides_is_not_taken_for_a_graph() -> None:
    """A group is an unknown field as a whole."""
    graph = external_model("x").SerializeToString()
    assert find_external_files(b"\x9b\x06" + graph + b"\x9c\x06") == []


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x08", "does not end"),
        (b"\x08\xff", "does not end"),
        (b"\x08" + b"\xff" * 11, "does not end"),
        (b"\xff" * 6, "does not end"),
        (b"\x3a\x05abc", "cut off"),
        (b"\x0d\x01", "cut off"),
        (b"\x09\x01\x02", "cut off"),
        (b"\x00\x01", "has no number"),
        (b"\x0f", "no protobuf field"),
        (b"\x0b", "group does not end"),
        (b"\x0c", "no protobuf field"),
        (b"\x0b\x14", "no protobuf field"),
        (b"\x0b\x0f", "no protobuf field"),
        (b"\x3a\x03\x0a\x05x", "cut off"),
    ],
)
def test_what_is_no_protobuf_is_refused(data: bytes, reason: str) -> None:
    """Cut numbers and fields, wrong ends of groups, kinds that do not exist, and all of it within a graph."""
    with pytest.raises(ValueError, match=reason):
        find_external_files(data)


def test_the_refusal_of_an_external_file_names_it() -> None:
    """The error says which file would have been read, and where it stands."""
    with pytest.raises(BundleError, match="'/etc/shadow'") as caught:
        require_whole_onnx(external_model("/etc/shadow").SerializeToString(), "artifacts/onnx/model.onnx")
    assert caught.value.code == "bundle.artifact"
    assert caught.value.where == "artifacts/onnx/model.onnx"
    assert "weights inside" in caught.value.hint


def test_the_name_of_an_external_file_is_shown_escaped() -> None:
    """A name with control characters, or one that is no text, does not reach a terminal."""
    data = external_model("a\x1b[2J").SerializeToString().replace(b"a\x1b", b"\xff\x1b")
    with pytest.raises(BundleError) as caught:
        require_whole_onnx(data, "model.onnx")
    assert caught.value.message.isprintable()


def test_the_refusal_of_other_bytes_is_that_of_a_runtime() -> None:
    """What is no ONNX file does not load."""
    with pytest.raises(RuntimeFault, match="not an ONNX file") as caught:
        require_whole_onnx(b"\x08", "model.onnx")
    assert caught.value.code == "runtime.load"
