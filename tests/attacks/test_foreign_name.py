"""
Attack: a name that another system reads otherwise: backslashes, drives, streams, control characters, hidden files.

Defence: as for parent paths; names are plain ASCII, and quoted printably in the message.
"""

from pathlib import Path

import pytest

from tests.attacks.support import Contents, Forged, Lay, Refused, changed, forge_contents, lay_folder, redeclared
from tests.support.bundles import declared_files

FOREIGN = [
    "..\\evil",
    "golden\\inputs\\0.png",
    "C:\\evil",
    "C:evil",
    "golden/0.png:stream",
    "golden/evil ",
    "golden/evil.",
    ".hidden",
    "golden/.hidden",
    "golden/evil\n",
    "evil\x1b[2J",
    "evil\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "größe",
    "e" * 256,
]


@pytest.mark.parametrize("name", [*FOREIGN, "evil\x00.png", ""])
def test_a_foreign_member_name_is_refused(name: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Such a name in the directory is refused, also where the manifest declares it."""
    path = forge_contents(
        tmp_path / "a.andon", redeclared(contents, {name: b"evil"}), Forged(name=name.encode(), data=b"evil")
    )
    refused(path, "bundle.member.name")


@pytest.mark.parametrize("name", [*FOREIGN, "evil\x00.png", ""])
def test_a_foreign_declared_name_is_refused(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """The manifest cannot declare one."""
    path = lay(changed(contents, lambda manifest: manifest["files"].update(declared_files({name: b"evil"}))))
    refused(path, "bundle.member.name", repr(name)[:40])


@pytest.mark.parametrize("name", [name for name in FOREIGN if len(name) < 256])
def test_a_foreign_file_in_a_folder_is_refused(name: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A file of such a name in a folder is refused too."""
    path = lay_folder(tmp_path / "folder", {**contents, name: b"evil"})
    refused(path, "bundle.member.name", repr(name)[:40])


def test_a_file_name_that_is_no_text_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Bytes that are not UTF-8 in a file name are refused and shown escaped."""
    path = lay_folder(tmp_path / "folder", contents)
    (path / "evil\udcff").write_bytes(b"evil")
    refused(path, "bundle.member.name", r"evil\udcff")
