"""An answer comes once, and whoever gives it up is heard."""

import threading
from concurrent.futures import CancelledError, Future, wait

import pytest

from andon.engine.answer import Answer, answer_ticket, notify_cancelled
from andon.engine.policy import Ticket
from andon.predictions import Prediction
from tests.support.waiting import TIMEOUT_S

RED = Prediction(label="red", index=0, score=1.0, scores=(1.0,))


def watched() -> tuple[Answer, list[bool]]:
    """Make an answer, and note for each time that it is given up whether it was cancelled then."""
    answer, noted = Answer(), []
    answer.when_given_up = lambda: noted.append(answer.cancelled())
    return answer, noted


def test_one_that_waits_is_cancelled_and_its_engine_told() -> None:
    """Once, when it is cancelled already, so that the engine can free its place."""
    answer, noted = watched()
    assert not answer.is_given_up
    assert answer.cancel()
    assert answer.cancel()
    assert noted == [True]
    assert answer.is_given_up


def test_one_that_runs_is_not_cancelled_but_its_engine_told() -> None:
    """It may end early; the answer comes all the same."""
    answer, noted = watched()
    assert answer.start()
    assert not answer.cancel()
    assert not answer.cancel()
    assert (noted, answer.is_given_up, answer.cancelled()) == ([False], True, False)
    answer.set_result(RED)
    assert answer.result(0) is RED


def test_giving_up_what_was_answered_disturbs_nobody() -> None:
    """Its engine may have ended long since."""
    answer, noted = watched()
    answer.start()
    answer.set_result(RED)
    assert not answer.cancel()
    assert noted == []
    assert answer.result(0) is RED


def test_without_an_engine_it_is_cancelled_all_the_same() -> None:
    """As a future is."""
    answer = Answer()
    assert answer.cancel()
    assert answer.cancelled()


def test_it_starts_once_or_never() -> None:
    """One that is tried a second time runs already; one that was cancelled does not start."""
    answer = Answer()
    assert [answer.start(), answer.start()] == [True, True]
    assert answer.running()
    cancelled = Answer()
    cancelled.cancel()
    assert not cancelled.start()


@pytest.mark.parametrize("end", [Answer.start, notify_cancelled])
def test_the_wait_for_a_cancelled_one_ends(end: object) -> None:
    """Also of those that wait for several; cancelling alone does not end that."""
    answer, results = Answer(), []
    started = threading.Event()

    def wait_for_it() -> None:
        started.set()
        results.append(wait([answer], TIMEOUT_S).done)

    thread = threading.Thread(target=wait_for_it)
    thread.start()
    assert started.wait(TIMEOUT_S)
    answer.cancel()
    end(answer)  # type: ignore[operator] # one of the two above
    thread.join(TIMEOUT_S)
    assert results == [{answer}]
    with pytest.raises(CancelledError):
        answer.result(0)


def ticket(future: Answer) -> Ticket:
    """Make a ticket of an answer."""
    return Ticket(job=None, future=future, queued_at=0.0)


@pytest.mark.parametrize("result", [RED, None])
def test_a_ticket_is_answered_whether_it_runs_or_not(result: Prediction | None) -> None:
    """One that holds a worker is answered with nothing."""
    for has_started in (True, False):
        answer = Answer()
        if has_started:
            answer.start()
        answer_ticket(ticket(answer), result)
        assert answer.result(0) is result


def test_a_caller_that_gave_up_in_the_same_moment_is_not_answered() -> None:
    """The one who answers comes too late, and the wait ends as cancelled."""
    answer = Answer()
    answer.cancel()
    answer_ticket(ticket(answer), RED)
    assert wait([answer], 0).done == {answer}
    with pytest.raises(CancelledError):
        answer.result(0)


def test_it_is_a_future_like_any_other() -> None:
    """Callbacks are called, and only once."""
    answer, called = Answer(), []
    answer.add_done_callback(called.append)
    answer_ticket(ticket(answer), RED)
    assert isinstance(answer, Future)
    assert called == [answer]
