"""Processes of one parent share cards out; these tests fork."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from andon.engine.placement import Choice
from andon.errors import EnvironmentFault, UsageError
from andon.integrations import own_device
from andon.integrations.own_device import devices_asked, is_one_of_several, own_choice, take_card
from tests.support.cards import as_one_of, give_cards

CARDS = ("cuda:0", "cuda:1")
_names = count()


class Sibling:
    """A process that takes a card, and keeps it until it is killed."""

    def __init__(self, siblings: str, cards: tuple[str, ...] = CARDS, task: Callable[[], None] | None = None) -> None:
        reader, writer = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            try:
                pytest.MonkeyPatch().setattr(own_device, "_siblings", lambda: siblings)
                os.write(writer, take_card(cards).encode() + b"\n")
                if task is not None:
                    task()
                os.close(writer)
                signal.pause()
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader) as answer:
            self.card = answer.readline().strip()

    def kill(self) -> None:
        """End it as a crash does, and wait until it is gone."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def siblings() -> str:
    """The name of the siblings of one test."""
    return f"andon-test-{os.getpid()}-{next(_names)}"


@pytest.fixture
def start(siblings: str) -> Iterator[Callable[..., Sibling]]:
    """Start siblings, which are all killed in the end."""
    started: list[Sibling] = []

    def begin(**kind: Any) -> Sibling:
        started.append(Sibling(siblings, **kind))
        return started[-1]

    yield begin
    for one in started:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            one.kill()


@pytest.fixture
def free(siblings: str) -> Iterator[None]:
    """Let this process have taken nothing, as one of the same siblings."""
    with as_one_of(siblings):
        yield


