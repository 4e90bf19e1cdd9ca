"""What runs in the loop runs in one thread, whoever asks for it, and errors come back to who asked."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from andon.engine.loop import Loop
from tests.support.waiting import TIMEOUT_S


@pytest.fixture
def loop() -> Iterator[Loop]:
    """Give a loop of its own."""
    loop = Loop()
    yield loop
    loop.end()


def front_threads() -> list[threading.Thread]:
    """List the threads of loops."""
    return [thread for thread in threading.enumerate() if thread.name == "andon-front"]


def test_there_is_no_thread_before_it_is_needed_and_none_after_the_end() -> None:
    """One that was never needed ends, too."""
    Loop().end()
    loop = Loop()
    assert not loop.is_here
    assert front_threads() == []
    started = loop.get()
    assert loop.get() is started
    assert [thread.daemon for thread in front_threads()] == [True]
    loop.end()
    assert front_threads() == []
    assert started.is_closed()


def test_calls_run_in_the_thread_of_the_loop(loop: Loop) -> None:
    """From any other thread; what they return comes back."""
    assert not loop.is_here
    assert loop.call(lambda: (loop.is_here, threading.current_thread().name)) == (True, "andon-front")


@pytest.mark.parametrize("error", [KeyError("mine"), SystemExit(3)])
def test_what_a_call_raises_is_raised_where_it_was_called(loop: Loop, error: BaseException) -> None:
    """And the loop goes on."""

    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        loop.call(fail)
    assert caught.value is error
    assert loop.call(lambda: 5) == 5


def test_in_its_own_thread_a_call_runs_at_once(loop: Loop) -> None:
    """It would wait for itself else."""
    order: list[str] = []

    def outer() -> int:
        loop.soon(lambda: order.append("soon"))
        found = loop.call(lambda: order.append("call") or 7)
        order.append("outer")
        return found

    assert loop.call(outer) == 7
    assert order == ["soon", "call", "outer"]


def test_soon_does_not_wait(loop: Loop) -> None:
    """From another thread; calls keep their order."""
    may_go_on, order = threading.Event(), []
    loop.soon(lambda: may_go_on.wait(TIMEOUT_S))
    for number in range(5):
        loop.soon(lambda number=number: order.append(number))
    assert order == []
    may_go_on.set()
    assert loop.call(lambda: list(order)) == [0, 1, 2, 3, 4]


def test_a_coroutine_is_waited_for(loop: Loop) -> None:
    """In the calling thread; it may wait for another thread, which is over with the loop."""

    async def work() -> tuple[bool, bool]:
        return loop.is_here, await asyncio.to_thread(lambda: loop.is_here)

    assert loop.wait_for(work()) == (True, False)


def test_a_loop_that_was_given_is_used_and_goes_on() -> None:
    """It starts no thread, and ends nobody else's loop."""

    async def main() -> list[bool]:
        loop = Loop()
        loop.attach()
        assert loop.get() is asyncio.get_running_loop()
        found = [loop.is_here, loop.call(lambda: loop.is_here)]
        found.append(await asyncio.to_thread(lambda: loop.is_here))
        found.append(await asyncio.to_thread(loop.call, lambda: loop.is_here))
        assert front_threads() == []
        loop.end()
        await asyncio.to_thread(lambda: None)
        return found

    assert asyncio.run(main()) == [True, True, False, True]


def test_a_loop_is_chosen_once_and_before_it_is_used() -> None:
    """Else some calls would run beside others."""

    async def attach(loop: Loop) -> None:
        loop.attach()

    used = Loop()
    used.get()
    with pytest.raises(RuntimeError, match="before anything is run"):
        asyncio.run(attach(used))
    used.end()

    async def twice() -> None:
        loop = Loop()
        loop.attach()
        loop.attach()

    with pytest.raises(RuntimeError, match="before anything is run"):
        asyncio.run(twice())


def test_several_threads_start_one_loop() -> None:
    """Whoever comes first."""
    loop, start = Loop(), threading.Barrier(8)
    found: list[object] = []

    def ask() -> None:
        start.wait(TIMEOUT_S)
        found.append(loop.get())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_S)
    assert len(found) == 8
    assert len(set(map(id, found))) == len(front_threads()) == 1
    loop.end()
