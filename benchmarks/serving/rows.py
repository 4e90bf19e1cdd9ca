"""What one running `andon serve` holds, measured from outside: over HTTP, with /proc, with signals."""

import asyncio
import io
import os
import random
import signal
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from msgspec import Struct
from PIL import Image

import andon
from serving.client import Client
from serving.http_load import Load, Outcome, closed_loop, failed, in_turn, open_loop, percentile_ms, run_load, statuses
from serving.measures import Measure
from serving.servers import Server
from serving.side_by_side import running
from serving.tree import Tree, children
from serving.workload import Workload
from serving.wrk import CONNECTIONS, run_wrk

CAPACITY_S = 5.0
ALONE = 40
DEADLINE_MS = 1000
"""Of each request while three times the capacity is offered."""
WORKER = b"andon.engine.worker"
"""In the command line of a worker process."""


class Bench(Struct, frozen=True, kw_only=True):
    """A running service, and how long each part of a row lasts."""

    tree: Tree
    port: int
    server: Server
    work: Workload
    seconds: float
    soak_s: float

    def capacity(self) -> float:
        """Measure what wrk with 8 connections gets, in requests a second."""
        return run_wrk(self.port, self.server.api, self.work.photos, CAPACITY_S).rate

    def unloaded_p50_ms(self) -> float:
        """Ask about photos one at a time."""
        client = Client(self.port, self.server.api)
        found = statistics.median(client.waited_ms(photo) for photo in self.work.photos[:ALONE])
        client.close()
        return found

    def offer(self, rate: float, seconds: float, headers: dict[str, str] | None = None) -> list[Outcome]:
        """Offer photos at a rate in open loop."""
        return run_load(self.port, lambda load: open_loop(load, in_turn(self.work.photos), rate, seconds), headers)


def late(outcomes: list[Outcome]) -> str:
    """Tell how late the load itself was."""
    ordered = sorted(one.late_ms for one in outcomes)
    return f"the load was {ordered[int(0.99 * len(ordered))]:.1f} ms late at its p99"


def steady(bench: Bench) -> list[Measure]:
    """Open loop at 70 % of what it can."""
    alone_ms, rate = bench.unloaded_p50_ms(), 0.7 * bench.capacity()
    outcomes = bench.offer(rate, bench.seconds)
    p99 = percentile_ms(outcomes, 0.99)
    about = f"p99 {p99:.0f} ms, alone {alone_ms:.1f} ms, {rate:.0f}/s; {late(outcomes)}"
    return [
        Measure(what="70 % load: p99 / unloaded p50", value=p99 / alone_ms, must=4, reach=3, about=about),
        Measure(what="70 % load: errors", value=failed(outcomes), must=0, reach=0, about=statuses(outcomes)),
    ]


def overload(bench: Bench) -> list[Measure]:
    """Three times the capacity is offered, each request with a deadline."""
    capacity = bench.capacity()
    outcomes = bench.offer(3 * capacity, bench.seconds, {"X-Deadline-Ms": str(DEADLINE_MS)})
    answered = [one for one in outcomes if one.status == 200]
    in_time = [one for one in answered if one.latency_ms <= DEADLINE_MS]
    accepted = len(answered) + sum(one.status == 504 for one in outcomes)
    refused = [one for one in outcomes if one.status in {429, 503}]
    about = f"{statuses(outcomes)}; {late(outcomes)}"
    goodput = len(in_time) / bench.seconds / capacity
    share = 100 * len(in_time) / max(accepted, 1)
    return [
        Measure(what="3x: goodput / capacity", value=goodput, must=0.85, reach=0.93, is_floor=True, about=about),
        Measure(what="3x: refusal p99", value=percentile_ms(refused, 0.99), unit="ms", must=30, reach=10),
        Measure(what="3x: accepted in time", value=share, unit="%", must=99, reach=99.9, is_floor=True),
        Measure(what="3x: not answered", value=sum(one.status == 0 for one in outcomes), must=0, reach=0),
    ]


