"""The load that is asked for, and its bounds."""

import pytest

from andon.bench.plan import LoadPlan
from andon.errors import UsageError


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("connections", 0),
        ("connections", 10_001),
        ("rate", 0.0),
        ("rate", float("nan")),
        ("duration_s", 0.0),
        ("duration_s", float("inf")),
        ("warm_up_s", -1.0),
        ("timeout_s", 601.0),
        ("deadline_ms", 9.0),
        ("seed", -1),
    ],
)
def test_what_is_out_of_range_is_refused_with_the_range(name: str, value: float) -> None:
    """Before anything is sent."""
    with pytest.raises(UsageError, match=r"expected .* to ") as refused:
        LoadPlan(**{"connections": 1, name: value})  # type: ignore[arg-type]
    assert refused.value.code == "usage.argument"


def test_a_rate_makes_the_loop_an_open_one() -> None:
    """And the last request may be due when warm-up and measurement are over."""
    assert not LoadPlan(connections=1).is_open
    assert LoadPlan(connections=1, rate=5).is_open
    assert LoadPlan(connections=1, warm_up_s=2, duration_s=3).end_s == 5
