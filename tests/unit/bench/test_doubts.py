"""What makes numbers worth less."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from andon.bench.doubts import doubts_of
from andon.bench.plan import LoadPlan
from andon.bench.records import Records
from tests.support.reports import COUNT, MACHINE, TARGET, records, report

OPEN = LoadPlan(connections=256, rate=200, warm_up_s=0)


def late(by_s: float) -> Records:
    """Take down requests that were sent late."""
    made = Records()
    for number in range(2000):
        made.add((number / 200, number / 200 + by_s, number / 200 + by_s + 0.01), "ok", ("a", "b")[number % 2])
    return made


def same_label() -> Records:
    """Take down answers that are all alike."""
    made = Records()
    for number in range(2000):
        made.add((number / 200, number / 200, number / 200 + 0.01), "ok", "same")
    return made


def falling_behind() -> Records:
    """Take down a service that answers half as fast as it is asked."""
    made = Records()
    for number in range(2000):
        made.add((number / 200, number / 200, number / 100 + 0.001), "ok", ("a", "b")[number % 2])
    return made


def test_a_sound_measurement_has_none() -> None:
    """Several images, several labels, nobody late."""
    assert report().warnings == ()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"made": records(10, errors=10)}, "no answer was good"),
        ({"made": Records()}, "no request that was due after the warm-up was sent"),
        ({"made": same_label()}, "all 3 images got the same label, 'same'"),
        ({"images": 1}, "one image was sent again and again"),
        ({"count": replace(COUNT, missing=3)}, "3 requests have no answer and no error"),
        ({"count": replace(COUNT, doubled=2)}, "2 answers came that nobody waited for"),
        ({"plan": OPEN, "held_back": 5, "unsent": 7}, "the bound of 256 requests in flight was reached: 5 requests"),
        ({"plan": OPEN, "made": late(0.02)}, "the generator itself was late by 20.0 ms (p99)"),
        ({"plan": OPEN, "made": falling_behind()}, "200 requests a second were sent and 100 answered"),
        ({"cpu_s": 9.5}, "the generator used 95% of a core"),
        ({"interrupted": True, "ended_s": 4.0}, "interrupted after 4 s of 10 s"),
        ({"made": records(999)}, "999 good answers are few"),
        ({"machine": replace(MACHINE, load_before=3.0)}, "a load of 3.0 on 4 cores"),
    ],
)
def test_each_doubt_is_told(fields: dict[str, Any], said: str) -> None:
    """In a sentence with the number."""
    found = report(**fields)
    assert any(said in warning for warning in found.warnings)
    assert all(re.search(r"[\u4e00-\u9fff]", doubt.chinese) for doubt in doubts_of(found))


def test_a_bundle_in_this_process_may_use_all_of_the_machine() -> None:
    """There the generator is what is measured."""
    assert report(cpu_s=20.0, target=replace(TARGET, kind="in-process")).warnings == ()


def test_a_bound_that_was_reached_is_not_called_lateness_of_the_generator() -> None:
    """The service is slow then, and not the generator."""
    found = report(OPEN, late(0.5), held_back=2000)
    assert not any("generator itself" in warning for warning in found.warnings)
