"""This machine in numbers."""

import pytest

from andon.machine import Machine, available_cores, machine, read_machine


def test_this_machine_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cores as everywhere, and its cards."""
    monkeypatch.setattr(machine, "count_cards", lambda: 3)
    assert read_machine() == Machine(cores=available_cores(), cards=3)
