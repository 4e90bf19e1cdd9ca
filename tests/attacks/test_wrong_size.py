"""
Attack: a member has another size than the manifest says, so that a buffer is too small, or much too large.

Defence: all sizes are compared before any member is read; what is read is never more than declared.
"""

from pathlib import Path

import pytest

from tests.attacks.support import (
    EXPECTED,
    GRAPH,
    Contents,
    Forged,
    Lay,
    Refused,
    changed,
    forge_contents,
    lay_folder,
)


@pytest.mark.parametrize("name", [GRAPH, EXPECTED])
@pytest.mark.parametrize("difference", [-1, 1, 10**9])
def test_another_declared_size_is_refused(
    name: str, difference: int, contents: Contents, lay: Lay, refused: Refused
) -> None:
    """The message gives both sizes."""
    size = len(contents[name])
    path = lay(changed(contents, lambda m: m["files"][name].update(size_bytes=size + difference)))
    refused(path, "bundle.size", name, f"{size} bytes", str(size + difference))


@pytest.mark.parametrize("end", ["", "x"])
def test_a_longer_or_shorter_member_is_refused(end: str, contents: Contents, lay: Lay, refused: Refused) -> None:
    """A byte more or less is noticed by the size."""
    data = contents[GRAPH] + end.encode() if end else contents[GRAPH][:-1]
    refused(lay({**contents, GRAPH: data}), "bundle.size", GRAPH)


def test_a_large_file_in_a_folder_is_not_read(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Three gigabytes in place of a small file are refused by their size."""
    path = lay_folder(tmp_path / "folder", contents)
    with (path / GRAPH).open("r+b") as file:
        file.truncate(3 * 1024**3)
    refused(path, "bundle.size", GRAPH, str(3 * 1024**3))


def test_a_large_member_in_an_archive_is_not_read(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Three gigabytes in place of a small member are refused by their size."""
    path = forge_contents(tmp_path / "a.andon", contents, Forged(name=GRAPH.encode(), data=3 * 1024**3))
    refused(path, "bundle.size", GRAPH, str(3 * 1024**3))


def test_more_than_all_bundles_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A terabyte that is declared as such is over the limit of all members together."""
    path = lay_folder(tmp_path / "folder", changed(contents, lambda m: m["files"][GRAPH].update(size_bytes=1024**4)))
    with (path / GRAPH).open("r+b") as file:
        file.truncate(1024**4)
    refused(path, "bundle.limit", str(1024**4 // 10**9))