def forty_megapixels() -> bytes:
    """Encode a JPEG of 8000 x 5000 pixels: noise, enlarged."""
    noise = np.random.default_rng(40).integers(0, 256, (250, 400, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((8000, 5000), Image.Resampling.BICUBIC).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


def bad_images(bench: Bench) -> list[Measure]:
    """One image of 40 megapixels and a corrupt one are among 100, again and again, on 8 connections."""
    good = [("photo", photo) for photo in bench.work.photos]
    mixed = list(good)
    mixed[33], mixed[66] = ("large", forty_megapixels()), ("corrupt", good[66][1][:2000] + bytes(2000))

    def p99_of(bodies: list[tuple[str, bytes]]) -> tuple[float, list[Outcome]]:
        outcomes = run_load(
            bench.port, lambda load: closed_loop(load, cycle(bodies), CONNECTIONS, max(bench.seconds, 10))
        )
        return percentile_ms([one for one in outcomes if one.kind == "photo"], 0.99), outcomes

    pairs = [(p99_of(good), p99_of(mixed)) for _ in range(2)]
    ratios = [after / before for (before, _), (after, _) in pairs]
    outcomes = [one for _, (_, found) in pairs for one in found]
    wrong = failed([one for one in outcomes if one.kind != "corrupt"])
    wrong += sum(one.status != 400 for one in outcomes if one.kind == "corrupt")
    about = ", ".join(f"{before:.0f} -> {after:.0f} ms" for (before, _), (after, _) in pairs)
    return [
        Measure(
            what="large, corrupt: p99 of others",
            value=statistics.median(ratios),
            unit="x",
            must=2,
            reach=1.5,
            about=about,
        ),
        Measure(what="large, corrupt: wrong answers", value=wrong, must=0, reach=0, about=statuses(outcomes)),
    ]


def frame() -> bytes:
    """Encode a grey frame of a camera of 5 megapixels as uncompressed TIFF: 5 MB."""
    noise = np.random.default_rng(5).integers(0, 256, (256, 306), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((2448, 2048), Image.Resampling.BICUBIC).save(buffer, "TIFF")
    return buffer.getvalue()


def loaded(bench: Bench) -> andon.Model:
    """Load in this process what the service serves, with one thread."""
    served = bench.server.served
    if served is None:
        raise SystemExit(f"{bench.server.name} is not Andon")
    path = bench.work.folder / served.bundle
    return andon.load(path, runtime=served.runtime, precision=served.precision, threads=1, trust=served.trust)


def large_frame(bench: Bench) -> list[Measure]:
    """A frame of 5 MB over HTTP and in this process, in turns, one at a time."""
    model = loaded(bench)
    image, client = frame(), Client(bench.port, bench.server.api)
    pairs = []
    for _ in range(ALONE):
        over_http_ms = client.waited_ms(image)
        started = time.perf_counter()
        prediction = model.predict(image)
        pairs.append((over_http_ms, (time.perf_counter() - started) * 1e3))
        if prediction.error is not None:
            raise ValueError(f"the frame is not understood: {prediction.error}")
    client.close()
    over_ms, here_ms = (statistics.median(column) for column in zip(*pairs, strict=True))
    about = f"{over_ms:.1f} ms over HTTP, {here_ms:.1f} ms in-process; the last one {client.timing}"
    return [
        Measure(
            what="5 MB frame: p50 above in-process", value=over_ms - here_ms, unit="ms", must=8, reach=4, about=about
        )
    ]


def workers(tree: Tree) -> list[int]:
    """List the worker processes, which are children of the service, without those that are stopped."""
    return [pid for pid in children(tree.pid) if WORKER in _command(pid) and _state(pid) not in "TZ"]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


async def harass(bench: Bench, kind: signal.Signals, every_s: float, sent: list[int]) -> None:
    """Send a signal to some worker again and again, until cancelled."""
    chance = random.Random(9)  # noqa: S311 -- it chooses a victim, not a secret
    while True:
        await asyncio.sleep(every_s)
        if found := workers(bench.tree):
            sent.append(chance.choice(found))
            os.kill(sent[-1], kind)


def harassed(bench: Bench, kind: signal.Signals, every_s: float, must_p99: float | None) -> list[Measure]:
    """Half of the capacity is asked for while workers are ended or stopped, and before that in peace."""
    rate = 0.5 * bench.capacity()
    calm = bench.offer(rate, min(bench.seconds, 10))
    sent: list[int] = []

    async def go(load: Load) -> None:
        trouble = asyncio.create_task(harass(bench, kind, every_s, sent))
        try:
            await open_loop(load, in_turn(bench.work.photos), rate, max(bench.seconds, 4 * every_s))
        finally:
            trouble.cancel()

    outcomes = run_load(bench.port, go)
    ratio = percentile_ms(outcomes, 0.99) / percentile_ms(calm, 0.99)
    name = f"{kind.name} every {every_s:g} s"
    about = f"{len(sent)} sent, {statuses(outcomes)}; {rate:.0f}/s"
    worst = max(one.latency_ms for one in outcomes)
    p99s = f"p99 {percentile_ms(calm, 0.99):.0f} -> {percentile_ms(outcomes, 0.99):.0f} ms, most {worst:.0f} ms"
    return [
        Measure(what=f"{name}: failed", value=failed(outcomes) if sent else float("nan"), must=0, reach=0, about=about),
        Measure(
            what=f"{name}: p99 / p99 in peace",
            value=ratio,
            unit="x",
            must=must_p99 or float("inf"),
            reach=5,
            about=p99s,
        ),
    ]


def killed(bench: Bench) -> list[Measure]:
    """A worker gets SIGKILL every 2 s."""
    return harassed(bench, signal.SIGKILL, 2.0, None)


def stopped(bench: Bench) -> list[Measure]:
    """A worker gets SIGSTOP every 5 s."""
    return harassed(bench, signal.SIGSTOP, 5.0, None)


def soak(bench: Bench) -> list[Measure]:
    """A load of 90 % for long: how memory grows after the first minute, or the first tenth of a shorter run."""
    rate, after_s = 0.9 * bench.capacity(), min(60.0, bench.soak_s / 10)
    weights: list[tuple[float, int]] = []

    async def weigh() -> None:
        started_s = time.monotonic()
        while True:
            await asyncio.sleep(min(5.0, after_s / 4))
            weights.append((time.monotonic() - started_s, bench.tree.rss_bytes()))

    async def go(load: Load) -> None:
        scale = asyncio.create_task(weigh())
        try:
            await open_loop(load, in_turn(bench.work.photos), rate, bench.soak_s)
        finally:
            scale.cancel()

    outcomes = run_load(bench.port, go)
    late_ones = [size for at_s, size in weights if at_s >= after_s]
    quarter = max(1, len(late_ones) // 4)
    growth = 100 * (statistics.median(late_ones[-quarter:]) / statistics.median(late_ones[:quarter]) - 1)
    about = f"{late_ones[0] / 1e6:.0f} -> {late_ones[-1] / 1e6:.0f} MB in {bench.soak_s:g} s, {statuses(outcomes)}"
    return [Measure(what="90 % load: growth of memory", value=growth, unit="%", must=2, reach=1, about=about)]


ROWS: Mapping[str, Callable[[Bench], list[Measure]]] = {
    "steady": steady,
    "overload": overload,
    "bad-images": bad_images,
    "frame": large_frame,
    "kill": killed,
    "stop": stopped,
    "soak": soak,
}


def run_rows(names: Sequence[str], server: Server, work: Workload, seconds: float, soak_s: float) -> Iterator[Measure]:
    """Measure rows, each on a service of its own that has been run warm."""
    for name in names:
        print(f"{server.name}: {name}", file=sys.stderr, flush=True)
        with running(server, work) as (tree, port, _):
            bench = Bench(tree=tree, port=port, server=server, work=work, seconds=seconds, soak_s=soak_s)
            bench.capacity()
            yield from ROWS[name](bench)
