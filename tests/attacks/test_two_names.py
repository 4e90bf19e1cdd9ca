"""
Attack: a member has one name in its local header and another in the directory, or two in one of them.

Defence: the local header repeats the directory to the byte; a NUL does not end a name; there are no
extra fields that could hold another one.
"""

import struct
import zlib
from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge_contents


@pytest.mark.parametrize("local_name", ["../../../../etc/cron.d/evil", "artifacts/onnx/Model.onnx", "x", ""])
def test_another_local_name_is_refused(local_name: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A reader from the front would unpack the member elsewhere."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], local_name=local_name.encode())
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH)


@pytest.mark.parametrize("name", [f"{GRAPH}\0.png", f"{GRAPH}\0", "\0"])
def test_a_name_with_nul_is_refused(name: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Readers in C end the name at the NUL."""
    del contents[GRAPH]
    spoilt = Forged(name=name.encode(), data=b"x")
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.member.name", r"\x00")


def test_a_name_in_an_extra_field_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The field 0x7075 holds a second name, which some readers prefer."""
    body = struct.pack("<BL", 1, zlib.crc32(GRAPH.encode())) + b"../evil"
    extra = struct.pack("<HH", 0x7075, len(body)) + body
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], local_extra=extra, entry_extra=extra)
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "extra fields")


@pytest.mark.parametrize("field", ["version", "flags", "method", "time", "date", "checksum"])
def test_any_other_difference_is_refused(field: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The two headers agree in everything that both say."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], local={field: 8})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.archive", GRAPH, "local header")


def test_no_local_header_at_all_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The directory alone does not make a member."""
    path = forge_contents(tmp_path / "a.andon", contents, Forged(name=GRAPH.encode(), data=contents[GRAPH]))
    data = path.read_bytes()
    start = data.index(GRAPH.encode(), data.rindex(b"PK\x03\x04") - 1) - 30
    path.write_bytes(data[:start] + b"XXXX" + data[start + 4 :])
    refused(path, "bundle.archive", GRAPH, "local header")
