"""The report as a document."""

import msgspec
import pytest
from msgspec.structs import replace

from andon.bench.report import Report
from tests.support.reports import COUNT, records, report


def test_it_goes_to_json_and_back() -> None:
    """Nothing is lost, so that reports of another day can be compared."""
    assert msgspec.json.decode(msgspec.json.encode(report()), type=Report) == report()


def test_a_sound_report_holds() -> None:
    """Errors that the service tells, such as refusals under too much load, are results and no failure."""
    assert report().holds
    assert report(made=records(errors=100)).holds


@pytest.mark.parametrize(
    "broken",
    [
        report(made=records(10, errors=10)),
        report(count=replace(COUNT, doubled=1)),
        report(count=replace(COUNT, missing=1)),
        replace(report(), errors={"wrong answer: id of another request": 1}),
    ],
)
def test_nothing_good_or_one_wrong_answer_makes_it_fail(broken: Report) -> None:
    """Also an answer that is missing, or that came twice."""
    assert not broken.holds


def test_who_interrupts_twice_leaves_requests_under_way() -> None:
    """Those are no fault of the service."""
    assert report(count=replace(COUNT, missing=1), interrupted=True).holds
