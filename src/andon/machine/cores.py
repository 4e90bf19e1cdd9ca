"""How many threads it pays to compute with: the cores that this process may use, less where its time is limited."""

import math
import os

from andon.machine.cgroup import cpu_limit, read_file


def available_cores() -> int:
    """
    Count the threads that can compute at once without being stopped by the kernel, 1 or more.

    It asks for the cores that this process may run on, and for the CPU quota of its container.
    """
    return usable_cores(len(os.sched_getaffinity(0)), cpu_limit(read_file))


def usable_cores(allowed: int, limit: float | None) -> int:
    """
    Count the threads that can compute at once.

    A quota is time, not cores, and is rounded down. With 1.5 CPUs two threads have used up the 150
    ms of a period of 100 ms after 75 ms, and then both stand still for 25: every fourth answer is
    late. One thread never stands still, and leaves the rest to decoding and HTTP.

    Args:
        allowed: Cores that the process may run on.
        limit: CPUs' worth of time; None for no limit.

    >>> usable_cores(64, 1.5), usable_cores(2, 8.0), usable_cores(4, 0.2), usable_cores(4, None)
    (1, 2, 1, 4)
    """
    return allowed if limit is None else max(1, min(allowed, math.floor(limit)))
