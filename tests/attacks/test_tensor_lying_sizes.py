"""
Attack: a binary tensor whose elements are longer than the body, more than there are, or of another size together.

Defence: every length is compared with what is there before it is used, and all bytes must be used up; what an element
needs is never set aside in advance.
"""

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS
from andon.web.dialects.v2.infer import INFER
from tests.support.inference import binary_request, element, refusal, tensor
from tests.support.memory import require_peak_below

MAX_REFUSAL_BYTES = 1024 * 1024
FULL = b"\xff\xff\xff\xff"
"""The length 2^32 - 1."""
BODIES = {
    "4 GiB": FULL,
    "4 GiB and a byte": FULL + b"x",
    "no length": b"",
    "half a length": b"\1\0",
    "one byte more": b"\2\0\0\0x",
    "one byte less": b"\0\0\0\0x",
    "a length in big-endian": b"\0\0\0\1x",
    "one more element": element(b"x") + element(b""),
    "sizes that wrap": element(b"x") + FULL,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("count", [1, 3, 32])
def test_lengths_that_lie_are_refused(body: bytes, count: int) -> None:
    """With little memory."""
    sent = binary_request(tensor(shape=[count]), body)
    assert refusal(sent).code == "request.tensor"
    require_peak_below(MAX_REFUSAL_BYTES, lambda: refusal(sent))


@pytest.mark.parametrize("size", [0, 4, 6, 2**31, 2**63 - 1])
def test_a_declared_size_that_lies_is_refused(size: int) -> None:
    """More and fewer bytes than the body has."""
    sent = binary_request(tensor(parameters={"binary_data_size": size}), element(b"x"))
    with pytest.raises(RequestError) as caught:
        INFER.decode(sent, DEFAULT_LIMITS)
    assert caught.value.code == "request.tensor"
