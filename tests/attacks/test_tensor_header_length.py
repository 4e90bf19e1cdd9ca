"""
Attack: a length of the JSON that is no number, too long for an integer, negative, or beyond the body.

Defence: the header is digits only, few of them, and at most the length of the body; what stands behind the JSON must be
exactly the bytes that the input declares.
"""

import json

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS
from andon.web.dialects.v2.infer import INFER
from tests.support.inference import LENGTH, element, request, tensor

LENGTHS = [
    "99999999999",
    "-1",
    "-0",
    str(2**31),
    str(2**63),
    str(2**64),
    "9" * 100_000,
    "1e3",
    "0x10",
    "",
    " ",
    "nan",
    "²",
]


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: length[:20])
def test_a_length_out_of_range_is_refused(length: str) -> None:
    """The message does not grow with it."""
    with pytest.raises(RequestError) as caught:
        INFER.decode(request(b'{"inputs": []}', **{LENGTH: length}), DEFAULT_LIMITS)
    assert caught.value.code == "request.header"
    assert len(str(caught.value)) < 300


def test_only_the_true_length_is_taken() -> None:
    """Every other one cuts the JSON, or takes bytes of the tensor into it."""
    data = element(b"{}")
    text = json.dumps({"inputs": [tensor(data=None, parameters={"binary_data_size": len(data)})]}).encode()
    body = text + data
    for length in range(1, len(body) + 1):
        sent = request(body, **{LENGTH: str(length)})
        if length == len(text):
            assert INFER.decode(sent, DEFAULT_LIMITS).images == [b"{}"]
        else:
            with pytest.raises(RequestError):
                INFER.decode(sent, DEFAULT_LIMITS)
