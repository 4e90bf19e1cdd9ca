"""Fixtures for the tests of the commands: the command line within this process, and a folder of images."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from andon.cli.main import main
from tests.support.bundles import colour_image


class Ran(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., Ran]]:
    """Run `andon` with these arguments and tell its exit code, its data and its talk."""

    def run(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Ran(int(ended.value.code or 0), *capsys.readouterr())

    level = logging.getLogger("andon").level
    yield run
    logging.getLogger("andon").setLevel(level)


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """A folder with a red, a green and a blue image, one of them in a sub-folder, and a file that is no image."""
    folder = tmp_path / "parts"
    (folder / "later").mkdir(parents=True)
    for name, rgb in (("a.png", (200, 30, 30)), ("B.JPG", (30, 200, 30)), ("later/c.jpeg", (30, 30, 200))):
        colour_image(rgb).save(folder / name)
    (folder / "notes.txt").write_text("red, green, blue")
    return folder
