"""What a service says of itself and of its models."""

import json

import msgspec
import pytest

import andon
from andon.errors import RequestError
from andon.web.dialects.v2.metadata import (
    ServedModel,
    asks_only_for_ready,
    model_config,
    model_metadata,
    model_ready,
    repository_index,
    server_live,
    server_metadata,
    server_ready,
)
from tests.support.inference import request

READY = ServedModel(
    name="colours",
    state="ready",
    version="0123456789ab",
    digest="0123456789ab" + "c" * 52,
    labels=("red", "划痕"),
    runtime="onnxruntime",
    format="onnx",
)
LOADING = ServedModel(name="scratch", state="loading", reason="it is being loaded and proven")
FAILED = ServedModel(name="dent", state="failed", reason="a golden sample was not answered", version="ba9876543210")


def test_the_server_names_itself_and_what_it_serves() -> None:
    """Only extensions that are served as they are described: not those that change the repository."""
    described = server_metadata()
    assert (described["name"], described["version"]) == ("andon", andon.__version__)
    assert set(described["extensions"]) == {
        "binary_tensor_data",
        "classification",
        "model_configuration",
        "schedule_policy",
    }


def test_health_is_a_flag() -> None:
    """Of the server, and of a model with its name."""
    assert server_live() == {"live": True}
    assert [server_ready(is_ready=is_ready) for is_ready in (True, False)] == [{"ready": True}, {"ready": False}]
    assert model_ready(READY) == {"name": "colours", "ready": True}
    assert model_ready(LOADING) == {"name": "scratch", "ready": False}


def test_a_model_is_described_by_its_tensors() -> None:
    """An input stands there once; the number of scores is that of the labels."""
    described = model_metadata(READY, ["0123456789ab", "ba9876543210"])
    assert described["versions"] == ["0123456789ab", "ba9876543210"]
    assert described["platform"] == "onnxruntime_onnx"
    assert described["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert described["outputs"] == [
        {"name": "scores", "datatype": "FP32", "shape": [-1, 2]},
        {"name": "label", "datatype": "BYTES", "shape": [-1]},
        {"name": "verdict", "datatype": "INT32", "shape": [-1]},
    ]
    (*_, places) = model_metadata(msgspec.structs.replace(READY, has_places=True), [READY.version])["outputs"]
    assert places == {"name": "boxes", "datatype": "BYTES", "shape": [-1]}


def test_properties_are_texts() -> None:
    """The protocol has no other; the labels are a JSON list in one."""
    properties = model_metadata(READY, [READY.version])["properties"]
    assert properties["digest"] == READY.digest
    assert json.loads(properties["labels"]) == ["red", "划痕"]


def test_the_configuration_leaves_out_the_side_of_the_batch() -> None:
    """As Triton's does where there is a largest batch."""
    assert model_config(READY, max_images=32) == {
        "name": "colours",
        "platform": "onnxruntime_onnx",
        "backend": "onnxruntime",
        "max_batch_size": 32,
        "input": [{"name": "image", "data_type": "TYPE_STRING", "dims": []}],
        "output": [
            {"name": "scores", "data_type": "TYPE_FP32", "dims": [2]},
            {"name": "label", "data_type": "TYPE_STRING", "dims": []},
            {"name": "verdict", "data_type": "TYPE_INT32", "dims": []},
        ],
    }
    (*_, places) = model_config(msgspec.structs.replace(READY, has_places=True), max_images=32)["output"]
    assert places == {"name": "boxes", "data_type": "TYPE_STRING", "dims": []}


def test_the_index_lists_every_model_with_its_state() -> None:
    """One that is not loaded has no version yet."""
    assert repository_index([READY, LOADING, FAILED], only_ready=False) == [
        {"name": "colours", "version": READY.version, "state": "READY", "reason": ""},
        {"name": "scratch", "state": "LOADING", "reason": LOADING.reason},
        {"name": "dent", "version": FAILED.version, "state": "UNAVAILABLE", "reason": FAILED.reason},
    ]


def test_the_index_can_be_of_the_ready_ones() -> None:
    """Only those that can be asked."""
    (only,) = repository_index([LOADING, READY, FAILED], only_ready=True)
    assert only["name"] == "colours"


@pytest.mark.parametrize(
    ("body", "expected"), [(b"", False), (b"{}", False), (b'{"ready": false}', False), (b' {"ready":true}\n', True)]
)
def test_an_index_request_may_ask_for_the_ready_ones(body: bytes, expected: bool) -> None:  # noqa: FBT001 -- a table
    """Or say nothing, as Triton's client does."""
    assert asks_only_for_ready(request(body)) == expected


@pytest.mark.parametrize(
    "body", [b"[]", b"{", b'{"ready": 1}', b'{"raedy": true}', b"null", b"\xff", b'{"ready": NaN}']
)
def test_another_index_request_is_refused(body: bytes) -> None:
    """The hint says what may be sent."""
    with pytest.raises(RequestError) as caught:
        asks_only_for_ready(request(body))
    assert caught.value.code == "request.body"
    assert caught.value.hint
