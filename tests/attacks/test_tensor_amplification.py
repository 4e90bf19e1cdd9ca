"""
Attack: a body of lists of empty lists, strings or objects, which takes many times its bytes once it is read.

Defence: what is not the data of the tensor is small or refused; data are counted as text before anything is made of
them; pixels in JSON have a limit of their own, and are read as one flat list of numbers that exist already.
"""

import pytest

from andon.settings.limits import Limits
from tests.support.inference import refusal, request
from tests.support.memory import require_peak_below

SIZE = 2 * 1024 * 1024
LIMITS = Limits(max_json_bytes=SIZE)
FACTOR = 8
"""Times the body that a refusal may take: a list of numbers has eight bytes for each, and a copy of their text."""
PIXELS = b'{"inputs":[{"name":"image","datatype":"UINT8","shape":[1,%d,1,1],"data":[%b]}]}'
FILES = b'{"inputs":[{"name":"image","datatype":"BYTES","shape":[1],"data":[%b]}]}'
BODIES = {
    "empty lists": PIXELS % (SIZE // 8, b",".join([b"[]"] * (SIZE // 4))),
    "nested numbers": PIXELS % (SIZE // 8, b",".join([b"[[1]]"] * (SIZE // 7))),
    "flat numbers": PIXELS % (SIZE // 4, b",".join([b"1"] * (SIZE // 3))),
    "no numbers": PIXELS % (SIZE // 8, b",".join([b'""'] * (SIZE // 4))),
    "short strings": FILES % b",".join([b'"QUI="'] * (SIZE // 8)),
    "empty strings": FILES % b",".join([b'""'] * (SIZE // 4)),
    "objects as strings": FILES % b",".join([b"{}"] * (SIZE // 4)),
    "lists as strings": FILES % (b'"",' + b",".join([b"[]"] * (SIZE // 4))),
    "many inputs": b'{"inputs":[%b]}' % b",".join([b"{}"] * (SIZE // 4)),
    "many outputs": b'{"inputs":[{"name":"image","datatype":"BYTES","shape":[1]}],"outputs":[%b]}'
    % b",".join([b"{}"] * (SIZE // 4)),
    "a long shape": b'{"inputs":[{"name":"image","datatype":"BYTES","shape":[%b]}]}' % b",".join([b"1"] * (SIZE // 3)),
    "a long id": b'{"inputs":[{"name":"image","datatype":"BYTES","shape":[1]}],"id":"%b"}' % (b"x" * SIZE),
}


@pytest.mark.slow
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_refusal_takes_little_more_than_the_body(body: bytes) -> None:
    """Whatever it is made of."""
    sent = request(body)
    require_peak_below(FACTOR * len(body), lambda: refusal(sent, LIMITS))
