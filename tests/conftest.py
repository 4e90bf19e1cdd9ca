"""Fixtures for all tests."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.bundles import write_colours
from tests.support.exporter import hasten_exports

if TYPE_CHECKING:
    from andon.build.pack import PackReport


def pytest_runtest_setup() -> None:
    """Hasten exports as soon as a test before has loaded the exporter."""
    hasten_exports()


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of the classifier of colours, as an archive; do not change it."""
    return write_colours(tmp_path_factory.mktemp("bundle") / "colours.andon")


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> "PackReport":
    """A bundle packed from the small network of `tests.support.author`; do not change it."""
    from andon.build.pack import pack
    from tests.support.author import INPUT, LABELS, Author, Net, photos

    out = tmp_path_factory.mktemp("packed") / "parts.andon"
    return pack(Net(), samples=photos(), labels=LABELS, out=out, transform=Author(), input=INPUT)
