"""Tests of the folder of a configuration."""

import os
import stat
from pathlib import Path

import pytest

from andon.deploy.folder import is_closed_to_others, read_configuration, write_folder
from andon.errors import EnvironmentFault, UsageError


def test_a_folder_is_made_with_all_that_nginx_needs(tmp_path: Path) -> None:
    """The text under one line that seals it, places for logs and temporary files, and nothing else."""
    folder = tmp_path / "new" / "front"
    write_folder(folder, "events { }\n")
    assert sorted(item.name for item in folder.iterdir()) == ["logs", "nginx.conf", "temp"]
    seal, _, text = read_configuration(folder).partition("\n")
    assert seal.startswith("# Written by andon ")
    assert text == "events { }\n"


def test_the_workers_of_root_can_reach_the_temporary_files(tmp_path: Path) -> None:
    """Whatever the umask of who writes it."""
    before = os.umask(0o077)
    try:
        write_folder(tmp_path / "front", "")
    finally:
        os.umask(before)
    for path in (tmp_path / "front", tmp_path / "front" / "temp"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755


def test_what_was_written_is_written_again(tmp_path: Path) -> None:
    """Logs and temporary files of a running nginx stay; so does a start that was broken off."""
    write_folder(tmp_path, "one")
    (tmp_path / "logs" / "access.log").write_text("a line")
    (tmp_path / ".nginx.conf.new").write_text("half")
    write_folder(tmp_path, "two")
    assert read_configuration(tmp_path).endswith("\ntwo")
    assert (tmp_path / "logs" / "access.log").read_text() == "a line"
    assert not (tmp_path / ".nginx.conf.new").exists()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("notes.txt", "mine", "holds 'notes.txt'"),
        ("nginx.conf", "events { }", "was changed by hand, or was not written"),
    ],
)
def test_what_is_not_ours_is_never_touched(tmp_path: Path, name: str, text: str, message: str) -> None:
    """A file of somebody keeps the whole folder as it is."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=message) as caught:
        write_folder(tmp_path, "new")
    assert (caught.value.code, caught.value.where) == ("deploy.folder", str(tmp_path))
    assert [(item.name, item.read_text()) for item in tmp_path.iterdir()] == [(name, text)]


def test_a_change_by_hand_is_not_lost(tmp_path: Path) -> None:
    """Even one added comment makes it somebody's file."""
    write_folder(tmp_path, "one")
    with (tmp_path / "nginx.conf").open("a") as file:
        file.write("# gpu-3 comes in May\n")
    with pytest.raises(UsageError, match="was changed by hand"):
        write_folder(tmp_path, "two")
    assert "gpu-3 comes in May" in read_configuration(tmp_path)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It is told, and stays."""
    (tmp_path / "front").write_text("mine")
    with pytest.raises(UsageError, match="is a file"):
        write_folder(tmp_path / "front", "")
    assert (tmp_path / "front").read_text() == "mine"


def test_what_cannot_be_written_is_an_error_of_the_environment(tmp_path: Path) -> None:
    """With the reason of the system."""
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="Not a directory") as caught:
        write_folder(tmp_path / "file" / "front", "")
    assert caught.value.code == "environment.write"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_folder_without_a_configuration_is_told(tmp_path: Path, content: bytes | None) -> None:
    """Absent, or no text; the hint is the command that writes one."""
    if content is not None:
        (tmp_path / "nginx.conf").write_bytes(content)
    with pytest.raises(UsageError, match=r"no nginx\.conf that can be read") as caught:
        read_configuration(tmp_path)
    assert caught.value.code == "usage.path"
    assert "andon deploy nginx" in caught.value.hint


def test_a_folder_is_closed_where_one_around_it_is(tmp_path: Path) -> None:
    """Every folder on the way must let others through."""
    inner = tmp_path / "open" / "front"
    inner.mkdir(parents=True)
    inner.parent.chmod(0o700)
    assert is_closed_to_others(inner)
    assert not is_closed_to_others(Path("/"))
