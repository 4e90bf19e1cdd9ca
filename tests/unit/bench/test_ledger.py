"""Each request is answered exactly once, or it is told."""

from hypothesis import given
from hypothesis import strategies as st

from andon.bench.ledger import Ledger


def test_what_is_sent_and_answered_balances() -> None:
    """Numbers are 0, 1, 2; a failed request has no answer, one that is under way is missing."""
    ledger = Ledger()
    assert [ledger.send() for _ in range(4)] == [0, 1, 2, 3]
    assert ledger.answer(1)
    ledger.fail(2)
    count = ledger.count()
    assert (count.sent, count.answered, count.failed, count.missing, count.doubled) == (4, 1, 1, 2, 0)


def test_a_second_answer_is_doubled_and_changes_nothing_else() -> None:
    """Also one that comes after a failure, one to a number that was never sent, and one to nobody."""
    ledger = Ledger()
    ledger.send(), ledger.send()
    assert ledger.answer(0)
    ledger.fail(1)
    assert not any(ledger.answer(number) for number in (0, 1, 2, -1))
    ledger.answer_to_nobody()
    count = ledger.count()
    assert (count.answered, count.failed, count.missing, count.doubled) == (1, 1, 0, 5)


@given(st.lists(st.tuples(st.sampled_from(["send", "answer", "fail"]), st.integers(-1, 12))))
def test_the_balance_holds_whatever_happens(events: list[tuple[str, int]]) -> None:
    """All that was sent is answered, failed or missing; all answers that came are counted once."""
    ledger, came = Ledger(), 0
    for what, number in events:
        if what == "send":
            ledger.send()
        elif what == "answer":
            ledger.answer(number)
            came += 1
        else:
            ledger.fail(number)
    count = ledger.count()
    assert count.sent == count.answered + count.failed + count.missing
    assert came == count.answered + count.doubled
    assert count.missing >= 0
