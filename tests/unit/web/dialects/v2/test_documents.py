"""The JSON of an inference request, field by field."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from andon.errors import RequestError
from andon.web.dialects.v2.documents import MAX_REST_BYTES, Document, read_document
from andon.web.dialects.v2.face import USUAL_OUTPUTS, Wanted
from tests.support.inference import tensor


def read(**fields: Any) -> Document:
    """Read a sound request with other fields."""
    return read_document(json.dumps({"inputs": [tensor()], **fields}).encode())


def refusal(text: bytes | None = None, **fields: Any) -> RequestError:
    """Read a request that must be refused, with a message that is short and can be shown."""
    sent = json.dumps({"inputs": [tensor()], **fields}).encode() if text is None else text
    with pytest.raises(RequestError) as caught:
        read_document(sent)
    shown = f"{caught.value.message}{caught.value.hint}"
    assert shown.isprintable()
    assert len(shown) < 500
    return caught.value


def test_a_request_that_says_little_asks_for_everything() -> None:
    """All outputs, in JSON; no id, no terms."""
    document = read()
    assert document.outputs == tuple(Wanted(name=name) for name in USUAL_OUTPUTS)
    assert (document.id, document.priority, document.deadline_ms) == (None, None, None)


def test_the_tensor_is_left_as_it_was_sent() -> None:
    """Its data stay text, in JSON or behind it."""
    assert read().tensor.data == b'["QUJD"]'
    sent = tensor(data=None, shape=[2, 0], parameters={"binary_data_size": 7})
    found = read(inputs=[sent]).tensor
    assert (found.data, found.binary_bytes, found.shape, found.datatype) == (None, 7, (2, 0), "BYTES")


@pytest.mark.parametrize("field", ["id", "parameters", "outputs"])
def test_null_stands_for_nothing(field: str) -> None:
    """As programs write what they leave out."""
    assert read(**{field: None}) == read()


def test_what_the_address_says_may_be_repeated() -> None:
    """KServe's client does."""
    assert read(model_name="x", model_version="1") == read()


def test_the_id_is_kept() -> None:
    """As it is, an empty one and one in any script too."""
    assert [read(id=name).id for name in ("42", "", "零件")] == ["42", "", "零件"]


def test_outputs_are_given_in_the_order_asked() -> None:
    """An output's own wish for binary goes before that of the whole request."""
    outputs = [
        {"name": "verdict", "parameters": {"binary_data": False}},
        {"name": "scores", "parameters": {"classification": 2}},
    ]
    assert read(outputs=outputs, parameters={"binary_data_output": True}).outputs == (
        Wanted(name="verdict"),
        Wanted(name="scores", is_binary=True, classes=2),
    )


def test_binary_for_all_of_the_outputs() -> None:
    """Where none is named, and where one wishes nothing of its own."""
    parameters = {"binary_data_output": True}
    assert all(wanted.is_binary for wanted in read(parameters=parameters).outputs)
    assert read(parameters=parameters, outputs=[{"name": "label"}]).outputs == (Wanted(name="label", is_binary=True),)


@pytest.mark.parametrize(
    ("priority", "lane"), [(0, None), (1, "line"), (2, "interactive"), (3, "batch"), (4, "batch"), (2**62, "batch")]
)
def test_priorities_are_lanes(priority: int, lane: str | None) -> None:
    """1 is the highest; 0 is no wish."""
    assert read(parameters={"priority": priority}).priority == lane


@pytest.mark.parametrize(
    ("timeout_us", "deadline_ms"), [(0, None), (10_000, 10), (10_999, 10), (600_000_000, 600_000), (50_000, 50)]
)
def test_a_timeout_is_a_deadline(timeout_us: int, deadline_ms: int | None) -> None:
    """Microseconds become milliseconds, rather less than more; 0 is none."""
    assert read(parameters={"timeout": timeout_us}).deadline_ms == deadline_ms


@pytest.mark.parametrize("timeout_us", [1, 9_999, 600_000_001, 2**62])
def test_a_timeout_beyond_bounds_is_refused(timeout_us: int) -> None:
    """The message names the bounds in the unit of the parameter."""
    error = refusal(parameters={"timeout": timeout_us})
    assert error.code == "request.parameter"
    assert "from 10000 to 600000000" in error.message


@pytest.mark.parametrize(
    "parameters",
    [
        {"priority": -1},
        {"priority": True},
        {"priority": "1"},
        {"timeout": 1.5},
        {"timeout": -1},
        {"timeout": 2**64},
        {"binary_data_output": 1},
        {"sequence_id": 3},
        {"priorty": 1},
        {"\u001b[2J": 1},
        [],
        "x",
    ],
)
def test_parameters_that_cannot_be_kept_are_refused(parameters: Any) -> None:
    """An unknown one is a wish that would be left unheard; the hint names the known ones."""
    error = refusal(parameters=parameters)
    assert error.code == "request.parameter"
    assert "priority" in f"{error.message}{error.hint}" or "write" in error.hint


