"""
Attack: a name occurs twice, so that one reader takes the first bytes and another the last.

Defence: a second member of the same name is refused; so are names that differ only in capital
letters and names that are a file and a folder at once, which become one on some file systems.
"""

import zipfile
from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Lay, Refused, changed, lay_archive
from tests.support.bundles import declared_files


@pytest.mark.parametrize("name", [GRAPH, "bundle.json"])
@pytest.mark.parametrize("second", ["the same bytes", "other bytes"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_twice_is_refused(
    name: str,
    second: str,
    contents: Contents,
    tmp_path: Path,
    refused: Refused,
) -> None:
    """The same name twice is refused, also with the same bytes."""
    path = lay_archive(tmp_path / "a.andon", contents)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(name, contents[name] if second == "the same bytes" else b"other")
    refused(path, "bundle.member.duplicate", name)


@pytest.mark.parametrize("name", [GRAPH.upper(), "Bundle.json", "bundle.JSON"])
def test_names_that_differ_in_capitals_are_refused(name: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """On a file system that does not tell capitals apart one would replace the other."""
    path = lay(
        changed({**contents, name: b"x"}, lambda manifest: manifest["files"].update(declared_files({name: b"x"})))
    )
    refused(path, "bundle.member.duplicate", name)


@pytest.mark.parametrize("name", [f"{GRAPH}/x", "bundle.json/x", "golden"])
def test_a_file_that_is_a_folder_too_is_refused(
    name: str, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """No folder could hold both."""
    spoilt = changed({**contents, name: b"x"}, lambda manifest: manifest["files"].update(declared_files({name: b"x"})))
    refused(lay_archive(tmp_path / "a.andon", spoilt), "bundle.member.duplicate", name)
