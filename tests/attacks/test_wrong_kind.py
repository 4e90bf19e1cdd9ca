"""
Attack: a folder where a file belongs, a file where a folder belongs, a path that leads nowhere.

Defence: each is refused by its kind, as an error of Andon and not of the operating system.
"""

from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Refused, lay_folder


def test_a_folder_in_place_of_a_member_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A folder is no member, so the member is missing."""
    del contents[GRAPH]
    path = lay_folder(tmp_path / "folder", contents)
    (path / GRAPH).mkdir(parents=True)
    refused(path, "bundle.member.missing", GRAPH)


def test_a_folder_in_place_of_the_manifest_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A folder called bundle.json is no manifest."""
    del contents["bundle.json"]
    path = lay_folder(tmp_path / "folder", contents)
    (path / "bundle.json").mkdir()
    refused(path, "bundle.member.link", "bundle.json")


def test_a_file_in_place_of_a_folder_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A file called artifacts is an extra member."""
    del contents[GRAPH]
    path = lay_folder(tmp_path / "folder", {**contents, "artifacts": b"x"})
    refused(path, "bundle.member.extra", "artifacts")


@pytest.mark.parametrize("name", ["nowhere.andon", "nowhere/a.andon", "file/a.andon", "a\0b", "loop"])
def test_a_path_that_leads_nowhere_is_refused(name: str, tmp_path: Path, refused: Refused) -> None:
    """Absent, below an absent folder, below a file, impossible, or a link to itself."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    refused(tmp_path / name, "bundle.read" if name == "loop" else "bundle.missing")
