"""A bundle as a folder: what is in it, without following a link."""

from pathlib import Path

import pytest

from andon.bundle.folder import Folder
from andon.errors import BundleError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Make a folder with files at several depths, and an empty one."""
    for name in ("bundle.json", "a/b/c.txt", "a/d"):
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_text(name, encoding="utf-8")
    (tmp_path / "folder" / "empty").mkdir()
    return tmp_path / "folder"


def open_descriptors() -> int:
    """Count what this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))


def test_files_are_named_from_the_folder(path: Path) -> None:
    """Names have slashes on every system; folders have none of their own."""
    with Folder(path, "folder") as folder:
        assert folder.names() == {"bundle.json", "a/b/c.txt", "a/d"}


def test_a_file_has_size_and_bytes(path: Path) -> None:
    """Reading stops at the size that was asked for."""
    with Folder(path, "folder") as folder:
        assert folder.size("a/b/c.txt") == 9
        assert folder.read("a/b/c.txt", 9) == b"a/b/c.txt"
        assert folder.read("a/b/c.txt", 3) == b"a/b"
        assert folder.read("a/b/c.txt", 100) == b"a/b/c.txt"


def test_a_name_is_held_or_not(path: Path) -> None:
    """Anything of the name counts; what it is shows later."""
    (path / "link").symlink_to("nowhere")
    with Folder(path, "folder") as folder:
        assert folder.holds("bundle.json")
        assert folder.holds("link")
        assert not folder.holds("nothing")


def test_an_absent_file_is_an_error_of_the_system(path: Path) -> None:
    """Whoever opened the folder says of which bundle it is."""
    with Folder(path, "folder") as folder, pytest.raises(FileNotFoundError):
        folder.read("a/nothing", 1)


def test_a_path_through_a_link_is_refused(path: Path) -> None:
    """Although the file behind it is in the same folder."""
    (path / "link").symlink_to("a")
    with Folder(path, "folder") as folder, pytest.raises(BundleError) as caught:
        folder.read("link/d", 1)
    assert caught.value.code == "bundle.member.link"
    assert caught.value.where == "folder › link/d"


def test_the_number_of_entries_is_limited(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and folders count alike, up to the limit and no further."""
    entries = 6
    for limit, is_refused in ((entries, False), (entries - 1, True)):
        monkeypatch.setattr("andon.bundle.folder.MAX_MEMBERS", limit)
        with Folder(path, "folder") as folder:
            if not is_refused:
                assert len(folder.names()) == 3
                continue
            with pytest.raises(BundleError, match=f"more than {limit} entries") as caught:
                folder.names()
            assert caught.value.code == "bundle.limit"


def test_nothing_stays_open(path: Path) -> None:
    """Neither walking nor reading nor failing leaves a descriptor behind."""
    before = open_descriptors()
    with Folder(path, "folder") as folder:
        folder.names()
        folder.read("a/b/c.txt", 9)
        with pytest.raises(FileNotFoundError):
            folder.read("a/b/nothing", 1)
        assert open_descriptors() == before + 1
    assert open_descriptors() == before