@pytest.mark.parametrize(
    "outputs",
    [
        [{"name": "probabilities"}],
        [{"name": "n" * 1000}],
        [{"name": "label"}, {"name": "scores"}, {"name": "label"}],
        [{"name": "label"}] * 2000,
        [{}],
        [{"name": 1}],
        [{"name": "label", "shape": [1]}],
        ["label"],
        "label",
        {"name": "label"},
    ],
)
def test_outputs_that_are_not_there_are_refused(outputs: Any) -> None:
    """Unknown, twice, or no outputs at all."""
    assert refusal(outputs=outputs).code == "request.tensor"


@pytest.mark.parametrize(
    "output",
    [
        {"name": "label", "parameters": {"classification": 1}},
        {"name": "verdict", "parameters": {"classification": 1}},
        {"name": "scores", "parameters": {"classification": -1}},
        {"name": "scores", "parameters": {"classification": "1"}},
        {"name": "scores", "parameters": {"clasification": 1}},
        {"name": "scores", "parameters": {"binary_data": "true"}},
        {"name": "scores", "parameters": {"shared_memory_region": "x"}},
    ],
)
def test_parameters_of_an_output_are_checked(output: dict[str, Any]) -> None:
    """Classes can only be asked of the scores."""
    assert refusal(outputs=[output]).code == "request.parameter"


@pytest.mark.parametrize(
    "inputs",
    [
        [],
        [tensor(), tensor()],
        [tensor()] * 5000,
        [tensor(name="pixels")],
        [tensor(name=None)],
        [tensor(shape=None)],
        [tensor(datatype=None)],
        [tensor(shape=[-1])],
        [tensor(shape=[1.0])],
        [tensor(shape=["1"])],
        [tensor(shape=[[1]])],
        [tensor(shape=[True])],
        [tensor(shape=1)],
        [tensor(shape=[2**63])],
        [tensor(shape=[10**400])],
        [tensor(datatype=3)],
        [tensor(extra=1)],
        {},
        "image",
    ],
)
def test_inputs_that_are_not_the_one_are_refused(inputs: Any) -> None:
    """Missing, twice, unknown, or without one of its fields."""
    assert refusal(inputs=inputs).code == "request.tensor"


@pytest.mark.parametrize("size", [-1, "3", 1.5, True, 2**63])
def test_a_binary_size_is_a_number_of_bytes(size: Any) -> None:
    """Whole, and not below 0."""
    error = refusal(inputs=[tensor(parameters={"binary_data_size": size})])
    assert error.code == "request.parameter"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "truncated"),
        (b"{", "truncated"),
        (b"[]", "expected object, got array"),
        (b"null", "expected object, got null"),
        (b"{}", "missing required field inputs"),
        (b'{"input": []}', "unknown field 'input'"),
        (b'{"inputs": []} x', "trailing characters"),
        (b'{"inputs": [NaN]}', "not valid JSON"),
        (b'{"id": 3, "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}', "`id`: expected str"),
        (b'{"id": "\xff", "inputs": [{"name": "image", "shape": [1], "datatype": "BYTES"}]}', "not UTF-8"),
    ],
)
def test_a_body_that_is_no_request_is_refused(text: bytes, said: str) -> None:
    """The message says what it is instead."""
    error = refusal(text)
    assert error.code == "request.body"
    assert said in error.message


def test_a_misspelt_field_is_named_with_the_right_one() -> None:
    """Nothing is left out in silence."""
    assert refusal(b'{"input": []}').hint == "did you mean 'inputs'?"


def test_an_image_in_place_of_json_is_told_of_the_header() -> None:
    """It is what `curl --data-binary` sends."""
    assert "Inference-Header-Content-Length: 0" in refusal(b"\xff\xd8\xff\xe0").hint


@pytest.mark.parametrize("field", ["id", "model_name", "datatype", "shape", "outputs"])
def test_what_is_not_data_stays_small(field: str) -> None:
    """Each of the other fields could grow in memory."""
    long: Any = {"shape": [1] * MAX_REST_BYTES, "outputs": [{"name": "label"}] * MAX_REST_BYTES}.get(
        field, "x" * MAX_REST_BYTES
    )
    fields = {"inputs": [tensor(**{field: long})]} if field in ("datatype", "shape") else {field: long}
    assert refusal(**fields).code == "request.bytes"
    assert read(inputs=[tensor(data=["A" * 4 * MAX_REST_BYTES])]).tensor.data


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
_fields = st.sampled_from(["inputs", "outputs", "parameters", "id", "name", "shape", "data", "datatype", "x"])


@pytest.mark.slow
@settings(deadline=None)
@given(st.binary() | st.dictionaries(_fields, _json | st.lists(st.dictionaries(_fields, _json))).map(json.dumps))
@example('{"inputs": [{"name": "\\ud800", "shape": [], "datatype": ""}]}')
@example(b'{"inputs": [{"name": "image", "shape": [1], "datatype": "\xff"}]}')
def test_anything_else_raises_nothing_but_a_refusal(text: str | bytes) -> None:
    """Whatever comes over the wire."""
    with contextlib.suppress(RequestError):
        read_document(text if isinstance(text, bytes) else text.encode())
