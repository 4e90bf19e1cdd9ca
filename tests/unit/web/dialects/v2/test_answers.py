"""Predictions become tensors, in JSON or behind it."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pytest

from andon.predictions import Box, Prediction, Verdict
from andon.web.dialects.v2.answers import make_answer
from andon.web.dialects.v2.face import InferCall, Wanted
from andon.web.dialects.v2.framing import HEADER, split_elements
from andon.web.messages import ModelFacts, Response
from tests.support.inference import FACTS

RED = Prediction(label="red", index=0, score=0.5, scores=(0.5, 0.25, 0.25), verdict=Verdict.OK)
BLUE = Prediction(label="blue", index=2, score=0.75, scores=(0.125, 0.125, 0.75), verdict=Verdict.NotOK)


def answer(*outputs: Wanted, predictions: Sequence[Prediction] = (RED, BLUE), facts: ModelFacts = FACTS) -> Response:
    """Answer for a red and a blue image."""
    return make_answer(predictions, InferCall(images=[b""] * len(predictions), outputs=outputs), facts)


def outputs_of(response: Response) -> dict[str, Any]:
    """Give the described outputs by name, those behind the JSON with their bytes as `data`."""
    json_bytes = int(response.headers.get(HEADER, len(response.body)))
    outputs = json.loads(response.body[:json_bytes])["outputs"]
    rest = response.body[json_bytes:]
    for output in outputs:
        if "parameters" in output:
            size = output.pop("parameters")["binary_data_size"]
            output["data"], rest = rest[:size], rest[size:]
    assert rest == b""
    return {output.pop("name"): output for output in outputs}


def test_outputs_in_json_are_flat_lists() -> None:
    """Row by row, with their shape; the content is JSON alone."""
    response = answer(Wanted(name="scores"), Wanted(name="label"), Wanted(name="verdict"))
    assert (response.status, response.content_type, response.headers) == (200, "application/json", {})
    assert outputs_of(response) == {
        "scores": {"datatype": "FP32", "shape": [2, 3], "data": [0.5, 0.25, 0.25, 0.125, 0.125, 0.75]},
        "label": {"datatype": "BYTES", "shape": [2], "data": ["red", "blue"]},
        "verdict": {"datatype": "INT32", "shape": [2], "data": [1, 2]},
    }


def test_outputs_behind_the_json_are_little_endian() -> None:
    """Their sizes are in the JSON, whose own size is in a header."""
    names = ("verdict", "label", "scores")
    response = answer(*(Wanted(name=name, is_binary=True) for name in names))
    assert response.content_type == "application/octet-stream"
    outputs = outputs_of(response)
    assert tuple(outputs) == names
    assert outputs["verdict"]["data"] == b"\1\0\0\0\2\0\0\0"
    assert split_elements(memoryview(outputs["label"]["data"]), 2) == [b"red", b"blue"]
    assert np.frombuffer(outputs["scores"]["data"], "<f4").tolist() == [*RED.scores, *BLUE.scores]


def test_the_two_ways_may_be_mixed() -> None:
    """Only what was asked for is there, in the order asked."""
    outputs = outputs_of(answer(Wanted(name="label", is_binary=True), Wanted(name="scores")))
    assert list(outputs) == ["label", "scores"]
    assert isinstance(outputs["label"]["data"], bytes)
    assert isinstance(outputs["scores"]["data"], list)


@pytest.mark.parametrize("is_binary", [False, True])
def test_classes_stand_in_the_place_of_scores(is_binary: bool) -> None:  # noqa: FBT001 -- a table
    """The highest first, of equal ones the first of the labels."""
    output = outputs_of(answer(Wanted(name="scores", classes=2, is_binary=is_binary)))["scores"]
    assert (output["datatype"], output["shape"]) == ("BYTES", [2, 2])
    found = output["data"]
    texts = [text.decode() for text in split_elements(memoryview(found), 4)] if isinstance(found, bytes) else found
    assert texts == ["0.500000:0:red", "0.250000:1:green", "0.750000:2:blue", "0.125000:0:red"]


def test_there_are_no_more_classes_than_labels() -> None:
    """Whoever asks for more gets all."""
    output = outputs_of(answer(Wanted(name="scores", classes=2**62)))["scores"]
    assert output["shape"] == [2, 3]


def test_classes_without_labels_have_their_index() -> None:
    """The label is the part that may be missing."""
    facts = ModelFacts(name="x", version="1", digest="2")
    assert outputs_of(answer(Wanted(name="scores", classes=1), facts=facts))["scores"]["data"][0] == "0.500000:0"


def test_labels_may_be_in_any_language() -> None:
    """They are UTF-8, and their length is that of the bytes."""
    scratch = Prediction(label="划痕", index=0, score=1.0, scores=(1.0,))
    both = (Wanted(name="label", is_binary=True), Wanted(name="scores"))
    assert outputs_of(answer(*both, predictions=[scratch]))["label"]["data"] == b"\6\0\0\0" + "划痕".encode()


def test_the_answer_says_which_model_and_which_request() -> None:
    """The id only where the request has one."""
    call = InferCall(images=[b""], id="42")
    document = json.loads(make_answer([RED], call, FACTS).body)
    assert (document["id"], document["model_name"], document["model_version"]) == ("42", "colours", FACTS.version)
    assert "id" not in json.loads(answer(Wanted(name="label")).body)


def test_boxes_are_a_json_list_for_each_image() -> None:
    """Their number differs from image to image, so they are no tensor; in JSON and behind it."""
    box = Box(label="blue", index=2, score=0.5, x=1, y=2.5, width=3, height=4)
    found = msgspec.structs.replace(BLUE, boxes=(box, box))
    for is_binary in (False, True):
        call = InferCall(images=[b"", b""], outputs=[Wanted(name="boxes", is_binary=is_binary)])
        output = outputs_of(make_answer([RED, found], call, FACTS))["boxes"]
        assert (output["datatype"], output["shape"]) == ("BYTES", [2])
        texts = split_elements(memoryview(output["data"]), 2) if is_binary else output["data"]
        assert [len(json.loads(text)) for text in texts] == [0, 2]
        assert json.loads(texts[1])[0] == msgspec.to_builtins(box)
