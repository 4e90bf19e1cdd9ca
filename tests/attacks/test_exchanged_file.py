"""
Attack: between the check and the reading somebody exchanges a file or a folder for a link, a FIFO or other bytes.

Defence: files are opened from the descriptors of their folders without following links or waiting,
judged once more when they are open, and the bytes that were hashed are the bytes that are used.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.bundle.archive import read_bundle
from andon.bundle.folder import Folder
from andon.bundle.manifest import parse_manifest
from andon.errors import BundleError
from tests.attacks.support import GRAPH, Contents, lay_archive, lay_folder


def link_file(path: Path) -> None:
    """Put a link to the true bytes in the place of the file."""
    (path / GRAPH).rename(path.parent / "outside")
    (path / GRAPH).symlink_to(path.parent / "outside")


def link_folder(path: Path) -> None:
    """Put a link to the true folder in the place of a folder."""
    (path / "artifacts").rename(path.parent / "outside")
    (path / "artifacts").symlink_to(path.parent / "outside", target_is_directory=True)


def put_fifo(path: Path) -> None:
    """Put a FIFO, which no one writes to, in the place of the file."""
    (path / GRAPH).unlink()
    os.mkfifo(path / GRAPH)


def put_folder(path: Path) -> None:
    """Put a folder in the place of the file."""
    (path / GRAPH).unlink()
    (path / GRAPH).mkdir()


@pytest.mark.parametrize("exchange", [link_file, link_folder, put_fifo, put_folder])
@pytest.mark.parametrize("ask", [lambda folder: folder.size(GRAPH), lambda folder: folder.read(GRAPH, 100)])
def test_what_was_exchanged_after_the_walk_is_refused(
    ask: Callable[[Folder], object], exchange: Callable[[Path], None], contents: Contents, tmp_path: Path
) -> None:
    """A member that was a file when the folder was walked must be one when it is opened."""
    path = lay_folder(tmp_path / "folder", contents)
    with Folder(path, "folder") as folder:
        assert GRAPH in folder.names()
        exchange(path)
        with pytest.raises(BundleError) as caught:
            ask(folder)
    assert caught.value.code == "bundle.member.link"
    assert GRAPH in caught.value.where


def test_a_file_that_grows_is_read_to_its_declared_size(contents: Contents, tmp_path: Path) -> None:
    """What is appended meanwhile is not read."""
    path = lay_folder(tmp_path / "folder", contents)
    with Folder(path, "folder") as folder:
        size = folder.size(GRAPH)
        with (path / GRAPH).open("ab") as file:
            file.truncate(3 * 1024**3)
        assert folder.read(GRAPH, size) == contents[GRAPH]


def test_a_folder_that_is_exchanged_as_a_whole_is_not_mixed(contents: Contents, tmp_path: Path) -> None:
    """Once it is open, the folder stays the one that was opened."""
    path = lay_folder(tmp_path / "folder", contents)
    other = lay_folder(tmp_path / "other", {**contents, GRAPH: b"evil"})
    with Folder(path, "folder") as folder:
        path.rename(tmp_path / "away")
        other.rename(path)
        assert folder.read(GRAPH, len(contents[GRAPH])) == contents[GRAPH]


def test_an_archive_that_is_replaced_after_reading_changes_nothing(contents: Contents, tmp_path: Path) -> None:
    """The members are in memory, so nothing is opened a second time."""
    path = lay_archive(tmp_path / "a.andon", contents)
    bundle = read_bundle(path)
    path.write_bytes(b"evil")
    assert hashlib.sha256(bundle.members[GRAPH]).hexdigest() == bundle.manifest.files[GRAPH].sha256
    assert bundle.manifest == parse_manifest(contents["bundle.json"])
