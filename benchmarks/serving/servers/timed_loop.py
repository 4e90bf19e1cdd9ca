"""A loop that says `ready`, waits for a line, and runs batches of photos for some seconds: the in-process limit."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import itertools
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

WARM_RUNS = 5


def run_timed(run: Callable[[Sequence[bytes]], object]) -> None:
    """
    Measure in this process; `SIZE SECONDS` are the last two arguments.

    Args:
        run: Decodes, prepares and infers a batch of photos.
    """
    size, seconds = int(sys.argv[-2]), float(sys.argv[-1])
    photos = [path.read_bytes() for path in sorted(Path(os.environ["WORKLOAD"], "photos").iterdir())]
    endless = itertools.cycle(photos)
    batches = iter(lambda: list(itertools.islice(endless, size)), [])
    for _ in range(WARM_RUNS):
        run(next(batches))
    print("ready", flush=True)
    sys.stdin.readline()
    used_s, waited_s = time.process_time(), [time.perf_counter()]
    while waited_s[-1] - waited_s[0] < seconds:
        run(next(batches))
        waited_s.append(time.perf_counter())
    runs = [after - before for before, after in itertools.pairwise(waited_s)]
    told = {
        "photos": len(runs) * size,
        "seconds": waited_s[-1] - waited_s[0],
        "cpu_s": time.process_time() - used_s,
        "p50_ms": statistics.median(runs) * 1e3,
    }
    print(json.dumps(told), flush=True)
