"""
Attack: a member is compressed, so that a few bytes become gigabytes, or two inflaters disagree.

Defence: members are stored. Another method, or a stored size that differs from the real one, is
refused by the directory alone.
"""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge_contents, redeclared

METHODS = {"deflate": zipfile.ZIP_DEFLATED, "bzip2": zipfile.ZIP_BZIP2, "lzma": zipfile.ZIP_LZMA}


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_a_compressed_archive_is_refused(method: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Every method but storing is refused, and the message tells how to write the archive."""
    path = tmp_path / "a.andon"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
    refused(path, "bundle.member.compressed", "bundle.json", "zip -0")


def test_one_compressed_member_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The message names the member."""
    path = tmp_path / "a.andon"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name == GRAPH else zipfile.ZIP_STORED)
    refused(path, "bundle.member.compressed", GRAPH)


def test_a_bomb_is_not_inflated(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """16 MB of zeros in 16 kB, declared as they inflate, cost nothing."""
    zeros = bytes(16 * 1024**2)
    path = tmp_path / "a.andon"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in redeclared(contents, {GRAPH: zeros}).items():
            archive.writestr(name, data, zipfile.ZIP_DEFLATED if name == GRAPH else zipfile.ZIP_STORED)
    refused(path, "bundle.member.compressed", GRAPH)


@pytest.mark.parametrize("method", [1, 9, 93, 97, 99, 0xFFFF])
def test_an_unknown_method_is_refused(method: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A number that no reader knows is compression too."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], both={"method": method})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.member.compressed", GRAPH)
