"""
Attack: a request nested so deeply that what walks over it runs out of stack.

Defence: nothing of a request is walked over in depth. The parser gives up by itself, and numbers are read as one flat
list, whose nesting is compared as text.
"""

import json
from typing import Any

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS
from andon.web.dialects.v2.infer import INFER
from andon.web.dialects.v2.metadata import asks_only_for_ready
from tests.support.inference import request, tensor

DEPTHS = [120, 900, 100_000, 1_000_000]
PLACE = b'"HERE"'


def with_nested(inner: bytes, depth: int, place: dict[str, Any]) -> bytes:
    """Write a request that has a nested value in one place."""
    text = json.dumps({"inputs": [tensor()], **place}).encode()
    assert text.count(PLACE) == 1
    return text.replace(PLACE, b"[" * depth + inner + b"]" * depth)


PLACES: dict[str, dict[str, Any]] = {
    "id": {"id": "HERE"},
    "inputs": {"inputs": "HERE"},
    "outputs": {"outputs": ["HERE"]},
    "parameters": {"parameters": {"priority": "HERE"}},
    "unknown": {"evil": "HERE"},
    "shape": {"inputs": [tensor(shape=["HERE"])]},
    "data": {"inputs": [tensor(data="HERE")]},
    "name": {"inputs": [tensor(name="HERE")]},
    "pixels": {"inputs": [tensor(datatype="UINT8", shape=[1, 1, 1, 1], data="HERE")]},
}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_a_nested_value_is_refused(place: dict[str, Any], depth: int) -> None:
    """Wherever it stands."""
    with pytest.raises(RequestError) as caught:
        INFER.decode(request(with_nested(b"1", depth, place)), DEFAULT_LIMITS)
    assert caught.value.code in ("request.body", "request.tensor", "request.parameter", "request.bytes")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("opening", [b"[", b'{"inputs":', b'{"inputs":[', b'[{"a":'])
def test_brackets_that_never_close_are_refused(opening: bytes, depth: int) -> None:
    """They do not reach the stack."""
    with pytest.raises(RequestError) as caught:
        INFER.decode(request(opening * depth), DEFAULT_LIMITS)
    assert caught.value.code in ("request.body", "request.tensor")


@pytest.mark.parametrize("depth", DEPTHS)
def test_a_nested_request_for_the_index_is_refused(depth: int) -> None:
    """It takes one flag."""
    with pytest.raises(RequestError) as caught:
        asks_only_for_ready(request(b'{"ready":' + b"[" * depth + b"true" + b"]" * depth + b"}"))
    assert caught.value.code == "request.body"
