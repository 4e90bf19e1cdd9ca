"""Messages arrive whole, of any size, and the end of the other side is seen."""

import os
import resource
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.engine.channel import MAX_INLINE_BYTES, make_pair, receive, send
from tests.support.waiting import TIMEOUT_S

Pair = tuple[socket.socket, socket.socket]


@contextmanager
def open_pair() -> Iterator[Pair]:
    """Give both ends, which do not wait for ever."""
    ours, theirs = make_pair()
    with ours, theirs:
        ours.settimeout(TIMEOUT_S)
        theirs.settimeout(TIMEOUT_S)
        yield ours, theirs


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Give both ends."""
    with open_pair() as ends:
        yield ends


def descriptors() -> int:
    """Count the open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize(
    "size_bytes", [1, 2, 1000, MAX_INLINE_BYTES - 1, MAX_INLINE_BYTES, MAX_INLINE_BYTES + 1, 300_000, 5_000_000]
)
def test_a_message_of_any_size_arrives_whole(pair: Pair, size_bytes: int) -> None:
    """In both directions, and nothing of it stays open."""
    message, before = os.urandom(size_bytes), descriptors()
    for sender, receiver in (pair, pair[::-1]):
        send(sender, message)
        assert receive(receiver) == message
    assert descriptors() == before


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=20))
def test_messages_keep_their_borders_and_their_order(messages: list[bytes]) -> None:
    """However many are sent before the first is read."""
    with open_pair() as (ours, theirs):
        for message in messages:
            send(ours, message)
        assert [receive(theirs) for _ in messages] == messages


def test_small_and_large_messages_come_in_their_order(pair: Pair) -> None:
    """Whether in a file or not; one that begins as the mark of a file is none."""
    messages = [b"f", b"x" * (MAX_INLINE_BYTES + 1), b"i", b"y" * (MAX_INLINE_BYTES + 2), b"fi"]
    for message in messages:
        send(pair[0], message)
    assert [receive(pair[1]) for _ in messages] == messages


def test_several_threads_send_and_several_read_whole_messages(pair: Pair) -> None:
    """Each message comes once, to one of them."""
    sent = [bytes([number]) * (1 + 997 * number) for number in range(1, 120)]
    found: list[bytes] = []

    def read() -> None:
        while message := receive(pair[1]):
            found.append(message)

    readers = [threading.Thread(target=read) for _ in range(3)]
    writers = [
        threading.Thread(target=lambda part=part: [send(pair[0], one) for one in sent[part::3]]) for part in range(3)
    ]
    for thread in (*readers, *writers):
        thread.start()
    for thread in writers:
        thread.join(TIMEOUT_S)
    pair[0].shutdown(socket.SHUT_WR)
    for thread in readers:
        thread.join(TIMEOUT_S)
    assert sorted(found) == sorted(sent)


def test_the_end_of_the_other_side_is_an_empty_message(pair: Pair) -> None:
    """After what it had sent before; to send it something is an error."""
    send(pair[0], b"last words")
    pair[0].close()
    assert [receive(pair[1]) for _ in range(3)] == [b"last words", b"", b""]
    with pytest.raises(OSError):  # noqa: PT011 -- which one is the kernel's affair
        send(pair[1], b"too late")


@pytest.mark.parametrize("size_bytes", [1000, MAX_INLINE_BYTES + 1])
def test_one_that_does_not_read_makes_nobody_wait(pair: Pair, size_bytes: int) -> None:
    """Where the socket does not block; what was sent arrives, what was not can be sent again."""
    ours, theirs = pair
    ours.settimeout(0)
    sent: list[bytes] = []
    before = descriptors()

    def send_for_ever() -> None:
        for number in count():
            send(ours, b"%d" % number * size_bytes)
            sent.append(b"%d" % number * size_bytes)

    with pytest.raises(BlockingIOError):
        send_for_ever()
    assert [receive(theirs) for _ in sent] == sent
    assert descriptors() == before
    send(ours, b"again")
    assert receive(theirs) == b"again"
    theirs.settimeout(0)
    with pytest.raises(BlockingIOError):
        receive(theirs)


def test_a_process_that_can_open_no_more_files_says_so(pair: Pair) -> None:
    """The message in a file is lost, which must not pass for the end of the other side, or for a message."""
    send(pair[0], b"x" * (MAX_INLINE_BYTES + 1))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.dup(0)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, hard))
    try:
        with pytest.raises(OSError, match="can open no more"):
            receive(pair[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    send(pair[0], b"next")
    assert receive(pair[1]) == b"next"


def test_nothing_is_inherited_by_chance(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an end nor the file of a message; a worker has what it was given, and nothing of another one."""
    inherited: list[bool] = []
    read = os.pread

    def look_and_read(file: int, size_bytes: int, offset: int) -> bytes:
        inherited.append(os.get_inheritable(file))
        return read(file, size_bytes, offset)

    monkeypatch.setattr(os, "pread", look_and_read)
    send(pair[0], b"x" * (MAX_INLINE_BYTES + 1))
    receive(pair[1])
    assert inherited == [False]
    assert not any(os.get_inheritable(end.fileno()) for end in pair)
