"""How a coroutine waits for futures of an engine, at little cost where it is answered in the loop's own thread."""

import asyncio
import contextlib
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any


class Wait:
    """
    One wait in a coroutine, which `end` ends from any thread.

    In the thread of the event loop that is a plain call, so an engine that answers there wakes nothing
    up; from any other thread the loop is woken, as `asyncio.wrap_future` has it for every future.
    To be made in the event loop, and awaited once.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._ended: asyncio.Future[None] = self._loop.create_future()

    async def until_ended(self) -> None:
        """Wait; where it was ended before, not at all."""
        await self._ended

    def end(self) -> None:
        """End it; where it has ended, was cancelled, or lost its loop, nothing happens."""
        if threading.get_ident() == self._thread:
            self._end_here()
        elif not self._ended.done():
            with contextlib.suppress(RuntimeError):  # the loop is closed, and nobody waits
                self._loop.call_soon_threadsafe(self._end_here)

    def _end_here(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)


def end_once_all_are_done(wait: Wait, futures: Sequence[Future[Any]]) -> None:
    """
    End a wait once all of some futures are done, in whatever order and from whatever threads.

    Args:
        wait: Ended in the thread of the last one, or now.
        futures: At least one; that they raise or are cancelled counts as done.
    """

    def end_if_last(_: Future[Any]) -> None:
        if all(future.done() for future in futures):
            wait.end()

    for future in futures:
        future.add_done_callback(end_if_last)
