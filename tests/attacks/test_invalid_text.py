"""
Attack: a manifest that is not UTF-8, or UTF-8 of another kind, so that two readers see two texts.

Defence: strict UTF-8 without a mark at its start; overlong forms, halves of characters and bytes
behind the end are refused.
"""

import pytest

from tests.attacks.support import MANIFEST, Contents, Lay, Refused

IN_A_LABEL = {
    "a stray byte": b"\xff",
    "a cut character": b"\xc3",
    "an overlong slash": b"\xc0\xaf",
    "a surrogate": b"\xed\xa0\x80",
    "beyond Unicode": b"\xf5\x80\x80\x80",
    "latin-1": "rouge é".encode("latin-1"),
    "an escaped half": b"\\ud800",
    "a control character": b"\x01",
    "a line break": b"\n",
    "a bad escape": b"\\x41",
}


@pytest.mark.parametrize("data", IN_A_LABEL.values(), ids=IN_A_LABEL)
@pytest.mark.parametrize("place", [b"red", b"colours", b"andon tests", b"onnxruntime"])
def test_text_that_is_not_utf_8_is_refused(
    place: bytes, data: bytes, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """Wherever it stands, and with its line."""
    text = contents[MANIFEST].replace(b'"%s"' % place, b'"x%s"' % data)
    refused(lay({**contents, MANIFEST: text}), "bundle.json", "not valid JSON", "bundle.json, line ")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "utf-7", "cp037"])
def test_another_encoding_is_refused(encoding: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """Nothing guesses an encoding."""
    data = contents[MANIFEST].decode().encode(encoding)
    if encoding == "utf-7":
        data = b"+AHs-" + data[1:]
    refused(lay({**contents, MANIFEST: data}), "bundle.json", MANIFEST)


@pytest.mark.parametrize("end", [b"x", b"\x00", b"{}", b"\n{}", b"//", b","])
def test_something_behind_the_manifest_is_refused(end: bytes, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The manifest is one JSON value and nothing else."""
    refused(lay({**contents, MANIFEST: contents[MANIFEST] + end}), "bundle.json", "trailing characters")


@pytest.mark.parametrize("comment", [b"// evil\n", b"/* evil */", b"# evil\n"])
def test_comments_are_refused(comment: bytes, contents: Contents, lay: Lay, refused: Refused) -> None:
    """JSON with comments is not JSON."""
    refused(lay({**contents, MANIFEST: b"{" + comment + contents[MANIFEST][1:]}), "bundle.json")
