"""The schemas of the Open Inference Protocol, against the dialect that speaks it."""

import json
from typing import Any

import msgspec
import pytest

from andon.errors import RequestError
from andon.predictions import Prediction, Verdict
from andon.settings.serve import ServeSettings
from andon.web.dialects.v2.infer import INFER
from andon.web.dialects.v2.metadata import (
    ServedModel,
    model_config,
    model_metadata,
    model_ready,
    repository_index,
    server_metadata,
    server_ready,
)
from andon.web.openapi.document import openapi_document
from andon.web.openapi.schemas import ref
from tests.support.documents import errors
from tests.support.inference import FACTS, json_request, tensor

DOCUMENT = openapi_document(ServeSettings())
MODEL = ServedModel(
    name=FACTS.name, state="ready", version=FACTS.version, digest=FACTS.digest, labels=FACTS.labels, runtime="null"
)
PREDICTION = Prediction(label="red", index=0, score=0.9, scores=(0.9, 0.1, 0.0), verdict=Verdict.OK)
PIXELS = {"datatype": "UINT8", "shape": [1, 1, 1, 3], "data": [1, 2, 3]}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ("V2Server", server_metadata()),
        ("V2Ready", server_ready(is_ready=False)),
        ("V2Model", model_metadata(MODEL, [FACTS.version])),
        ("V2ModelReady", model_ready(MODEL)),
        ("V2Config", model_config(MODEL, max_images=32)),
        ("V2Index", repository_index([MODEL, ServedModel(name="b", state="failed", reason="no")], only_ready=False)),
    ],
)
def test_a_document_fits(schema: str, value: object) -> None:
    """What the dialect says of itself is what is described."""
    assert errors(ref(schema), msgspec.json.decode(msgspec.json.encode(value)), DOCUMENT) == []


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": None, "parameters": None, "outputs": None},
        {"inputs": [tensor(**PIXELS)]},
        {"inputs": [tensor(parameters=None)]},
        {"outputs": [{"name": "scores", "parameters": {"classification": 2}}, {"name": "label", "parameters": None}]},
        {"outputs": [{"name": "verdict", "parameters": {"binary_data": None}}]},
        {"parameters": {"priority": 1, "timeout": 20_000, "binary_data_output": True}},
        {"model_name": "colours", "model_version": 7},
    ],
)
def test_a_request_that_is_described_is_taken(fields: dict[str, Any]) -> None:
    """The schema takes what the dialect takes, and its answer fits too."""
    request = json_request(*fields.pop("inputs", [tensor()]), **fields)
    assert errors(ref("V2Request"), json.loads(request.body), DOCUMENT) == []
    call = INFER.decode(request, ServeSettings())
    answer = INFER.encode([PREDICTION for _ in call.images], call, FACTS, request)
    if answer.content_type == "application/json":
        assert errors(ref("V2Answer"), json.loads(answer.body), DOCUMENT) == []


@pytest.mark.parametrize(
    "fields",
    [
        {"inputs": []},
        {"inputs": [tensor(name="pixels")]},
        {"inputs": [tensor(datatype="FP32")]},
        {"inputs": [tensor(shape=[1, 1])]},
        {"inputs": [tensor(more=1)]},
        {"inputs": [tensor(data=None)]},
        {"inputs": [tensor(**{**PIXELS, "data": [1, 2, 256]})]},
        {"outputs": [{"name": "masks"}]},
        {"outputs": [{"name": "label", "parameters": {"classification": 2}}]},
        {"parameters": {"urgent": True}},
        {"more": 1},
    ],
)
def test_a_request_that_is_not_described_is_refused(fields: dict[str, Any]) -> None:
    """What the schema does not take, the dialect refuses."""
    body = {"inputs": [tensor()], **fields}
    assert errors(ref("V2Request"), body, DOCUMENT)
    with pytest.raises(RequestError):
        INFER.decode(json_request(*body.pop("inputs"), **body) if body["inputs"] else _empty(), ServeSettings())


def _empty() -> Any:
    request = json_request()
    return msgspec.structs.replace(request, body=b'{"inputs": []}')
