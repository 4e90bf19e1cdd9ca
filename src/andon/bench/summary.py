"""From what was recorded to the report: percentiles, rates, the time line. Pure."""

from collections.abc import Mapping

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from numpy.typing import NDArray

from andon.bench.doubts import doubts_of
from andon.bench.ledger import Count
from andon.bench.outcome import STAGES
from andon.bench.plan import LoadPlan
from andon.bench.records import Table
from andon.bench.report import Generator, Latency, Machine, Report, Second, Spread, Target

PERCENTILES = (0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 75, 80, 85, 90, 92.5, 95, 97, 98, 99, 99.5, 99.7, 99.9)
"""Those of the plot; higher ones are there where there are enough answers to tell."""
_HIGHER = ((99.95, 2_000), (99.99, 10_000), (99.999, 100_000))
MAX_PIECES = 120
"""Into how many pieces the time is cut at most."""
_MOST_LABELS = 10
_SHORTEST_S = 1e-3
"""What nothing is divided by less than, where a measurement was interrupted at once."""

Floats = NDArray[np.float64]


class Run(Struct, frozen=True, kw_only=True, eq=False):
    """What one measurement brought, and around it."""

    table: Table
    count: Count
    ended_s: float
    """When no further request was sent, in seconds from the start."""
    cpu_s: float
    """CPU time of the generator until then."""
    unsent: int = 0
    """Open loop: requests that were due before the end, and that found no free place until then."""
    held_back: int = 0
    """Open loop: requests that were sent late because as many were in flight as may be."""
    interrupted: bool = False


class Setting(Struct, frozen=True, kw_only=True):
    """What a run was, and where."""

    began: str
    command: str
    target: Target
    plan: LoadPlan
    machine: Machine
    images: int


def summarise(run: Run, setting: Setting) -> Report:
    """
    Make the report.

    A request belongs to the measurement where it was due after the warm-up. Throughput counts the good
    answers that were there within the time measured, whenever they were due.
    """
    table, plan = run.table, setting.plan
    begin, end = min(plan.warm_up_s, run.ended_s), run.ended_s
    measured_s = max(end - begin, _SHORTEST_S)
    due = table.due_s >= begin
    ok = due & table.is_ok
    there = table.is_ok & (table.done_s >= begin) & (table.done_s < end)
    in_time = table.latency_ms <= (np.inf if plan.deadline_ms is None else plan.deadline_ms)
    labels = _by_frequency(table.label[ok], table.labels)
    latency = np.sort(table.latency_ms[ok])
    late = np.sort((table.sent_s - table.due_s)[due] * 1e3)
    report = Report(
        began=setting.began,
        command=setting.command,
        target=setting.target,
        plan=plan,
        machine=setting.machine,
        measured_s=round(measured_s, 3),
        interrupted=run.interrupted,
        requests=run.count,
        measured=int(due.sum()),
        ok=int(ok.sum()),
        in_time=int((ok & in_time).sum()),
        errors=_by_frequency(table.kind[due & ~table.is_ok].astype(np.int32), table.kinds),
        throughput_per_s=rounded(there.sum() / measured_s),
        goodput_per_s=rounded((there & in_time).sum() / measured_s),
        sent_bytes_per_s=rounded(table.sent[there].sum() / measured_s),
        received_bytes_per_s=rounded(table.received[there].sum() / measured_s),
        latency_ms=_latency(latency) if latency.size else None,
        percentiles=_curve(latency),
        server_ms=_server(table.stages_ms[ok]),
        timeline=_timeline(table, begin, end),
        labels=dict(list(labels.items())[:_MOST_LABELS]),
        label_count=len(labels),
        images=setting.images,
        generator=Generator(
            late_ms_p99=percentile(late, 99) if late.size else 0.0,
            late_ms_max=percentile(late, 100) if late.size else 0.0,
            held_back=run.held_back,
            unsent=run.unsent,
            cpu_share=rounded(run.cpu_s / max(run.ended_s, _SHORTEST_S)),
        ),
        warnings=(),
    )
    return _with_warnings(report)


def _with_warnings(report: Report) -> Report:
    return replace(report, warnings=tuple(doubt.english for doubt in doubts_of(report)))


def rounded(value: float) -> float:
    """Keep five digits; more are noise."""
    return float(f"{value:.5g}")


def percentile(ascending: Floats, percent: float) -> float:
    """
    Give the smallest value that so many percent do not exceed, which is one that occurred.

    Args:
        ascending: (n,), n > 0.
        percent: 0-100.

    >>> percentile(np.array([1.0, 2.0, 3.0, 10.0]), 75), percentile(np.array([1.0, 2.0, 3.0, 10.0]), 99.9)
    (3.0, 10.0)
    """
    place = int(np.ceil(ascending.size * percent / 100 - 1e-9)) - 1
    return rounded(float(ascending[max(place, 0)]))


def _latency(ascending: Floats) -> Latency:
    return Latency(
        min=rounded(float(ascending[0])),
        mean=rounded(float(ascending.mean())),
        max=rounded(float(ascending[-1])),
        p99_9=percentile(ascending, 99.9),
        **{f"p{percent}": percentile(ascending, percent) for percent in (50, 75, 90, 95, 99)},
    )


def _curve(ascending: Floats) -> tuple[tuple[float, float], ...]:
    if not ascending.size:
        return ()
    higher = [percent for percent, needed in _HIGHER if ascending.size >= needed]
    return tuple((percent, percentile(ascending, percent)) for percent in (*PERCENTILES, *higher, 100))


def _server(stages_ms: NDArray[np.float32]) -> dict[str, Spread]:
    told = np.sort(stages_ms[~np.isnan(stages_ms[:, 0])].astype(np.float64), axis=0)
    if not len(told):
        return {}
    return {
        stage: Spread(p50=percentile(told[:, place], 50), p99=percentile(told[:, place], 99))
        for place, stage in enumerate(STAGES)
    }


def _by_frequency(places: NDArray[np.int32], names: tuple[str, ...]) -> dict[str, int]:
    """Count by name, the most frequent first; places below 0 stand for none."""
    found, counts = np.unique(places[places >= 0], return_counts=True)
    named: Mapping[str, int] = {names[place]: int(count) for place, count in zip(found, counts, strict=True)}
    return dict(sorted(named.items(), key=lambda item: (-item[1], item[0])))


def _timeline(table: Table, begin: float, end: float) -> tuple[Second, ...]:
    """Cut the time into pieces of a second, or longer ones where there would be too many; the last may be shorter."""
    piece = max(1.0, float(np.ceil((end - begin) / MAX_PIECES)))
    edges = np.append(np.arange(begin, end - piece * 0.25, piece), end)
    place = np.searchsorted(edges, table.done_s, side="right") - 1
    return tuple(
        _second(table, place == number, edges[number] - begin, edges[number + 1] - edges[number])
        for number in range(len(edges) - 1)
    )


def _second(table: Table, here: NDArray[np.bool_], at_s: float, length_s: float) -> Second:
    ok = here & table.is_ok
    latency = np.sort(table.latency_ms[ok])
    return Second(
        at_s=round(float(at_s), 3),
        ok_per_s=rounded(ok.sum() / max(length_s, 1e-9)),
        errors_per_s=rounded((here & ~table.is_ok).sum() / max(length_s, 1e-9)),
        p50_ms=percentile(latency, 50) if latency.size else None,
        p99_ms=percentile(latency, 99) if latency.size else None,
    )
