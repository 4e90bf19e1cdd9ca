"""Files are written, or the reason is told."""

from pathlib import Path

import pytest

from andon.cli.files import require_folder, write_file
from andon.errors import EnvironmentFault


def test_a_file_is_written_in_place_of_another(tmp_path: Path) -> None:
    """With the bytes that were given."""
    path = tmp_path / "page.html"
    for data in (b"a longer one", b"one"):
        write_file(path, data)
        assert path.read_bytes() == data


@pytest.mark.parametrize(("what", "said"), [("", "cannot be written: "), ("the page ", "the page cannot be written: ")])
def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path, what: str, said: str) -> None:
    """Here a folder has its name."""
    with pytest.raises(EnvironmentFault) as caught:
        write_file(tmp_path, b"", what=what)
    assert (caught.value.code, caught.value.where) == ("environment.write", str(tmp_path))
    assert caught.value.message == f"{said}Is a directory"


def test_a_folder_that_is_not_there_is_seen_before(tmp_path: Path) -> None:
    """It is named; one that is there is enough."""
    require_folder(tmp_path / "page.html")
    with pytest.raises(EnvironmentFault) as caught:
        require_folder(tmp_path / "absent" / "page.html")
    assert (caught.value.code, caught.value.where) == ("environment.write", str(tmp_path / "absent"))
