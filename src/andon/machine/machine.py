"""A machine in numbers, as the policy of placement wants it."""

from msgspec import Struct

from andon.machine.cards import count_cards
from andon.machine.cores import available_cores


class Machine(Struct, frozen=True, kw_only=True):
    """What one process, and those it starts, may compute with."""

    cores: int
    """Threads that can compute at once, 1 or more."""
    cards: int = 0
    """CUDA cards that are visible; they are `cuda:0` and so on."""


def read_machine() -> Machine:
    """Look at this machine; without a card it takes about a millisecond."""
    return Machine(cores=available_cores(), cards=count_cards())
