"""
Attack: a key occurs twice in one object, so that one reader takes the first value and another the last.

Defence: refused at every depth, also with equal values and however the key is spelt.
"""

import pytest

from tests.attacks.support import GRAPH, MANIFEST, Contents, Lay, Refused

SECOND = {
    "at the top": (b'"name": "colours"', b'"name": "evil", "name": "colours"'),
    "with an equal value": (b'"name": "colours"', b'"name": "colours", "name": "colours"'),
    "escaped": (b'"name": "colours"', b'"n\\u0061me": "evil", "name": "colours"'),
    "the format": (b'"format": 1', b'"format": 1, "format": 1'),
    "in the input": (b'"scale"', b'"scale": 1, "scale"'),
    "in a list": (b'"format": "onnx"', b'"format": "onnx", "format": "onnx"'),
    "in files": (b'"files": {', b'"files": {"%s": {"sha256": "%s", "size_bytes": 1},' % (GRAPH.encode(), b"0" * 64)),
    "in a file": (b'"size_bytes"', b'"size_bytes": 1, "size_bytes"'),
}


@pytest.mark.parametrize(("once", "twice"), SECOND.values(), ids=SECOND)
def test_a_key_twice_is_refused(once: bytes, twice: bytes, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The message names the key."""
    text = contents[MANIFEST].replace(b'"mean": [', b'"scale": 1, "mean": [')
    assert once in text
    refused(lay({**contents, MANIFEST: text.replace(once, twice, 1)}), "bundle.json", "occurs twice", MANIFEST)


def test_a_key_in_other_capitals_is_an_unknown_field(contents: Contents, lay: Lay, refused: Refused) -> None:
    """Some readers do not tell capitals apart; to this one the other spelling is unknown."""
    text = contents[MANIFEST].replace(b'"name"', b'"Name": "evil", "name"', 1)
    refused(lay({**contents, MANIFEST: text}), "bundle.field", "unknown field 'Name'")
