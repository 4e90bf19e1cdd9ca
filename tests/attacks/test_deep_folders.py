"""
Attack: folders within folders, so deep that a walk runs out of stack or a path becomes too long.

Defence: the walk keeps its own list, and a name over 255 characters is refused before what is in it.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.support import Contents, Refused, lay_folder


@pytest.fixture
def deep(contents: Contents, tmp_path: Path) -> Iterator[Path]:
    """Lay a folder with 1,100 folders within each other, more than the stack of Python is deep."""
    path = lay_folder(tmp_path / "folder", contents)
    descriptor = os.open(path, os.O_RDONLY)
    for _ in range(1_100):
        os.mkdir("d", dir_fd=descriptor)
        below = os.open("d", os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(descriptor)
    yield path
    # Neither shutil nor pytest could remove it: they walk by recursion.
    while (path / "d" / "d").exists():
        (path / "d" / "d").rename(path / "below")
        (path / "d").rmdir()
        (path / "below").rename(path / "d")


@pytest.mark.slow
def test_deep_folders_are_refused(deep: Path, refused: Refused) -> None:
    """The message shows the beginning of the name."""
    refused(deep, "bundle.member.name", "'d/d/d/")


def test_a_file_below_many_folders_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """A name of 256 characters in all is too long, although each part is short."""
    name = "/".join(["d" * 15] * 16)
    path = lay_folder(tmp_path / "folder", {**contents, f"{name}/x": b"x"})
    refused(path, "bundle.member.name", "'ddd")
