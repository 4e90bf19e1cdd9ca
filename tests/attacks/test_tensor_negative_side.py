"""
Attack: a tensor with negative sides, whose product is that of the bytes that were sent.

Defence: a side below 0 is refused when the shape is read, whatever it multiplies to.
"""

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS
from andon.web.dialects.v2.infer import INFER
from tests.support.inference import binary_request, json_request, tensor

SHAPES = [[-1], [-(2**63)], [1, -2, -2, 3], [-1, -1, 4, 3], [1, 4, -1, -3], [1, -1, -1, 3], [-1, 2, 2, 3]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("datatype", ["BYTES", "UINT8"])
def test_a_negative_side_is_refused(shape: list[int], datatype: str) -> None:
    """-1 too: it stands for any length only in what the service says of itself."""
    described = tensor(shape=shape, datatype=datatype)
    for sent in (json_request(described), binary_request(described, bytes(12))):
        with pytest.raises(RequestError) as caught:
            INFER.decode(sent, DEFAULT_LIMITS)
        assert caught.value.code == "request.tensor"
        assert "expected int >= 0" in caught.value.message
