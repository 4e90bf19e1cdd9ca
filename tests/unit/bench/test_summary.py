"""From records to the report."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bench.outcome import OK
from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from andon.bench.summary import MAX_PIECES, percentile
from tests.support.reports import records, report


def test_percentiles_are_exact() -> None:
    """2,000 answers of 0.01 to 20 ms: each percentile is the answer that it names."""
    latency = report().latency_ms
    assert latency is not None
    assert [latency.min, latency.p50, latency.p99, latency.p99_9, latency.max] == pytest.approx(
        [0.01, 10.0, 19.8, 19.98, 20.0]
    )
    assert latency.mean == pytest.approx(10.005)


@given(st.lists(st.floats(0.001, 1e5), min_size=1), st.floats(0, 100))
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(values: list[float], percent: float) -> None:
    """And the next smaller one would be too small."""
    ascending = np.sort(np.array(values))
    found = percentile(ascending, percent)
    near = ascending[np.isclose(ascending, found, rtol=1e-4)]
    assert near.size
    assert (ascending <= near[-1]).mean() * 100 >= percent - 1e-6
    assert (ascending < near[0]).mean() * 100 <= percent + 1e-6


def test_latency_counts_from_when_a_request_was_due() -> None:
    """One that was sent 5 s late has taken 5 s longer, and the generator is said to be late."""
    made = Records()
    made.add((1.0, 6.0, 6.1), OK, "a")
    found = report(LoadPlan(connections=1, rate=1, warm_up_s=0), made)
    assert found.latency_ms is not None
    assert found.latency_ms.max == pytest.approx(5100)
    assert found.generator.late_ms_max == pytest.approx(5000)


def test_the_warm_up_is_thrown_away() -> None:
    """Requests that were due in it count nowhere but in the balance."""
    plan = LoadPlan(connections=1, warm_up_s=5, duration_s=5)
    found = report(plan, records(1000))
    assert (found.measured, found.ok, found.measured_s) == (500, 500, 5.0)
    assert found.throughput_per_s == pytest.approx(100, rel=0.01)


def test_answers_after_the_end_have_a_latency_and_are_no_throughput() -> None:
    """A server that answers everything at last was not fast."""
    made = Records()
    for number in range(10):
        made.add((0.5, 0.5, 0.6 if number < 4 else 60.0), OK, "a")
    found = report(LoadPlan(connections=1, warm_up_s=0, duration_s=2), made)
    assert found.throughput_per_s == 2.0
    assert found.latency_ms is not None
    assert found.latency_ms.max == pytest.approx(59_500)


def test_only_what_is_in_time_is_goodput() -> None:
    """With a deadline of 10 ms half of the answers are late."""
    found = report(LoadPlan(connections=1, warm_up_s=0, deadline_ms=10.0))
    assert (found.ok, found.in_time) == (2000, 1000)
    assert found.goodput_per_s == pytest.approx(found.throughput_per_s / 2, rel=0.01)


def test_errors_are_counted_by_kind_and_have_no_latency() -> None:
    """They stand in the time line."""
    found = report(made=records(2000, errors=500))
    assert found.errors == {"429 engine.full": 500}
    assert found.latency_ms is not None
    assert found.latency_ms.max == pytest.approx(15.0)
    assert sum(second.errors_per_s for second in found.timeline) == pytest.approx(500, abs=5)


def test_the_stages_of_the_service_are_told() -> None:
    """In their order, and none where the service says nothing."""
    assert {stage: spread.p50 for stage, spread in report().server_ms.items()} == pytest.approx(
        {"read": 0.1, "queue": 1, "decode": 2, "prepare": 3, "infer": 4, "finish": 0.2}
    )
    silent = Records()
    silent.add((0, 0, 1), OK, "a")
    assert report(made=silent).server_ms == {}


def test_the_time_line_has_pieces_of_a_second_or_of_more() -> None:
    """Ten for ten seconds, and never more than a page can show."""
    assert [second.at_s for second in report().timeline] == list(range(10))
    assert len(report(LoadPlan(connections=1, warm_up_s=0, duration_s=5000)).timeline) <= MAX_PIECES
    assert report().timeline[5].ok_per_s == pytest.approx(200, abs=2)


def test_labels_are_counted_and_the_rarest_of_many_left_out() -> None:
    """All of them are counted, the ten most frequent are named."""
    made = Records()
    for number in range(60):
        made.add((0, 0, 1), OK, f"label {min(number, 20)}")
    found = report(made=made)
    assert (found.label_count, len(found.labels), next(iter(found.labels.items()))) == (21, 10, ("label 20", 40))


def test_nothing_measured_is_a_report_too() -> None:
    """Interrupted at once, or all refused."""
    found = report(made=Records(), ended_s=0.0, interrupted=True)
    assert (found.measured, found.latency_ms, found.percentiles, found.throughput_per_s) == (0, None, (), 0.0)
