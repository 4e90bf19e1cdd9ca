"""
Attack: 10,000 members, or as many as the directory can say, so that listing them takes all time and memory.

Defence: the end record gives number and size of the directory, which are limited before it is
read; the walk over a folder stops at the limit, and counts folders too.
"""

from pathlib import Path

import pytest

from tests.attacks.support import Contents, Forged, Refused, changed, forge, lay_archive, lay_folder


@pytest.mark.slow
def test_an_archive_of_10_000_members_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The number is refused before the directory is read."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    members += [Forged(name=b"golden/inputs/%d.png" % number, data=b"") for number in range(9, 10_003)]
    refused(forge(tmp_path / "a.andon", members), "bundle.limit", "10000 members", "at most 1000", peak_bytes=64 * 1024)


@pytest.mark.slow
@pytest.mark.parametrize("count", [6, 65_535])
def test_a_lie_about_the_number_is_refused(count: int, contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """An end record that says less than there is, or more, is refused by the other limit or by the difference."""
    members = [Forged(name=name.encode(), data=data) for name, data in contents.items()]
    members += [Forged(name=b"golden/inputs/%d.png" % number, data=b"") for number in range(9, 10_003)]
    path = forge(tmp_path / "a.andon", members, count=count, disk_count=count)
    refused(path, "bundle.limit", "directory of", peak_bytes=64 * 1024)


@pytest.mark.slow
def test_a_folder_of_10_000_files_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The walk stops at the limit."""
    path = lay_folder(tmp_path / "folder", contents)
    for number in range(10_000):
        (path / f"{number}.png").touch()
    refused(path, "bundle.limit", "more than 1000")


def test_a_folder_of_many_folders_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Empty folders are entries too."""
    path = lay_folder(tmp_path / "folder", contents)
    for number in range(1_100):
        (path / f"folder{number}").mkdir()
    refused(path, "bundle.limit", "more than 1000")


@pytest.mark.slow
def test_a_manifest_of_10_000_files_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """Members that are only declared are missed."""
    entry = {"sha256": "0" * 64, "size_bytes": 1}
    spoilt = changed(contents, lambda m: m["files"].update({f"x{number}": entry for number in range(10_000)}))
    refused(lay_archive(tmp_path / "a.andon", spoilt), "bundle.member.missing", "x0", peak_bytes=16 * 1024**2)
