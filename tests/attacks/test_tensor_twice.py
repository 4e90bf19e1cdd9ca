"""
Attack: one tensor named twice, so that a check sees the first and the work is done with the second.

Defence: there is exactly one input, and each output is given at most once; of a field that is repeated within one
object the last one counts, for the check as for the work.
"""

import pytest

from andon.errors import RequestError
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.web.dialects.v2.infer import INFER
from tests.support.inference import json_request, request, tensor


@pytest.mark.parametrize("count", [2, 3, 1000])
def test_an_output_named_twice_is_refused(count: int) -> None:
    """However often, and with other parameters too."""
    outputs = [{"name": "scores", "parameters": {"classification": number}} for number in range(count)]
    with pytest.raises(RequestError) as caught:
        INFER.decode(json_request(outputs=outputs), DEFAULT_LIMITS)
    assert caught.value.code == "request.tensor"
    assert "twice" in caught.value.message


@pytest.mark.parametrize("count", [2, 3, 100_000])
def test_an_input_named_twice_is_refused(count: int) -> None:
    """Reading stops at the second."""
    with pytest.raises(RequestError) as caught:
        INFER.decode(json_request(*[tensor()] * count), DEFAULT_LIMITS)
    assert caught.value.code == "request.tensor"


def test_of_a_repeated_field_the_last_is_checked_and_used() -> None:
    """The number of images cannot be one for the limit and another for the work."""
    fields = b'"name":"image","datatype":"BYTES","shape":[1],"shape":[2],"data":["QQ=="],"data":["QQ==","Qg=="]'
    body = b'{"inputs":[{%b}]}' % fields
    assert INFER.decode(request(body), DEFAULT_LIMITS).images == [b"A", b"B"]
    with pytest.raises(RequestError) as caught:
        INFER.decode(request(body), Limits(max_images=1))
    assert caught.value.code == "request.images"
