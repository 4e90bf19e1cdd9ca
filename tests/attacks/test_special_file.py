"""
Attack: a member, or the bundle itself, is a FIFO, a socket or a device: reading it waits for ever, or never ends.

Defence: the kind is looked at before anything is opened, and once more after opening, without waiting.
"""

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.support import GRAPH, Contents, Forged, Refused, forge_contents, lay_folder

KINDS = [stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFDIR]


def make_socket(path: Path) -> None:
    """Leave the file of a Unix socket behind; its path must be short, so it is bound from its folder."""
    before = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path.name)
    finally:
        os.chdir(before)


def make_device(path: Path) -> None:
    """Make a copy of /dev/zero, which never ends."""
    try:
        os.mknod(path, stat.S_IFCHR | 0o666, Path("/dev/zero").stat().st_rdev)
    except PermissionError:
        pytest.skip("only root makes devices")


MAKERS = {"fifo": os.mkfifo, "socket": make_socket, "device": make_device}


@pytest.mark.parametrize("kind", KINDS)
def test_a_special_file_in_an_archive_is_refused(
    kind: int, contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """Attributes of anything but a regular file are refused."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], entry={"attributes": (kind | 0o666) << 16})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.member.link", GRAPH)


def test_a_dos_folder_in_an_archive_is_refused(contents: Contents, tmp_path: Path, refused: Refused) -> None:
    """The attributes of DOS can call a member a folder too."""
    spoilt = Forged(name=GRAPH.encode(), data=contents[GRAPH], entry={"attributes": 0x10})
    refused(forge_contents(tmp_path / "a.andon", contents, spoilt), "bundle.member.link", GRAPH)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("name", [GRAPH, "bundle.json"])
def test_a_special_file_in_a_folder_is_refused(
    name: str, make: Callable[[Path], None], contents: Contents, tmp_path: Path, refused: Refused
) -> None:
    """Nothing waits for a writer that never comes, and nothing reads a device."""
    path = lay_folder(tmp_path / "folder", contents)
    (path / name).unlink()
    make(path / name)
    refused(path, "bundle.member.link", name)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_special_file_as_the_bundle_is_refused(
    make: Callable[[Path], None], tmp_path: Path, refused: Refused
) -> None:
    """The bundle itself must be a regular file or a folder."""
    make(tmp_path / "hostile.andon")
    refused(tmp_path / "hostile.andon", "bundle.format", "hostile.andon", "regular file")
