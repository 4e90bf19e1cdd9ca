"""What an action takes of memory, told apart from what the interpreter happens to take meanwhile."""

import tracemalloc
from collections.abc import Callable

TRIES = 3


def require_peak_below(limit_bytes: int, act: Callable[[], object]) -> None:
    """
    Require that an action takes less memory than a limit, beyond what was held before.

    It may try again: the first time makes what is kept for later, and now and then a table of the
    interpreter grows, such as that of the interned strings, which is megabytes in a long test run.

    Raises:
        AssertionError: It took as much or more each time.
    """
    peaks = []
    while len(peaks) < TRIES:
        peaks.append(_peak_bytes(act))
        if peaks[-1] < limit_bytes:
            return
    raise AssertionError(f"it took {min(peaks)} bytes, expected less than {limit_bytes}")


def _peak_bytes(act: Callable[[], object]) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        act()
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()
