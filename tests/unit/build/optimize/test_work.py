"""Unfinished work is kept, whole or not at all."""

from pathlib import Path

import pytest

from andon.build.optimize.work import Work
from andon.errors import EnvironmentFault


def test_what_was_kept_is_there_in_the_next_run(tmp_path: Path) -> None:
    """For the same key; another key has nothing."""
    Work(tmp_path / "work", "digest", "limits").put("a.json", b"1")
    assert Work(tmp_path / "work", "digest", "limits").get("a.json") == b"1"
    assert Work(tmp_path / "work", "digest", "other").get("a.json") is None


def test_a_second_result_takes_the_place_of_the_first(tmp_path: Path) -> None:
    """No half file is left beside it."""
    work = Work(tmp_path, "key")
    work.put("a.json", b"1")
    work.put("a.json", b"22")
    assert work.get("a.json") == b"22"
    assert [path.name for path in work.folder.iterdir()] == ["a.json"]


def test_finished_work_is_taken_away(tmp_path: Path) -> None:
    """With its folders, but not with what another run keeps beside it."""
    mine, other = Work(tmp_path / "work", "mine"), Work(tmp_path / "work", "other")
    mine.put("a.json", b"1")
    mine.clear()
    assert not mine.folder.exists()
    assert other.folder.exists()
    other.clear()
    assert not (tmp_path / "work").exists()


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    """The error says where, and how to choose another one."""
    (tmp_path / "work").write_text("a file")
    with pytest.raises(EnvironmentFault, match="cannot be kept") as caught:
        Work(tmp_path / "work", "key")
    assert "--work" in caught.value.hint


def test_results_that_cannot_be_kept_are_an_error(tmp_path: Path) -> None:
    """A folder stands where the file belongs."""
    work = Work(tmp_path, "key")
    (work.folder / "a.json").mkdir()
    with pytest.raises(EnvironmentFault):
        work.put("a.json", b"1")
    with pytest.raises(EnvironmentFault):
        work.get("a.json")
    assert [path.name for path in work.folder.iterdir()] == ["a.json"]
