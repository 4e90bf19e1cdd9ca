"""
Attack: a tensor whose sides multiply to more than an integer of the machine, which wraps to the few bytes sent.

Defence: sides are multiplied as numbers without a limit, and compared with the bytes that are there, before anything is
made of them; what is more than an int64 is refused where it stands.
"""

import json
from functools import partial

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS
from andon.web.dialects.v2.infer import INFER
from tests.support.inference import binary_request, json_request, refusal, tensor
from tests.support.memory import require_peak_below

MAX_REFUSAL_BYTES = 1024 * 1024

WRAPPING = [
    [2**4, 2**60 + 2, 1, 1],
    [2**2, 2**60 + 2, 1, 3],
    [4, 2**62, 1, 1],
    [1, 2**32, 2**32, 3],
    [1, 2**63 - 1, 2**63 - 1, 3],
    [1, 2**62, 4, 1],
    [1, 2**31, 2**31, 1],
    [16, 2**60, 2**63 - 1, 3],
]
"""Products that are 0, 3, 16 or 32 in 64 bits or fewer, and some that are negative."""
TOO_LONG = [[2**64], [2**63], [10**300], [int("9" * 4000)]]


@pytest.mark.parametrize("size", [0, 1, 3, 32])
@pytest.mark.parametrize("shape", WRAPPING)
def test_a_shape_that_overflows_is_refused(shape: list[int], size: int) -> None:
    """In JSON and in binary, with little memory."""
    described = tensor(shape=shape, datatype="UINT8")
    for sent in (
        json_request({**described, "data": [0] * size}),
        binary_request(described, bytes(size)),
    ):
        assert refusal(sent).code == "request.tensor"
        require_peak_below(MAX_REFUSAL_BYTES, partial(refusal, sent))


@pytest.mark.parametrize("shape", TOO_LONG, ids=["2^64", "2^63", "10^300", "4000 digits"])
@pytest.mark.parametrize("datatype", ["BYTES", "UINT8"])
def test_a_side_that_is_no_int64_is_refused(shape: list[int], datatype: str) -> None:
    """The message does not repeat it."""
    text = json.dumps({"inputs": [tensor(shape=shape, datatype=datatype)]}).encode()
    with pytest.raises(RequestError) as caught:
        INFER.decode(json_request(json.loads(text)["inputs"][0]), DEFAULT_LIMITS)
    assert caught.value.code == "request.tensor"
    assert len(str(caught.value)) < 300
