"""Placement on described machines."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.engine.placement import CARD_THREADS, Choice, Place, choose_devices, next_device, place
from andon.errors import EnvironmentFault, UsageError
from andon.machine import Machine

BIG, SMALL, BARE = Machine(cores=128, cards=8), Machine(cores=4, cards=2), Machine(cores=1)
EIGHT = tuple(f"cuda:{number}" for number in range(8))


@pytest.mark.parametrize(
    ("asked", "machine", "choice"),
    [
        ("auto", BIG, Choice(devices=EIGHT, may_fall_back=True)),
        ("auto", BARE, Choice(devices=("cpu",))),
        ("cpu", BIG, Choice(devices=("cpu",))),
        ("cuda", BIG, Choice(devices=EIGHT)),
        ("cuda:5,cuda:2", BIG, Choice(devices=("cuda:5", "cuda:2"))),
    ],
)
def test_devices_are_chosen_by_what_is_asked_for_and_what_is_there(
    asked: str, machine: Machine, choice: Choice
) -> None:
    """Only what nobody named may be something else in the end."""
    assert choose_devices(asked, machine) == choice


@pytest.mark.parametrize(
    ("asked", "machine", "said"),
    [
        ("cuda:2", SMALL, "there is no cuda:2 here: there are cuda:0, cuda:1, and the CPU"),
        ("cuda:1,cuda:7,cuda:9", SMALL, "there is no cuda:7, cuda:9 here"),
        ("cuda", BARE, "there is no cuda:0 here: there are no cards, and the CPU"),
        ("cuda:0", BARE, "there is no cuda:0 here"),
    ],
)
def test_a_card_that_is_not_there_is_refused(asked: str, machine: Machine, said: str) -> None:
    """With those that are."""
    with pytest.raises(EnvironmentFault) as caught:
        choose_devices(asked, machine)
    assert caught.value.code == "environment.device"
    assert said in caught.value.message


@pytest.mark.parametrize("asked", ["", "gpu", "cuda:0,cuda:0", "cpu,cuda:0"])
def test_what_is_not_written_as_devices_is_wrong_use(asked: str) -> None:
    """Whatever the machine is."""
    with pytest.raises(UsageError):
        choose_devices(asked, BIG)


@pytest.mark.parametrize(
    ("devices", "workers", "threads", "places"),
    [
        (["cpu"], 1, 1, ["cpu 1"]),
        (["cpu"], 1, 128, ["cpu 128"]),
        (["cpu"], 2, 4, ["cpu 2", "cpu 2"]),
        (["cpu"], 4, 2, ["cpu 1"] * 4),
        (["cpu"], 3, 8, ["cpu 3", "cpu 3", "cpu 2"]),
        (["cuda:0"], 1, 2, ["cuda:0 2"]),
        (["cuda:0", "cuda:1"], 5, 128, [f"cuda:{n} 4" for n in (0, 1, 0, 1, 0)]),
        (EIGHT[:4], 3, 6, ["cuda:0 2", "cuda:1 2", "cuda:2 2"]),
        (EIGHT, 8, 128, [f"{card} 4" for card in EIGHT]),
    ],
)
def test_workers_get_devices_in_turn_and_threads_in_parts(
    devices: list[str], workers: int, threads: int, places: list[str]
) -> None:
    """A worker has one thread at least, and on a card no more than are of use."""
    found = place(devices, workers=workers, threads=threads)
    assert [f"{one.device} {one.threads}" for one in found] == places


def test_more_threads_for_a_card_can_be_asked_for() -> None:
    """Images that are dear to decode want it."""
    assert place(["cuda:0"], workers=1, threads=16, card_threads=16) == [Place("cuda:0", 16)]


DEVICES = st.one_of(st.just(["cpu"]), st.integers(1, 16).map(lambda count: [f"cuda:{n}" for n in range(count)]))


@given(DEVICES, st.integers(1, 64), st.integers(1, 256))
def test_nothing_is_given_twice(devices: list[str], workers: int, threads: int) -> None:
    """Together no more threads than there are, but one a worker; all are used on the CPU; devices are even."""
    places = place(devices, workers=workers, threads=threads)
    total = sum(one.threads for one in places)
    assert total <= max(threads, workers)
    assert len(places) == workers
    assert all(one.threads >= 1 for one in places)
    assert max(one.threads for one in places) - min(one.threads for one in places) <= 1
    if devices == ["cpu"]:
        assert total == max(threads, workers)
    else:
        assert all(one.threads <= CARD_THREADS for one in places)
    used = [[one.device for one in places].count(device) for device in devices]
    assert max(used) - min(used) <= 1


@given(DEVICES, st.integers(1, 32), st.data())
def test_workers_that_come_and_go_stay_where_they_belong(devices: list[str], workers: int, data: st.DataObject) -> None:
    """One after the other they get what `place` gives; the successor of one that died gets its device."""
    taken: list[str] = []
    for _ in range(workers):
        taken.append(next_device(devices, taken))
    assert taken == [one.device for one in place(devices, workers=workers, threads=1)]
    for _ in range(8):
        died = taken.pop(data.draw(st.integers(0, workers - 1)))
        successor = next_device(devices, taken)
        assert taken.count(successor) == min(map(taken.count, devices))
        # Where the places are even, it is the very one; else one that has as few.
        assert successor == died or taken.count(died) == taken.count(successor)
        taken.append(successor)


def test_what_other_workers_have_beside_the_list_does_not_matter() -> None:
    """As where one was started with other devices."""
    assert next_device(["cuda:1", "cuda:2"], ["cuda:0", "cuda:0", "cuda:1"]) == "cuda:2"
