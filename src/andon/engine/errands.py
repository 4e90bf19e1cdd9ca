"""A thread that does one thing after the other, and is there only once it is needed."""

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue


class Errands:
    """
    Runs calls in a thread of its own, in their order; may be used from several threads at once.

    Args:
        name: Of the thread, which is a daemon.
        when_failed: Called where a call raises all the same; the thread has ended then, and is not started again.
        niceness: How far it steps back behind threads that want the processor too, 0 to 19. With 5
            it gets a quarter of a core that another thread wants, with 10 a tenth (sched(7)).
    """

    def __init__(self, name: str, when_failed: Callable[[], object], *, niceness: int = 0) -> None:
        self._name = name
        self._when_failed = when_failed
        self._niceness = niceness
        self._calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._lock = threading.Lock()
        self._is_started = False

    def put(self, call: Callable[[], None]) -> None:
        """Run a call, which must not raise, after those before it."""
        self._calls.put(call)
        self.start()

    def start(self) -> None:
        """Start the thread if there is none; it steps back no less than the calling thread does."""
        with self._lock:
            if not self._is_started:
                self._is_started = True
                threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def _work(self) -> None:
        if self._niceness:
            # Linux keeps it for each thread, whatever POSIX says: setpriority(2), C library differences.
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), self._niceness)
        try:
            while True:
                call = self._calls.get()
                call()
                # While it waits for the next, it must not keep the image of the last in memory.
                del call
        finally:
            self._when_failed()
