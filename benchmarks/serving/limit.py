"""The in-process limit: a process a core, of one compute thread each, that decodes, prepares and infers; no server."""

import json
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack

from msgspec import Struct

from andon.bundle.archive import read_bundle
from andon.machine import available_cores
from serving.servers import HERE, ONE_THREAD, Server
from serving.workload import Workload

BATCHES = (1, 4, 8)
TORCH = ("limit_torch.py",)


class Timed(Struct, frozen=True, kw_only=True):
    """What one process tells."""

    photos: int
    seconds: float
    cpu_s: float
    p50_ms: float
    """Of one batch."""


class Limit(Struct, frozen=True, kw_only=True):
    """What the form of use that is the limit of one server reached in one round."""

    rates: dict[str, float]
    """Photos a second of all processes, by the size of a batch."""
    cpu_ms: dict[str, float]
    """Milliseconds of core a photo, by the size of a batch."""
    alone_p50_ms: float
    """One photo after the other in one process, while nothing else runs."""


def program(server: Server, work: Workload) -> tuple[str, ...]:
    """Give the program that does in-process what a server does; that of the peers is the same for all of them."""
    if server.served is None:
        return TORCH
    bundle = work.folder / server.served.bundle
    first = read_bundle(bundle).manifest.executions[0]
    runtime, precision = server.served.runtime or first.runtime, server.served.precision or first.precision
    return ("limit_andon.py", str(bundle), runtime, precision)


def timed_process(command: Sequence[str], variables: dict[str, str]) -> "subprocess.Popen[str]":
    """Start one process, to which one can speak."""
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env=variables, text=True, stdin=pipe, stdout=pipe, stderr=pipe)


def run_processes(count: int, command: Sequence[str], variables: dict[str, str]) -> list[Timed]:
    """
    Run a timed loop in several processes that begin together.

    Raises:
        RuntimeError: One of them ended; the end of what it said is told.
    """
    with ExitStack() as stack:
        processes = [stack.enter_context(timed_process(command, variables)) for _ in range(count)]
        for process in processes:
            if process.stdout is None or process.stdout.readline() != "ready\n":
                raise RuntimeError(f"{command} did not begin: {process.communicate()[1][-2000:]}")
        for process in processes:
            if process.stdin is not None:
                process.stdin.write("go\n")
                process.stdin.flush()
        return [Timed(**json.loads(process.communicate()[0])) for process in processes]


def measure_limit(server: Server, work: Workload, seconds: float) -> Limit:
    """Measure one form with every size of batch, and one photo at a time."""
    first, *rest = program(server, work)
    command = [str(server.python()), str(HERE / first), *rest]
    variables = {**server.variables_for(0, work), **ONE_THREAD}

    def timed(count: int, size: int) -> list[Timed]:
        return run_processes(count, [*command, str(size), str(seconds)], variables)

    found = {str(size): timed(available_cores(), size) for size in BATCHES}
    return Limit(
        rates={size: sum(one.photos / one.seconds for one in many) for size, many in found.items()},
        cpu_ms={
            size: 1e3 * sum(one.cpu_s for one in many) / sum(one.photos for one in many) for size, many in found.items()
        },
        alone_p50_ms=timed(1, 1)[0].p50_ms,
    )
