"""Requests of the Open Inference Protocol, as its clients write them, and parts of them to spoil."""

import base64
import json
from collections.abc import Sequence
from typing import Any

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.web.dialects.v2.infer import INFER
from andon.web.messages import ModelFacts, Request

FACTS = ModelFacts(
    name="colours", version="0123456789ab", digest="0123456789ab" + "c" * 52, labels=("red", "green", "blue")
)
LENGTH = "inference-header-content-length"


def element(data: bytes) -> bytes:
    """Write one element of a BYTES tensor."""
    return len(data).to_bytes(4, "little") + data


def tensor(**fields: Any) -> dict[str, Any]:
    """Describe the input `image` with one image, the bytes `ABC`; fields replace those of it, None takes one out."""
    whole = {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["QUJD"], **fields}
    return {name: value for name, value in whole.items() if value is not None}


def json_request(*inputs: dict[str, Any], **fields: Any) -> Request:
    """Make a request that is JSON alone."""
    return request(json.dumps({"inputs": list(inputs or [tensor()]), **fields}).encode())


def binary_request(described: dict[str, Any], data: bytes, **fields: Any) -> Request:
    """Make a request whose input stands behind the JSON, its size declared unless `described` does."""
    described = {"parameters": {"binary_data_size": len(data)}, **described}
    described.pop("data", None)
    text = json.dumps({"inputs": [described], **fields}).encode()
    return request(text + data, **{LENGTH: str(len(text))})


def request(body: bytes, **headers: str) -> Request:
    """Make a request of any body."""
    return Request(headers=headers, request_id="id-1", body=body)


def images_in_json(images: Sequence[bytes]) -> Request:
    """Send encoded images as base64."""
    return json_request(tensor(shape=[len(images)], data=[base64.b64encode(image).decode() for image in images]))


def images_in_binary(images: Sequence[bytes]) -> Request:
    """Send encoded images behind the JSON."""
    return binary_request(tensor(shape=[len(images)]), b"".join(map(element, images)))


def refusal(sent: Request, limits: Limits = DEFAULT_LIMITS) -> RequestError:
    """Give the error of a request that must be refused."""
    with pytest.raises(RequestError) as caught:
        INFER.decode(sent, limits)
    return caught.value.with_traceback(None)
