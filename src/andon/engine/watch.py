"""How long the steps of a worker take, seen from another thread: a step that does not end is how a worker hangs."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Watch:
    """
    Remembers when each thread began its step; may be used from several threads at once.

    Args:
        clock: Gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: dict[int, float] = {}
        self.usual_s = 0.0
        """Seconds that the longest step so far has taken."""

    @contextmanager
    def step(self) -> Iterator[None]:
        """Watch over what is done in the block, in the calling thread."""
        thread = threading.get_ident()
        self._began[thread] = self._clock()
        try:
            yield
        finally:
            self._note(self._began.pop(thread))

    def go_on(self) -> None:
        """Begin the next part of a step of the calling thread, so that each counts by itself."""
        thread = threading.get_ident()
        if thread in self._began:
            self._note(self._began[thread])
            self._began[thread] = self._clock()

    def _note(self, began: float) -> None:
        self.usual_s = max(self.usual_s, self._clock() - began)

    def busy_s(self) -> float:
        """Give the seconds for which the step that began first has been going on; 0 where there is none."""
        # The threads go on meanwhile; a copy of the values is made in one step of the interpreter.
        return max((self._clock() - began for began in list(self._began.values())), default=0.0)
