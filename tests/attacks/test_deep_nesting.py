"""
Attack: JSON nested so deeply that a parser, or what walks over its result, runs out of stack.

Defence: the parser counts the depth and gives up; anything nested that the manifest does not
declare is refused at its first level.
"""

import pytest

from tests.attacks.support import MANIFEST, Contents, Lay, Refused

DEPTH = 200_000
LIMITS = 16 * 1024**2


@pytest.mark.parametrize("opening", [b"[", b'{"a":', b'[{"a":', b'{"format":1,"x":['])
def test_nothing_but_nesting_is_refused(opening: bytes, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Brackets that never close do not reach the stack."""
    text = opening * DEPTH
    path = lay({**contents, MANIFEST: text})
    refused(path, "bundle.json" if opening[:1] == b"{" else "bundle.field", MANIFEST, peak_bytes=LIMITS)


@pytest.mark.parametrize(
    ("field", "code"),
    [("evil", "bundle.json"), ("input", "bundle.json"), ("created", "bundle.json"), ("format", "bundle.field")],
)
@pytest.mark.parametrize("brackets", [b"[ ]", b'{"a": }'])
def test_a_nested_value_is_refused(
    field: str, code: str, brackets: bytes, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """Well-formed nesting is refused, in a field that is known or not; only the format is read before."""
    opening, closing = brackets.split()
    nested = opening * DEPTH + b"1" + closing * DEPTH
    text = b'{"%s":%s,' % (field.encode(), nested) + contents[MANIFEST][1:]
    refused(lay({**contents, MANIFEST: text}), code, MANIFEST, peak_bytes=LIMITS)


def test_a_nested_value_in_a_known_place_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A list where a number belongs is refused at its first bracket, however deep it goes on."""
    nested = contents[MANIFEST].replace(b"0.485", b"[" * 900 + b"]" * 900)
    refused(lay({**contents, MANIFEST: nested}), "bundle.field", "expected float, got array at $.input.mean[0]")
