"""Rounds in which every server is started, checked, asked alone, loaded, weighed and ended, one after the other."""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from subprocess import CalledProcessError

from msgspec import Struct, field

from andon.programs import usable_port
from serving.client import Client, agreement
from serving.limit import Limit, measure_limit
from serving.servers import Server
from serving.tree import Tree, cpu_s
from serving.workload import Workload
from serving.wrk import run_wrk

START_S = 180.0
WARM_S = 2.0
PEERS_LIMIT = "litserve"
"""All peers run the same network, so one of them gives the environment of its limit."""
ALONE = 40
"""Requests of which each waits for the one before."""


class Round(Struct, frozen=True, kw_only=True):
    """What one server did in one round."""

    start_s: float
    """From the start of its process to its first right answer."""
    agreed: int
    """Photos, of all, whose label is that of eager PyTorch."""
    alone_p50_ms: float
    rate: float
    """Good answers a second."""
    p50_ms: float
    p99_ms: float
    errors: int
    cpu_ms: float
    """Milliseconds of core of all its processes for each answer."""
    front_ms: float
    """The part of it of the process that was started: in Andon the front, elsewhere whatever it does itself."""
    pss_mb: float
    """Proportional set size of all its processes, under load."""


@contextmanager
def running(server: Server, work: Workload) -> Iterator[tuple[Tree, int, float]]:
    """
    Run a server until it has answered the first photo.

    Yields:
        Its processes, its port, and the seconds that its start took.

    Raises:
        RuntimeError: It ended, or gave no good answer; the end of its log is told.
    """
    with tempfile.TemporaryDirectory(prefix="serving-") as name:
        port, log = usable_port(0), Path(name, "log")
        command = server.arguments(port, work)
        started = time.perf_counter()
        with Tree(command, server.variables_for(port, work), log, Path(name)) as tree:
            client = Client(port, server.api)
            while client.label_or_none(work.photos[0]) is None:
                if not tree.is_running or time.perf_counter() - started > START_S:
                    raise RuntimeError(f"{server.name} does not serve: {log.read_text(errors='replace')[-3000:]}")
                time.sleep(0.02)
            client.close()
            yield tree, port, time.perf_counter() - started


def measure(server: Server, work: Workload, seconds: float) -> Round:
    """Measure one server once."""
    with running(server, work) as (tree, port, start_s):
        client = Client(port, server.api)
        agreed = agreement(client, work.photos, work.expected)
        run_wrk(port, server.api, work.photos, WARM_S)
        alone = [client.waited_ms(photo) for photo in work.photos[:ALONE]]
        before_s, front_s = tree.cpu_s(), cpu_s(tree.pid)
        counted = run_wrk(port, server.api, work.photos, seconds)
        used_s, front_s, pss = tree.cpu_s() - before_s, cpu_s(tree.pid) - front_s, tree.pss_bytes()
        client.close()
    return Round(
        start_s=start_s,
        agreed=agreed,
        alone_p50_ms=statistics.median(alone),
        rate=counted.rate,
        p50_ms=counted.p50_ms,
        p99_ms=counted.p99_ms,
        errors=counted.errors,
        cpu_ms=1e3 * used_s / max(counted.answers, 1),
        front_ms=1e3 * front_s / max(counted.answers, 1),
        pss_mb=pss / 1e6,
    )


class Compared(Struct, kw_only=True):
    """What all rounds found, by the names of servers."""

    rounds: dict[str, list[Round]] = field(default_factory=dict)
    limits: dict[str, list[Limit]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    """Why a server that does not serve here is left out."""


def compare(servers: Sequence[Server], work: Workload, rounds: int, seconds: float) -> Compared:
    """Measure all servers in turn, each beside the in-process limit of its execution, again and again."""
    found = Compared()
    for number in range(rounds):
        for server in servers:
            if server.name not in found.left_out:
                print(f"round {number + 1} of {rounds}: {server.name}", file=sys.stderr, flush=True)
                note(found, server, work, seconds)
    for name in found.left_out:
        found.rounds.pop(name, None)
        found.limits.pop(name, None)
    return found


def note(found: Compared, server: Server, work: Workload, seconds: float) -> None:
    """Measure one server and its limit; one that cannot be installed or does not serve is left out, and it is told."""
    try:
        found.rounds.setdefault(server.name, []).append(measure(server, work, seconds))
        if server.kind == "andon" or server.name == PEERS_LIMIT:
            found.limits.setdefault(server.name, []).append(measure_limit(server, work, seconds / 2))
    except (RuntimeError, ValueError, OSError, HTTPException, CalledProcessError) as error:
        found.left_out[server.name] = str(error)
        print(f"  left out: {error}", file=sys.stderr, flush=True)
