"""The policy of trying again: only where it may help, never too soon, never too late."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.client.messages import Answer, Broken, Outcome
from andon.client.retry import RetryPolicy, retry_after_s

POLICY = RetryPolicy(retries=3, first_wait_s=0.1, longest_wait_s=2.0)
RETRIED: list[Outcome] = [
    Broken(kind="unreachable", reason="refused"),
    Broken(kind="broken", reason="reset"),
    Answer(status=429),
    Answer(status=502),
    Answer(status=503),
]
FINAL: list[Outcome] = [
    Broken(kind="late", reason="late"),
    Broken(kind="oversize", reason="large"),
    *(Answer(status=status) for status in (200, 204, 301, 307, 400, 401, 404, 405, 408, 413, 415, 431, 500, 501, 504)),
]
fractions = st.floats(0, 1, exclude_max=True)
retried = st.sampled_from(RETRIED)


@pytest.mark.parametrize("outcome", RETRIED, ids=str)
def test_what_may_pass_is_tried_again(outcome: Outcome) -> None:
    """As often as allowed and no more."""
    waits = [POLICY.decide(attempt, outcome, 60, lambda: 0.5) for attempt in range(1, 6)]
    assert waits == [0.05, 0.1, 0.2, None, None]


@pytest.mark.parametrize("outcome", FINAL, ids=str)
def test_what_stays_is_not_tried_again(outcome: Outcome) -> None:
    """An answer, a mistake of the caller, a fault of the service, and a deadline that has passed."""
    assert POLICY.decide(1, outcome, 60, lambda: 0.0) is None


@given(st.integers(1, 10**9), st.integers(0, 10**9), retried, st.floats(0, 1e6), fractions)
def test_a_wait_is_bounded_and_ends_before_the_deadline(
    attempt: int, retries: int, outcome: Outcome, remaining_s: float, fraction: float
) -> None:
    """Whatever the numbers: nothing is negative, over the longest wait, or past the deadline."""
    policy = RetryPolicy(retries=retries, first_wait_s=0.1, longest_wait_s=2.0)
    wait_s = policy.decide(attempt, outcome, remaining_s, lambda: fraction)
    if wait_s is not None:
        assert attempt <= retries
        assert 0 <= wait_s <= 2.0
        assert wait_s < remaining_s


@given(st.integers(1, 3), retried, fractions, fractions)
def test_chance_spreads_the_clients(attempt: int, outcome: Outcome, low: float, high: float) -> None:
    """More chance is a longer wait, from none at all up to twice that of the attempt before."""
    waits = [POLICY.decide(attempt, outcome, 60, lambda chance=chance: chance) for chance in sorted((low, high))]
    assert waits[0] is not None
    assert waits[1] is not None
    assert 0 <= waits[0] <= waits[1] <= 0.1 * 2 ** (attempt - 1)
    assert POLICY.decide(attempt, outcome, 60, lambda: 0.0) == 0


@given(st.integers(0, 1000), st.sampled_from([429, 502, 503]), st.floats(0, 2000), fractions)
def test_a_service_is_left_alone_as_long_as_it_asks(
    asked_s: int, status: int, remaining_s: float, fraction: float
) -> None:
    """`Retry-After` is the least; where there is no time for it, there is no further attempt."""
    answer = Answer(status=status, headers={"retry-after": str(asked_s)})
    wait_s = POLICY.decide(1, answer, remaining_s, lambda: fraction)
    if asked_s + 0.1 < remaining_s:
        assert wait_s is not None
    if asked_s >= remaining_s:
        assert wait_s is None
    if wait_s is not None:
        assert asked_s <= wait_s <= asked_s + 0.1


@given(retried, fractions)
def test_without_retries_there_is_one_attempt(outcome: Outcome, fraction: float) -> None:
    """The caller may have a policy of its own."""
    assert RetryPolicy(retries=0).decide(1, outcome, 60, lambda: fraction) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("", 0.0),
        ("-1", 0.0),
        ("1.5", 0.0),
        ("soon", 0.0),
        ("٣", 0.0),
        ("9" * 5000, 0.0),
        ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0),
    ],
)
def test_only_whole_seconds_are_read(text: str, seconds: float) -> None:
    """Anything else is as good as nothing."""
    assert retry_after_s(Answer(status=503, headers={"retry-after": text})) == seconds


def test_nothing_is_asked_of_a_broken_connection() -> None:
    """It carries no header."""
    assert retry_after_s(Broken(kind="broken", reason="reset")) == 0
    assert retry_after_s(Answer(status=503)) == 0
