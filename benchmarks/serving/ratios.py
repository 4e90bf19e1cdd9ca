"""The ratios that are to be reached, from what servers and limits did in one run; nothing is measured here."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from serving.measures import Measure
from serving.report import LimitRow, Row

OPTIMIZED = ("andon-optimized", "andon-openvino-bf16")
"""What counts as optimised: the first of these that was measured."""


class Bounds(NamedTuple):
    """What must be, and what should be reached."""

    must: float
    reach: float


THROUGHPUT_FP32 = Bounds(0.93, 0.95)
THROUGHPUT_LESS = Bounds(0.85, 0.95)
"""Of a precision below fp32, where the graph takes less and everything else weighs more."""
SEED, TUNED = Bounds(25, 45), Bounds(4.0, 4.8)
BEST_PEER, SAME_MODEL = Bounds(2.8, 3.3), Bounds(1.1, 1.2)
LATENCY, OVER_HTTP_MS, CORE_MS, MEMORY = Bounds(0.35, 0.28), Bounds(1.5, 1.0), Bounds(0.5, 0.3), Bounds(0.5, 0.3)


def floor(what: str, value: float, bounds: Bounds, about: str = "") -> Measure:
    """Describe a number that should be high."""
    return Measure(what=what, value=value, must=bounds.must, reach=bounds.reach, is_floor=True, about=about)


def ceiling(what: str, value: float, bounds: Bounds, about: str = "", unit: str = "") -> Measure:
    """Describe a number that should be low."""
    return Measure(what=what, value=value, unit=unit, must=bounds.must, reach=bounds.reach, about=about)


def against_limit(row: Row, limit: LimitRow) -> Iterator[Measure]:
    """Compare one form of Andon with the same execution in-process."""
    bounds = THROUGHPUT_LESS if "bf16" in row.name or "optimized" in row.name else THROUGHPUT_FP32
    by_cores = f"{limit.cpu_ms / row.cpu_ms:.2f} by core time"
    rates = f"{row.rate:.0f} of {limit.rate:.0f}/s in-process, batch {limit.batch}; {by_cores}"
    yield floor(f"{row.name}: throughput / in-process limit", row.rate / limit.rate, bounds, rates)
    cores = f"{row.cpu_ms:.2f}, of which {row.front_ms:.2f} in the front, and {limit.cpu_ms:.2f} ms"
    yield ceiling(f"{row.name}: core time above in-process", row.cpu_ms - limit.cpu_ms, CORE_MS, cores, "ms")
    alone = f"{row.alone_p50_ms:.1f} and {limit.alone_p50_ms:.1f} ms"
    difference = row.alone_p50_ms - limit.alone_p50_ms
    yield ceiling(f"{row.name}: p50 alone above in-process", difference, OVER_HTTP_MS, alone, "ms")


def against_others(rows: Mapping[str, Row]) -> Iterator[Measure]:
    """Compare Andon with the seed's server and with the best of the peers."""
    best = next((rows[name] for name in OPTIMIZED if name in rows), None)
    for name, bounds in (("seed", SEED), ("seed-tuned", TUNED)):
        if best and name in rows:
            yield floor(f"{best.name} / {name}: throughput", best.rate / max(rows[name].rate, 0.01), bounds)
    peers = [row for row in rows.values() if row.kind == "peer"]
    if not peers:
        return
    fastest, soonest = max(peers, key=lambda row: row.rate), min(peers, key=lambda row: row.alone_p50_ms)
    least = min(peers, key=lambda row: row.pss_mb)
    if best:
        yield floor(f"{best.name} / {fastest.name}: throughput", best.rate / fastest.rate, BEST_PEER)
        yield ceiling(f"{best.name} / {soonest.name}: p50 alone", best.alone_p50_ms / soonest.alone_p50_ms, LATENCY)
        yield ceiling(f"{best.name} / {least.name}: memory", best.pss_mb / least.pss_mb, MEMORY)
    if "andon-torch" in rows:
        yield floor(f"andon-torch / {fastest.name}: throughput", rows["andon-torch"].rate / fastest.rate, SAME_MODEL)


def ratios(rows: Sequence[Row], limits: Sequence[LimitRow]) -> list[Measure]:
    """Give all ratios that these measurements allow."""
    by_name, limit_of = {row.name: row for row in rows}, {limit.name: limit for limit in limits}
    found = [
        one
        for row in rows
        if row.kind == "andon" and row.name in limit_of
        for one in against_limit(row, limit_of[row.name])
    ]
    return found + list(against_others(by_name))
