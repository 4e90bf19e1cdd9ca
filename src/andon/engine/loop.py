"""An event loop that may be somebody else's: what runs in it is called from any thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import partial
from typing import Any, TypeVar

_Result = TypeVar("_Result")


class LoopEndedError(RuntimeError):
    """Nothing is run any more."""


class Loop:
    """
    Runs everything in one thread: that of a loop that was given, or one of its own, which starts when it is needed.

    What only ever runs there needs no lock.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._thread_id: int | None = None
        self._has_ended = False

    def attach(self) -> None:
        """Use the running loop of the calling thread; nothing may have been run before."""
        with self._lock:
            if self._loop is not None:
                raise RuntimeError("a loop is chosen before anything is run in it")
            self._loop, self._thread_id = asyncio.get_running_loop(), threading.get_ident()

    def get(self) -> asyncio.AbstractEventLoop:
        """Give the loop; start one where there is none."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="andon-front", daemon=True)
                self._thread.start()
                self._thread_id = self._thread.ident
            return self._loop

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is that of the loop."""
        return threading.get_ident() == self._thread_id

    def soon(self, call: Callable[[], object]) -> None:
        """Run a call in the thread of the loop: at once where that is the calling one, else soon."""
        if self.is_here:
            call()
        else:
            self._put(call)

    def call(self, call: Callable[[], _Result]) -> _Result:
        """Run a call in the thread of the loop, and give what it returns or raises."""
        if self.is_here:
            return call()
        result: Future[_Result] = Future()
        self._put(partial(_settle, result, call))
        try:
            return result.result()
        finally:
            # An error refers to this frame, which must not refer to it: only the collector would free what it is about.
            del result

    def _put(self, call: Callable[[], object]) -> None:
        """Have a call run in the thread of the loop; what is put before the loop ends is run."""
        loop = self.get()
        with self._lock:
            if self._has_ended or loop.is_closed():
                raise LoopEndedError("the loop has ended")
            loop.call_soon_threadsafe(call)

    def wait_for(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the loop, and wait for it in the calling thread, which must be another one."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.get()).result()

    def end(self) -> None:
        """End a loop of its own, and its thread; one that was given goes on."""
        if self._thread is not None and self._loop is not None:
            self.wait_for(self._loop.shutdown_default_executor())
            with self._lock:
                self._has_ended = True
                self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()


def _settle(result: Future[_Result], call: Callable[[], _Result]) -> None:
    """Set what a call returns or raises."""
    try:
        result.set_result(call())
    except BaseException as error:  # noqa: BLE001 -- raised again where it was called
        result.set_exception(error)
    finally:
        del result  # as above
