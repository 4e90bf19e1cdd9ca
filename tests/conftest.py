"""Fixtures for all tests."""

from pathlib import Path

import pytest

from tests.support.bundles import write_colours


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of the classifier of colours, as an archive; do not change it."""
    return write_colours(tmp_path_factory.mktemp("bundle") / "colours.andon")
