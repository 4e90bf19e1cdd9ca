"""The stages of a request add up."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.web.timing import STAGES, server_timing, share_out

MS = st.floats(0.0, 1e6)
TIMINGS = st.lists(st.dictionaries(st.sampled_from(("queue", *STAGES[2:])), MS), max_size=4)


@given(TIMINGS, MS, MS)
def test_stages_add_up_to_the_time_that_has_passed(timings: list[dict[str, float]], read: float, rest: float) -> None:
    """Whatever the images took, one after the other or side by side; none is negative."""
    shared = share_out(timings, read_ms=read, total_ms=read + rest)
    assert set(shared) == set(STAGES)
    assert all(duration >= 0 for duration in shared.values())
    assert sum(shared.values()) == pytest.approx(read + rest, rel=1e-6, abs=1e-6)
    assert "-" not in server_timing(timings, read_ms=read, total_ms=read + rest)


def test_what_is_not_accounted_for_is_waiting() -> None:
    """Work that fits into the time is told as it was, and the queue has the rest."""
    shared = share_out([{"queue": 99.0, "decode": 2.0, "infer": 3.0}], read_ms=1.0, total_ms=10.0)
    assert shared == {"read": 1.0, "queue": 4.0, "decode": 2.0, "prepare": 0.0, "infer": 3.0, "finish": 0.0}


def test_work_side_by_side_is_scaled_to_the_time_it_took_together() -> None:
    """Two images of 4 ms in 4 ms are not 8 ms."""
    shared = share_out([{"decode": 1.0, "infer": 3.0}] * 2, read_ms=0.0, total_ms=4.0)
    assert (shared["decode"], shared["infer"], shared["queue"]) == (1.0, 3.0, 0.0)


def test_the_header_names_each_stage_in_milliseconds() -> None:
    """In the order in which a request goes through them."""
    text = server_timing([{"infer": 2.5}], read_ms=1.0, total_ms=4.0)
    assert re.findall(r"(\w+);dur=([\d.]+)", text) == [
        ("read", "1.000"),
        ("queue", "0.500"),
        ("decode", "0.000"),
        ("prepare", "0.000"),
        ("infer", "2.500"),
        ("finish", "0.000"),
    ]
