"""Fixtures for the tests of packing."""

from pathlib import Path

import pytest

from andon.build.pack import PackReport, pack
from tests.support.author import INPUT, LABELS, Author, Net, photos


@pytest.fixture(scope="session")
def packed(tmp_path_factory: pytest.TempPathFactory) -> PackReport:
    """A bundle packed from the small network; do not change it."""
    folder: Path = tmp_path_factory.mktemp("packed")
    out = folder / "parts.andon"
    return pack(Net(), samples=photos(), labels=LABELS, out=out, transform=Author(), input=INPUT)
