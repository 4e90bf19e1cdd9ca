"""The table of a measurement."""

import pytest
from msgspec.structs import replace

from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from andon.bench.report import Report
from andon.cli.bench_table import write_report
from tests.support.reports import TARGET, records, report


def written(shown: Report, capsys: pytest.CaptureFixture[str]) -> str:
    """Write a report and give what was written."""
    write_report(shown)
    return capsys.readouterr().out


def test_the_closed_loop_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    """What, how, how much, how fast, and where the time went."""
    shown = written(report(), capsys)
    for said in (
        "parts at http://x",
        "onnxruntime fp32",
        "closed loop, 4 connections; 3 images in turn",
        "Abacus 9, 4 cores",
        "199.7 good answers a second",
        "199.7 kB a second sent, 20.0 kB received",
        "ok 1,000, scratch 1,000",
        "10% of a core\n",
        "in the service, ms",
    ):
        assert said in shown
    assert "errors" not in shown


def test_the_open_loop_tells_its_rate_its_bound_and_how_late_it_was(capsys: pytest.CaptureFixture[str]) -> None:
    """And with a deadline the share in time."""
    plan = LoadPlan(connections=256, rate=200, warm_up_s=0, deadline_ms=10)
    shown = written(report(plan), capsys)
    assert "open loop, 200 a second, poisson, at most 256 in flight" in shown
    assert "late by 0.1 ms (p99)" in shown
    assert "50.000% of all requests" in shown


def test_errors_have_a_table_of_their_own(capsys: pytest.CaptureFixture[str]) -> None:
    """By kind, the most frequent first."""
    assert "429 engine.full  1,500\n" in written(report(made=records(2000, errors=1500)), capsys)


def test_nothing_measured_is_shown_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Without percentiles that nothing stands behind."""
    shown = written(report(made=Records()), capsys)
    assert "latency" not in shown
    assert "none" in shown


def test_a_bundle_is_told_with_how_it_was_asked(capsys: pytest.CaptureFixture[str]) -> None:
    """Threads, batch and callers; the stages are its own."""
    target = replace(TARGET, kind="in-process", settings={"threads": 2, "batch": 8, "callers": 1})
    shown = written(report(target=target), capsys)
    assert "threads 2, batch 8, callers 1" in shown
    assert "by stage, ms" in shown
