"""
Which device and how many threads each worker gets: pure functions of a described machine.

A worker is what computes with one loaded model: a group of threads of an engine, or a process of
its own. Which core or which memory is near to which card (NUMA) is not looked at.
"""

from collections.abc import Sequence

from msgspec import Struct

from andon.errors import EnvironmentFault
from andon.machine import Machine
from andon.settings.devices import AUTO, CARDS, CPU, parse_devices

CARD_THREADS = 4
"""Host threads for one worker on a card: they decode and resize some 1,700 photos a second (docs/guides/devices.md)."""


class Choice(Struct, frozen=True, kw_only=True):
    """The devices to compute on."""

    devices: tuple[str, ...]
    """`cpu` alone, or cards; at least one."""
    may_fall_back: bool = False
    """Whether the CPU does where a card does not: nobody has asked for the card by name."""


class Place(Struct, frozen=True):
    """What one worker has to compute with."""

    device: str
    threads: int
    """Compute threads of the host, 1 or more."""


def choose_devices(asked: str, machine: Machine) -> Choice:
    """
    Choose the devices of a service.

    Args:
        asked: `auto`: the cards that there are, and the CPU where there is none or none can be used.
            `cpu`. `cuda`: all cards. Or cards by name: `cuda:0,cuda:1`.
        machine: What there is.

    Raises:
        UsageError: `usage.argument`: it is not written like that.
        EnvironmentFault: `environment.device`: a card that was asked for is not there.
    """
    words = parse_devices(asked)
    there = tuple(f"cuda:{number}" for number in range(machine.cards))
    if words == (AUTO,):
        return Choice(devices=there, may_fall_back=True) if there else Choice(devices=(CPU,))
    if words == (CPU,):
        return Choice(devices=words)
    wanted = (there or ("cuda:0",)) if words == (CARDS,) else words
    missing = [card for card in wanted if card not in there]
    if missing:
        raise _no_such_card(missing, there)
    return Choice(devices=wanted)


def _no_such_card(missing: Sequence[str], there: Sequence[str]) -> EnvironmentFault:
    return EnvironmentFault(
        f"there is no {', '.join(missing)} here: there are {', '.join(there) or 'no cards'}, and the CPU",
        code="environment.device",
        hint="nvidia-smi -L lists the cards; CUDA_VISIBLE_DEVICES hides some, or names some that the driver does not "
        "list; with auto the CPU does where there is none",
    )


def place(devices: Sequence[str], *, workers: int, threads: int, card_threads: int = CARD_THREADS) -> list[Place]:
    """
    Share devices and threads out among workers.

    The workers take the devices in turn, so that no device has two more of them than another. Each
    gets its share of the threads; on a card no more than are of use.

    Args:
        devices: At least one.
        workers: 1 or more.
        threads: To share out: one a core. Only where there are more workers, each of which needs one, are
            more used.
        card_threads: The most for one worker on a card.

    >>> place(["cuda:0", "cuda:1"], workers=3, threads=8)
    [Place(device='cuda:0', threads=3), Place(device='cuda:1', threads=3), Place(device='cuda:0', threads=2)]
    """
    places = []
    for number in range(workers):
        device = devices[number % len(devices)]
        share = max(1, threads // workers + (number < threads % workers))
        places.append(Place(device, share if device == CPU else min(share, card_threads)))
    return places


def next_device(devices: Sequence[str], taken: Sequence[str]) -> str:
    """
    Give the device of a worker that starts beside others: the first of those that fewest have.

    Workers that start one after the other get what `place` gives them, and one that takes the
    place of another gets what that one had.

    Args:
        devices: At least one.
        taken: The device of each worker that lives.

    >>> next_device(["cuda:0", "cuda:1"], ["cuda:0", "cuda:1", "cuda:1"])
    'cuda:0'
    """
    return min(devices, key=taken.count)
