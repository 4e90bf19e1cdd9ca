"""
Attack: a file that cannot be read, by its permissions or because reading fails, stops a service with a foreign error.

Defence: every error of the operating system becomes an error of Andon that names the member.
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.bundle.archive import read_bundle
from andon.errors import BundleError
from tests.attacks.support import GRAPH, Contents, Refused, lay_archive, lay_folder

NOBODY = 65_534


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Make a temporary folder that every user may enter."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def plain_user(open_folder: Path) -> Iterator[None]:
    """Become a user to whom permissions apply, where the tests run as root."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def refusal(path: Path) -> BundleError:
    """Give the error with which a path is refused."""
    with pytest.raises(BundleError) as caught:
        read_bundle(path)
    return caught.value


def without_permission(path: Path) -> Path:
    """Take all permissions from a file or folder that the test has made before it became a plain user."""
    path.chmod(0)
    return path


@pytest.fixture
def unreadable(request: pytest.FixtureRequest, contents: Contents, open_folder: Path) -> Path:
    """Lay a bundle, take the permissions from one part of it, and give its path."""
    if request.param == "archive":
        return without_permission(lay_archive(open_folder / "a.andon", contents))
    path = lay_folder(open_folder / "folder", contents)
    without_permission(path / request.param)
    return path


@pytest.mark.parametrize("unreadable", ["archive", ".", GRAPH, "bundle.json", "artifacts"], indirect=True)
def test_a_file_without_permission_is_refused(unreadable: Path, plain_user: None) -> None:
    """Archive, folder, member, manifest and folder of a member: each is an error of Andon."""
    try:
        error = refusal(unreadable)
    finally:
        if not os.geteuid():
            unreadable.chmod(0o755)
    assert error.code == "bundle.read"
    assert "Permission denied" in error.message
    assert unreadable.name in error.where


@pytest.mark.parametrize("path", ["/proc/self/mem"])
def test_a_file_whose_reading_fails_is_refused(path: str, refused: Refused) -> None:
    """A regular file that gives an error of input and output, as a broken disk does."""
    if not Path(path).is_file():
        pytest.skip(f"there is no {path} on this system")
    refused(Path(path), "bundle.read", "mem", "Input/output error")
