"""
Which device each of several processes computes on: it takes the card that fewest of its siblings have.

The siblings are the processes with the same parent: the workers of one gunicorn, or of one uvicorn.
A process notes its card in the name of a socket in Linux's abstract namespace, and the kernel takes
the name back when the process ends, however it ends: the worker that takes its place finds
the card free again. No file is written, and none is left behind.
"""

import errno
import multiprocessing
import os
import re
import socket
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path

from msgspec import Struct

from andon.engine.placement import Choice, choose_devices, next_device
from andon.errors import EnvironmentFault
from andon.integrations.gunicorn import is_gunicorn
from andon.machine import read_machine
from andon.settings.devices import CPU
from andon.settings.serve import ServeSettings
from andon.settings.sources import resolve, variable_of

_SOCKETS = Path("/proc/net/unix")
_taken_here: dict[tuple[str, ...], "_Seat"] = {}
"""What this process has taken, by the devices it chose from: one card for all of its models."""


class _Seat(Struct, frozen=True):
    """A place on a card; others see it as long as the socket lives."""

    device: str
    note: socket.socket


def devices_asked() -> str:
    """
    Give the setting `devices` as the environment has it.

    Raises:
        UsageError: `usage.setting`: `ANDON_DEVICES` has a value that it cannot have.
    """
    variable = variable_of("devices")
    return resolve(ServeSettings, {}, {variable: os.environ.get(variable, "")}, None, table="").settings.devices


def own_choice(asked: str) -> Choice:
    """
    Choose the device of this process, which is one of several; on the CPU they need no agreement.

    Args:
        asked: As the setting `devices`.

    Raises:
        UsageError: `usage.argument`: it is not written like that.
        EnvironmentFault: `environment.device`: a card is not there, or the kernel does not let
            this process note which one it takes.
    """
    choice = choose_devices(asked, read_machine())
    if choice.devices == (CPU,):
        return choice
    return Choice(devices=(take_card(choice.devices),), may_fall_back=choice.may_fall_back)


def is_one_of_several() -> bool:
    """Ask whether this process was started by another one to share the work: by gunicorn, or by uvicorn."""
    return is_gunicorn() or multiprocessing.parent_process() is not None


def take_card(cards: Iterable[str]) -> str:
    """
    Take one of the cards, and keep it until this process ends; asked again, give the same.

    Raises:
        EnvironmentFault: `environment.device`: the kernel does not allow it.
    """
    cards = tuple(cards)
    if cards not in _taken_here:
        _taken_here[cards] = _take(cards, _siblings())
    return _taken_here[cards].device


def _take(cards: tuple[str, ...], siblings: str) -> _Seat:
    refused: set[tuple[str, int]] = set()
    while True:
        # Another process may have come first to a name that was free a moment ago, or the list may be closed to us.
        taken = refused | set(_noted(siblings))
        card = next_device(cards, [device for device, _ in taken])
        number = next(free for free in count() if (card, free) not in taken)
        note = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            note.bind(f"\0{siblings}.{card}.{number}")
        except OSError as error:
            note.close()
            if error.errno != errno.EADDRINUSE:
                raise EnvironmentFault(
                    f"cannot note that this process takes {card}: {error.strerror}",
                    code="environment.device",
                    hint="set ANDON_DEVICES to one card, which needs no agreement with other processes",
                ) from None
            refused.add((card, number))
        else:
            return _Seat(card, note)


def _noted(siblings: str) -> Iterator[tuple[str, int]]:
    """Give card and number of each name that a living process has."""
    name = re.compile(rf"@{re.escape(siblings)}\.(cuda:\d+)\.(\d+)$")
    try:
        lines = _SOCKETS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        # Then only what is refused tells what is taken, which is enough for workers that start together.
        return
    for line in lines:
        if found := name.search(line):
            yield found[1], int(found[2])


def _siblings() -> str:
    """Name the processes of one parent; its start keeps it apart from an earlier one of the same number."""
    parent = os.getppid()
    try:
        # The name in brackets may hold anything; the start is the 22nd field, 20th after it. See proc_pid_stat(5).
        started = Path(f"/proc/{parent}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        # A parent of another namespace, or one that is hidden: its number has to do.
        return f"andon-{parent}"
    return f"andon-{parent}-{started[19]}"


def _forget_in_child() -> None:
    """Leave to the parent what it has taken: a helper that it forks must not keep a card when the worker has died."""
    for seat in _taken_here.values():
        seat.note.close()
    _taken_here.clear()


os.register_at_fork(after_in_child=_forget_in_child)
