"""A coroutine waits for futures of an engine, whoever answers them."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future

import pytest

from andon.web.waiting import Wait, end_once_all_are_done
from tests.support.waiting import TIMEOUT_S


def wake_ups(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Note each time that a loop is woken from outside."""
    found: list[object] = []
    call_soon = loop.call_soon_threadsafe

    def noted(callback: Callable[..., object], *args: object, **how: object) -> object:
        found.append(callback)
        return call_soon(callback, *args, **how)  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(loop, "call_soon_threadsafe", noted)
    return found


def elsewhere(work: Callable[[], object]) -> None:
    """Do something in another thread, and see its end."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_an_end_in_the_loop_wakes_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that answers there is waited for at the price of a call."""

    async def wait() -> list[object]:
        loop = asyncio.get_running_loop()
        found = wake_ups(loop, monkeypatch)
        waiting = Wait()
        loop.call_soon(waiting.end)
        await waiting.until_ended()
        return found

    assert asyncio.run(wait()) == []


def test_an_end_in_another_thread_wakes_the_loop() -> None:
    """It is not left to sleep until something else happens."""

    async def wait() -> None:
        waiting = Wait()
        thread = threading.Thread(target=waiting.end)
        asyncio.get_running_loop().call_soon(thread.start)
        async with asyncio.timeout(TIMEOUT_S):
            await waiting.until_ended()
        thread.join()

    # A loop that is debugged refuses to be touched from another thread.
    asyncio.run(wait(), debug=True)


def test_what_has_ended_before_is_not_waited_for() -> None:
    """Here or elsewhere, once or several times."""

    async def wait(end: Callable[[Callable[[], object]], None]) -> None:
        waiting = Wait()
        end(waiting.end)
        end(waiting.end)
        await waiting.until_ended()
        waiting.end()

    asyncio.run(wait(lambda end: end()))
    asyncio.run(wait(elsewhere))


def test_a_wait_that_is_over_may_be_ended_from_anywhere() -> None:
    """It was cancelled, or its loop is no more: whoever answers is not troubled."""
    waits: list[Wait] = []

    async def give_up() -> None:
        waits.append(Wait())
        task = asyncio.create_task(waits[0].until_ended())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        waits[0].end()
        elsewhere(waits[0].end)
        waits.append(Wait())

    asyncio.run(give_up())
    for waiting in waits:
        elsewhere(waiting.end)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_several_futures_are_waited_for_until_the_last(order: tuple[int, ...]) -> None:
    """One that is cancelled, or raises, is done as well."""

    async def wait() -> list[bool]:
        futures: list[Future[int]] = [Future() for _ in order]
        waiting = Wait()
        end_once_all_are_done(waiting, futures)
        task = asyncio.create_task(waiting.until_ended())
        ends = [futures[0].cancel, lambda: futures[1].set_exception(ValueError()), lambda: futures[2].set_result(1)]
        found = []
        for number in order:
            ends[number]()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            found.append(task.done())
        return found

    assert asyncio.run(wait()) == [False, False, True]


def test_futures_that_are_done_already_end_the_wait_at_once() -> None:
    """Nobody would call again."""
    future: Future[int] = Future()
    future.set_result(1)

    async def wait() -> None:
        waiting = Wait()
        end_once_all_are_done(waiting, [future])
        await waiting.until_ended()

    asyncio.run(wait())