def test_processes_take_cards_in_turn(start: Callable[..., Sibling]) -> None:
    """The first the first one, and so on."""
    assert [start().card for _ in range(5)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1", "cuda:0"]


@pytest.mark.parametrize("dies", range(4))
def test_the_successor_of_one_that_dies_takes_its_card(start: Callable[..., Sibling], dies: int) -> None:
    """However it dies, and again and again; its number among all that were ever started does not matter."""
    living = [start() for _ in range(4)]
    for _ in range(3):
        dead = living[dies]
        dead.kill()
        living[dies] = start()
        assert living[dies].card == dead.card


def test_a_new_generation_is_even_beside_the_old_one(start: Callable[..., Sibling]) -> None:
    """As when gunicorn loads again: the new workers start before the old ones have ended."""
    old = [start() for _ in range(3)]
    new = [start() for _ in range(3)]
    for one in old:
        one.kill()
    assert [one.card for one in new] == ["cuda:1", "cuda:0", "cuda:1"]
    assert start().card == "cuda:0"


def test_a_helper_of_a_dead_process_does_not_keep_its_card(start: Callable[..., Sibling]) -> None:
    """It was forked by it, lives on, and has the socket no more."""
    reader, writer = os.pipe()

    def fork_a_helper() -> None:
        if (helper := os.fork()) == 0:
            signal.pause()
            os._exit(0)
        os.write(writer, f"{helper}\n".encode())

    first = start(task=fork_a_helper)
    os.close(writer)
    with os.fdopen(reader) as said:
        helper = int(said.readline())
    try:
        first.kill()
        assert Path(f"/proc/{helper}").exists()
        assert start().card == "cuda:0"
    finally:
        os.kill(helper, signal.SIGKILL)


def test_other_families_do_not_matter(start: Callable[..., Sibling], siblings: str) -> None:
    """Each gunicorn shares out for itself; one's name may be the beginning of another's."""
    start()
    other = Sibling(f"{siblings}0")
    assert other.card == "cuda:0"
    other.kill()
    assert start().card == "cuda:1"


@pytest.mark.usefixtures("free")
def test_a_process_has_one_card_for_all_of_its_models(start: Callable[..., Sibling]) -> None:
    """Asked again it says the same, and takes nothing more."""
    assert [take_card(CARDS), take_card(CARDS)] == ["cuda:0", "cuda:0"]
    assert [start().card, start().card] == ["cuda:1", "cuda:0"]


@pytest.mark.usefixtures("free")
def test_without_the_kernel_s_list_cards_are_still_shared_out(
    start: Callable[..., Sibling], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused tells what is taken."""
    monkeypatch.setattr(own_device, "_SOCKETS", Path("/nowhere"))
    assert [start().card for _ in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]


class Forbidden:
    """A socket that the kernel gives no name."""

    closed = 0

    def bind(self, _name: str) -> None:
        """Refuse."""
        raise PermissionError(1, "Operation not permitted")

    def close(self) -> None:
        """Count it."""
        Forbidden.closed += 1


@pytest.mark.usefixtures("free")
def test_a_kernel_that_forbids_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way around it."""
    monkeypatch.setattr(own_device.socket, "socket", lambda *_: Forbidden())
    with pytest.raises(EnvironmentFault, match="cannot note that this process takes cuda:0") as caught:
        take_card(CARDS)
    assert "ANDON_DEVICES" in caught.value.hint
    assert Forbidden.closed == 1


def test_siblings_are_those_of_one_parent() -> None:
    """Two children have one name for their family; that of the parent is another one."""

    def asked_in_child() -> str:
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(writer, own_device._siblings().encode())  # noqa: SLF001 -- the name itself
            os._exit(0)
        os.close(writer)
        os.waitpid(pid, 0)
        with os.fdopen(reader) as said:
            return said.read()

    family = asked_in_child()
    assert family == asked_in_child()
    assert family.startswith(f"andon-{os.getpid()}-")
    assert family != own_device._siblings()  # noqa: SLF001 -- as above


def test_a_parent_that_is_hidden_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose parent is outside."""
    monkeypatch.setattr(own_device.os, "getppid", lambda: 0)
    assert own_device._siblings() == "andon-0"  # noqa: SLF001 -- the name itself


@pytest.mark.usefixtures("free")
def test_on_the_cpu_nothing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to be agreed on."""
    give_cards(monkeypatch)
    assert own_choice("cpu") == Choice(devices=("cpu",))
    assert own_device._taken_here == {}  # noqa: SLF001 -- it would be seen by others


@pytest.mark.usefixtures("free")
def test_each_process_chooses_one_card(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which may give way to the CPU where nobody named it."""
    give_cards(monkeypatch)
    assert own_choice("auto") == Choice(devices=("cuda:0",), may_fall_back=True)
    assert own_choice("cuda:1") == Choice(devices=("cuda:1",))
    with pytest.raises(EnvironmentFault, match="no cuda:9 here"):
        own_choice("cuda:9")


def test_the_environment_says_what_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other settings in it are not looked at, however wrong they are."""
    monkeypatch.setenv("ANDON_PORT", "rubbish")
    monkeypatch.delenv("ANDON_DEVICES", raising=False)
    assert devices_asked() == "auto"
    monkeypatch.setenv("ANDON_DEVICES", "cuda:0,cuda:1")
    assert devices_asked() == "cuda:0,cuda:1"
    monkeypatch.setenv("ANDON_DEVICES", "gpu")
    with pytest.raises(UsageError) as caught:
        devices_asked()
    assert (caught.value.code, caught.value.where) == ("usage.setting", "ANDON_DEVICES")


@pytest.mark.parametrize(
    ("gunicorn", "parent", "several"), [(False, None, False), (True, None, True), (False, 1, True)]
)
def test_workers_know_that_they_are_several(
    monkeypatch: pytest.MonkeyPatch,
    gunicorn: bool,  # noqa: FBT001 -- a parameter of the test
    parent: object,
    several: bool,  # noqa: FBT001 -- as above
) -> None:
    """Those of gunicorn, and those that uvicorn starts with `--workers`."""
    monkeypatch.setattr(own_device, "is_gunicorn", lambda: gunicorn)
    monkeypatch.setattr(own_device.multiprocessing, "parent_process", lambda: parent)
    assert is_one_of_several() is several


@pytest.mark.usefixtures("free")
def test_a_name_that_somebody_else_takes_first_is_left_to_him(siblings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between looking and taking another process may come; then it is looked at again."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        looked = []

        def look(family: str) -> Iterator[tuple[str, int]]:
            if not looked:
                other.bind(f"\0{family}.cuda:0.0")
            looked.append(family)
            return iter(())

        monkeypatch.setattr(own_device, "_noted", look)
        assert take_card(CARDS) == "cuda:1"
    assert looked == [siblings] * 2
