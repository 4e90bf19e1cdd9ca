"""Cards are counted by what the driver shows and what CUDA hides."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.machine import cards
from andon.machine.cards import count_cards, visible_cards


@pytest.mark.parametrize(
    ("present", "listed", "visible"),
    [
        (0, None, 0),
        (None, None, 0),
        (8, None, 8),
        (8, "0,1,2,3", 4),
        (8, " 3 , 1", 2),
        (8, "", 0),
        (8, "-1", 0),
        (8, "0,2,-1,1", 2),
        (2, "0,5,1", 1),
        (8, "1,1", 0),
        (8, "NoDevFiles", 0),
        (2, "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6", 1),
        (2, "GPU-8932f937,GPU-1111", 2),
        (1, "MIG-a,MIG-b", 1),
        (0, "0", 0),
        (0, "GPU-8932f937", 0),
        (2, "GPU-a,GPU-b,GPU-c", 2),
        (None, "0,1", 2),
        (None, "rubbish", 0),
    ],
)
def test_cards_are_counted_as_cuda_does(present: int | None, listed: str | None, visible: int) -> None:
    """Up to the first that does not exist; a list is taken at its word where the driver does not tell."""
    assert visible_cards(present, listed) == visible


@given(st.one_of(st.none(), st.integers(0, 64)), st.one_of(st.text(), st.text("0123,GPU-M")))
def test_any_text_gives_a_number(present: int | None, listed: str) -> None:
    """And no more cards than there are."""
    assert 0 <= visible_cards(present, listed) <= min(listed.count(",") + 1, 10**9 if present is None else present)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a driver, whose programs are those of a folder."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(cards, "_DRIVER", tmp_path / "gpus")
    return tmp_path


def install(machine: Path, script: str) -> None:
    """Put a program `nvidia-smi` there."""
    program = machine / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


LISTING = 'echo "GPU 0: NVIDIA L4 (UUID: GPU-1)"; echo "  MIG 1g.5gb"; echo "GPU 1: NVIDIA L4 (UUID: GPU-2)"'


def test_the_driver_is_asked_first(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder a card, and no program is started; the variable hides some of them."""
    install(machine, LISTING)
    for name in ("0000:1a:00.0", "0000:88:00.0", "0000:89:00.0"):
        (machine / "gpus" / name).mkdir(parents=True)
    assert count_cards() == 3
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    assert count_cards() == 1


def test_without_its_folder_the_program_is_asked(machine: Path) -> None:
    """As under WSL; slices of a card do not count as cards."""
    install(machine, LISTING)
    assert count_cards() == 2


@pytest.mark.parametrize("script", ["exit 9", "echo No devices found", "exec sleep 100", "kill -9 $$"])
def test_a_program_that_fails_is_no_card(machine: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Nor one that hangs: it is waited for only so long."""
    monkeypatch.setattr(cards, "_TIMEOUT_S", 0.05)
    install(machine, script)
    assert count_cards() == 0


def test_a_machine_without_anything_has_none(machine: Path) -> None:
    """Which is no error."""
    assert not os.path.lexists(machine / "gpus")
    assert count_cards() == 0
