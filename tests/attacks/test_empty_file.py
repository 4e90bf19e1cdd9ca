"""
Attack: an empty file, an empty archive, an empty folder: nothing that code for real bundles expects.

Defence: each is refused with what it lacks.
"""

import os
import zipfile
from pathlib import Path

import pytest

from tests.attacks.support import Contents, Lay, Refused


def test_an_empty_file_is_refused(tmp_path: Path, refused: Refused) -> None:
    """A file without a byte is said to be empty."""
    (tmp_path / "a.andon").touch()
    refused(tmp_path / "a.andon", "bundle.format", "a.andon", "the file is empty")


def test_an_empty_archive_is_refused(tmp_path: Path, refused: Refused) -> None:
    """An archive without members has no manifest."""
    zipfile.ZipFile(tmp_path / "a.andon", "w").close()
    refused(tmp_path / "a.andon", "bundle.member.missing", "no bundle.json")


@pytest.mark.parametrize("length", [1, 4, 5, 21])
def test_a_cut_empty_archive_is_refused(length: int, tmp_path: Path, refused: Refused) -> None:
    """Less than an end record is no archive."""
    zipfile.ZipFile(tmp_path / "a.andon", "w").close()
    os.truncate(tmp_path / "a.andon", length)
    refused(tmp_path / "a.andon", "bundle.format" if length < 4 else "bundle.archive")


def test_an_empty_folder_is_refused(tmp_path: Path, refused: Refused) -> None:
    """So has a folder without files."""
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder", "bundle.member.missing", "no bundle.json")


def test_an_empty_manifest_is_refused(contents: Contents, lay: Lay, refused: Refused) -> None:
    """A manifest without a byte is no JSON."""
    refused(lay({**contents, "bundle.json": b""}), "bundle.json", "not valid JSON", "bundle.json")
