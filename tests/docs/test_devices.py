"""The tables of the guide to devices say what the policy does."""

from itertools import groupby

import pytest

from andon.engine.placement import CARD_THREADS, choose_devices, next_device, place
from andon.machine import Machine
from andon.machine.cores import usable_cores
from tests.support.tree import ROOT

GUIDE = ROOT / "docs" / "guides" / "devices.md"
MACHINES = {
    "1 core": Machine(cores=1),
    "2 cores": Machine(cores=2),
    "64 cores, a container of 1.5 CPUs": Machine(cores=usable_cores(64, 1.5)),
    "128 cores, 8 cards": Machine(cores=128, cards=8),
    "6 cores, 4 cards": Machine(cores=6, cards=4),
    "1 core, 2 cards": Machine(cores=1, cards=2),
}


def rows(heading: str) -> list[list[str]]:
    """Give the cells of the table below a row of headings."""
    lines = iter(GUIDE.read_text(encoding="utf-8").splitlines())
    assert any(line == heading for line in lines), heading
    next(lines)
    table = next(list(group) for is_row, group in groupby(lines, lambda line: line.startswith("|")) if is_row)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def shared_out(machine: Machine, devices: str) -> str:
    """Say what a service does with a machine."""
    chosen = choose_devices(devices, machine).devices
    places = place(chosen, workers=len(chosen), threads=machine.cores)
    if len(places) > 4:
        assert len({one.threads for one in places}) == 1
        return f"{chosen[0]} to {chosen[-1]}: {places[0].threads} each"
    return ", ".join(f"{one.device}: {one.threads}" for one in places)


def test_the_machines_are_used_as_it_says() -> None:
    """Each row is what the policy answers for it, and there are several for each kind of machine."""
    table = rows("| machine | devices | threads |")
    assert {name for name, _, _ in table} == set(MACHINES)
    assert table == [[name, devices, shared_out(MACHINES[name], devices)] for name, devices, _ in table]


def test_the_workers_take_what_it_says() -> None:
    """One after the other, as gunicorn starts them."""
    table = rows("| workers | devices | each takes |")
    assert len(table) >= 4
    for workers, devices, each in table:
        taken: list[str] = []
        for _ in range(int(workers)):
            taken.append(next_device(choose_devices(devices, Machine(cores=8, cards=4)).devices, taken))
        assert each == ", ".join(taken)


@pytest.mark.parametrize("claim", [f"so {CARD_THREADS} are enough for one card", "was never seen"])
def test_what_is_fixed_in_the_code_is_told(claim: str) -> None:
    """The number of threads for a card; and that no card was there."""
    assert claim in GUIDE.read_text(encoding="utf-8")
