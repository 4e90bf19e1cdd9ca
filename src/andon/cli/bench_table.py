"""A report of `andon bench run` as tables for people."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from andon.cli.output import write, write_table
from andon.cli.words import count_in_words, size_in_words

if TYPE_CHECKING:
    from andon.bench.report import Report

_PERCENTILES = ("min", "p50", "p75", "p90", "p95", "p99", "p99_9", "max")


def write_report(report: "Report") -> None:
    """Write what was measured, how it went, and where the service says that the time went."""
    write_table(("", ""), [*_setting(report), *_result(report)])
    latency = report.latency_ms
    if latency is not None:
        names = [name.replace("_", ".") for name in _PERCENTILES]
        write("\n")
        write_table(
            ("latency, ms", *names), [["", *(_ms(getattr(latency, name)) for name in _PERCENTILES)]], right=names
        )
    if report.server_ms:
        stages = list(report.server_ms)
        rows = [[name, *(_ms(getattr(report.server_ms[stage], name)) for stage in stages)] for name in ("p50", "p99")]
        write("\n")
        write_table((_SPLIT[report.target.kind], *stages), rows, right=stages)
    if report.errors:
        write("\n")
        write_table(
            ("errors", "count"), [(kind, f"{count:,}") for kind, count in report.errors.items()], right=("count",)
        )


_SPLIT = {"service": "in the service, ms", "in-process": "by stage, ms"}


def _setting(report: "Report") -> Iterator[tuple[str, str]]:
    target, plan, machine = report.target, report.plan, report.machine
    devices = ", ".join(target.devices)
    yield "measured", f"{' '.join(filter(None, (target.model, target.version)))} at {target.address}"
    yield "runs on", " ".join(word for word in (target.runtime, target.precision, devices) if word)
    if plan.is_open:
        load = f"open loop, {plan.rate:g} a second, {plan.arrivals}, at most {plan.connections:,} in flight"
    elif target.settings:
        load = ", ".join(f"{name} {value}" for name, value in target.settings.items())
    else:
        load = f"closed loop, {count_in_words(plan.connections, 'connection')}"
    yield "load", f"{load}; {count_in_words(report.images, 'image')} in turn"
    yield "time", f"{report.measured_s:g} s after {plan.warm_up_s:g} s of warm-up, from {report.began}"
    yield (
        "machine",
        f"{machine.processor}, {count_in_words(machine.cores, 'core')}, load before {machine.load_before:g}",
    )


def _result(report: "Report") -> Iterator[tuple[str, str]]:
    count, generator = report.requests, report.generator
    yield "throughput", f"{report.throughput_per_s:,.5g} good answers a second"
    if report.plan.deadline_ms is not None:
        share = report.in_time / report.measured if report.measured else 0.0
        yield "in time", f"{report.goodput_per_s:,.5g} a second, {share:.3%} of all requests"
    yield (
        "bytes",
        (
            f"{size_in_words(round(report.sent_bytes_per_s))} a second sent, "
            f"{size_in_words(round(report.received_bytes_per_s))} received"
        ),
    )
    yield (
        "requests",
        (
            f"{report.measured:,} measured, {report.ok:,} good; of all: {count.sent:,} sent, "
            f"{count.answered:,} answered, {count.failed:,} failed, {count.missing:,} missing, "
            f"{count.doubled:,} doubled"
        ),
    )
    labels = [f"{label} {times:,}" for label, times in list(report.labels.items())[:3]]
    more = report.label_count - len(labels)
    yield "labels", ", ".join([*labels, *([f"{more:,} more"] if more > 0 else [])]) or "none"
    yield (
        "generator" if report.target.kind == "service" else "CPU time",
        (
            f"{generator.cpu_share:.0%} of a core"
            + (
                f", late by {_ms(generator.late_ms_p99)} ms (p99), {_ms(generator.late_ms_max)} ms (max)"
                if report.plan.is_open
                else ""
            )
        ),
    )


def _ms(value: float) -> str:
    """
    Give milliseconds in three digits.

    >>> _ms(0.01234), _ms(12.345), _ms(1234.5)
    ('0.0123', '12.3', '1,234')
    """
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
