"""
Attack: a member is a link, so that reading it reads, or unpacking it writes, a file of the machine.

Defence: an archive says the kind of a member in its attributes; anything but a regular file is
refused. A folder is walked without following links, and its files are opened from the descriptor
of the folder above them with O_NOFOLLOW.
"""

import stat
from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge_contents, lay_folder


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "expected.safetensors"])
def test_a_link_in_an_archive_is_refused(target: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The bits of a symbolic link are refused, wherever it leads and whoever is said to have made it."""
    link = Forged(name=GRAPH.encode(), data=target.encode(), entry={"attributes": (stat.S_IFLNK | 0o777) << 16})
    refused(forge_contents(tmp_path / "a.andon", contents, link), "bundle.member.link", GRAPH)


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../outside", "nowhere", "model.onnx"])
def test_a_link_in_a_folder_is_refused(target: str, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A symbolic link in place of a file is refused, also one that leads to the true bytes, nowhere or to itself."""
    (tmp_path / "outside").write_bytes(contents[GRAPH])
    path = lay_folder(tmp_path / "folder", contents)
    (path / GRAPH).unlink()
    (path / GRAPH).symlink_to(target)
    refused(path, "bundle.member.link", GRAPH)


def test_a_linked_manifest_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The manifest is a member like the others."""
    path = lay_folder(tmp_path / "folder", contents)
    (path / "bundle.json").rename(tmp_path / "outside.json")
    (path / "bundle.json").symlink_to(tmp_path / "outside.json")
    refused(path, "bundle.member.link", "bundle.json")


def test_a_linked_folder_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A symbolic link in place of a folder is refused, although each file behind it is sound."""
    path = lay_folder(tmp_path / "folder", contents)
    (path / "artifacts").rename(tmp_path / "elsewhere")
    (path / "artifacts").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    refused(path, "bundle.member.link", "artifacts")


def test_a_circle_of_folders_ends(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A link to the folder itself is not walked."""
    path = lay_folder(tmp_path / "folder", contents)
    (path / "golden" / "again").symlink_to(path, target_is_directory=True)
    refused(path, "bundle.member.link", "golden/again")
