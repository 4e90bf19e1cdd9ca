"""Tests of how names on the command line become image files."""

import os
from pathlib import Path

import pytest

from andon.cli.images import find_images, name_of
from andon.errors import UsageError


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with images that are found and files that are not."""
    for name in (
        "b.png",
        "a.JPG",
        "sub/z.jpeg",
        "sub/deep/y.PnG",
        "notes.txt",
        ".hidden.png",
        ".cache/x.png",
        "sub/no.svg",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*arguments: str) -> list[str]:
    """Expand arguments and give the paths as text."""
    return [str(path) for path in find_images(arguments)]


@pytest.mark.usefixtures("here")
def test_a_folder_stands_for_its_images_and_those_below_sorted() -> None:
    """Suffixes count in any case; other files, and what is hidden, are left out."""
    assert names(".") == ["a.JPG", "b.png", "sub/deep/y.PnG", "sub/z.jpeg"]


@pytest.mark.usefixtures("here")
def test_a_file_that_is_named_is_taken_whatever_it_is_called() -> None:
    """A named file needs neither a suffix nor to exist: its prediction says what is wrong with it."""
    assert names("notes.txt", ".hidden.png", "gone.png") == ["notes.txt", ".hidden.png", "gone.png"]


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.png", ["b.png"]),
        ("[ab].*", ["a.JPG", "b.png"]),
        ("s*/*", ["sub/deep/y.PnG", "sub/no.svg", "sub/z.jpeg"]),
        ("**/*.jpeg", ["sub/z.jpeg"]),
    ],
)
def test_a_quoted_pattern_stands_for_what_a_shell_would_make_of_it(pattern: str, found: list[str]) -> None:
    """Files are taken as they match, folders that match are looked into."""
    assert names(pattern) == found


def test_a_pattern_may_be_absolute(here: Path) -> None:
    """It need not be below the working folder."""
    assert names(f"{here}/*.png") == [f"{here}/b.png"]


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(here: Path) -> None:
    """What exists is taken before anything is expanded."""
    (here / "[1].png").write_bytes(b"")
    assert names("[1].png") == ["[1].png"]


@pytest.mark.usefixtures("here")
def test_a_file_that_is_named_twice_comes_once_and_first() -> None:
    """Spelled in another way it is the same file still."""
    assert names("b.png", "sub/../b.png", ".") == ["b.png", "a.JPG", "sub/deep/y.PnG", "sub/z.jpeg"]


def test_links_to_folders_are_followed_and_never_twice(here: Path) -> None:
    """A link that leads back up does not make the search endless."""
    (here / "sub" / "up").symlink_to(here)
    (here / "elsewhere").mkdir()
    (here / "elsewhere" / "linked.png").write_bytes(b"")
    (here / "sub" / "deep" / "link").symlink_to(here / "elsewhere")
    assert names("sub/deep") == ["sub/deep/link/linked.png", "sub/deep/y.PnG"]
    assert len(names("sub")) < 10


@pytest.mark.parametrize(("name", "said"), [("empty", "holds no image"), ("x*.png", "matches no file")])
def test_a_name_that_stands_for_nothing_is_refused(here: Path, name: str, said: str) -> None:
    """A folder without images and a pattern without matches are wrong use, named as they were typed."""
    (here / "empty").mkdir()
    with pytest.raises(UsageError, match=said) as caught:
        names("b.png", name)
    assert (caught.value.code, caught.value.where) == ("usage.path", name)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_refused(here: Path) -> None:
    """Nothing is left out in silence."""
    (here / "sub").chmod(0)
    try:
        with pytest.raises(UsageError, match="cannot be read"):
            names(".")
    finally:
        (here / "sub").chmod(0o755)


def test_a_name_that_is_too_long_is_left_to_its_prediction() -> None:
    """The file system's refusal does not end the command."""
    assert names("x" * 5000) == ["x" * 5000]


def test_a_name_of_any_bytes_can_be_written() -> None:
    """Bytes that are not UTF-8 become escapes; everything else stays as it is."""
    assert name_of(Path(os.fsdecode(b"caf\xe9.png"))) == r"caf\xe9.png"
    assert name_of(Path("零件.png")) == "零件.png"
