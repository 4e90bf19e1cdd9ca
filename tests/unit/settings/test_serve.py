"""The settings of a service check what their types do not say."""

import pytest

from andon.errors import UsageError
from andon.settings.serve import ServeSettings


def test_devices_are_read_where_they_are_set() -> None:
    """In Python too, where no flag or variable is named."""
    assert ServeSettings(devices="cuda:0, cuda:1").devices == "cuda:0, cuda:1"
    with pytest.raises(UsageError, match="expected auto, cpu, cuda, or cards"):
        ServeSettings(devices="gpu")


def test_by_default_the_machine_decides() -> None:
    """The cards that there are, or the CPU."""
    assert ServeSettings().devices == "auto"
