"""Which settings are tried, and which are chosen."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from andon.bench.plan import LoadPlan
from andon.bench.search import (
    BATCHES,
    Candidate,
    Choice,
    Objective,
    Trial,
    candidates,
    default_candidate,
    judge,
    search,
)
from andon.errors import UsageError
from tests.support.reports import COUNT, records, report


def run(score: Callable[[int, Candidate], float], cores: int = 4) -> tuple[Choice, list[tuple[int, Candidate, float]]]:
    """Search with made-up scores by round and candidate; give the choice and what was asked for."""
    steps = search(candidates(cores), default_candidate(cores), 1.0)
    asked = [next(steps)]
    while True:
        number, candidate, seconds = asked[-1]
        trial = Trial(candidate=candidate, round=number, seconds=seconds, score=score(number, candidate))
        try:
            asked.append(steps.send(trial))
        except StopIteration as over:
            return over.value, asked


BEST = Candidate(workers=2, threads=4, max_batch=16)
OTHER = Candidate(workers=1, threads=1, max_batch=1)


def test_the_best_is_found_and_its_gain_is_that_of_the_last_round() -> None:
    """Where a round is slower for all, as on a machine that became busy, it does not matter."""
    choice, _ = run(lambda number, candidate: (30.0 if candidate == BEST else 20.0) / (number + 1))
    assert choice.best == BEST
    assert choice.gain == pytest.approx(1.5)


def test_each_round_halves_the_candidates_and_doubles_the_time() -> None:
    """Until three or fewer are left, which are measured three times; the default settings are in every round."""
    choice, asked = run(lambda _number, candidate: float(candidate.max_batch))
    rounds = [[each for each in asked if each[0] == number] for number in range(asked[-1][0] + 1)]
    assert [len(each) for each in rounds] == [20, 10, 6, 4, 9]
    assert [each[0][2] for each in rounds] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert all(default_candidate(4) in [candidate for _, candidate, _ in each] for each in rounds)
    assert len(choice.trials) == len(asked)


def test_what_is_better_by_no_more_than_noise_is_not_chosen() -> None:
    """The default settings stay."""
    choice, _ = run(lambda _number, candidate: 21.9 if candidate == BEST else 20.0)
    assert (choice.best, choice.gain) == (default_candidate(4), 1.0)


def test_in_the_last_round_the_median_counts() -> None:
    """One lucky measurement of three decides nothing, nor does one unlucky one."""
    turns: dict[Candidate, int] = {}

    def luck(number: int, candidate: Candidate) -> float:
        if number < 4:
            return 20.0 + (candidate in (BEST, OTHER))
        turns[candidate] = turns.get(candidate, 0) + 1
        lucky, unlucky = candidate == OTHER and turns[candidate] == 2, candidate == BEST and turns[candidate] == 1
        return 99.0 if lucky else 1.0 if unlucky else 30.0 if candidate == BEST else 20.0

    choice, _ = run(luck)
    assert (choice.best, choice.gain) == (BEST, 1.5)


def test_where_nothing_does_what_is_wanted_the_default_settings_stay() -> None:
    """And where only they do not, what does is infinitely better."""
    assert run(lambda _number, _candidate: 0.0)[0].best == default_candidate(4)
    choice, _ = run(lambda _number, candidate: float(candidate == BEST))
    assert (choice.best, choice.gain) == (BEST, float("inf"))


@pytest.mark.parametrize("cores", [1, 2, 3, 6, 64])
def test_candidates_fit_the_machine(cores: int) -> None:
    """No thread is shared by two workers, none is beyond the cores, none comes twice."""
    tried = candidates(cores)
    assert len(set(tried)) == len(tried)
    assert all(1 <= each.workers <= each.threads <= cores for each in tried)
    assert {each.max_batch for each in tried} == set(BATCHES)
    assert default_candidate(cores) in tried
    assert run(lambda _number, _candidate: 1.0, cores)[0].best == default_candidate(cores)


def test_for_throughput_errors_of_the_service_are_no_fault_and_wrong_answers_are() -> None:
    """Refusals take nothing from the good answers."""
    most = Objective()
    assert judge(report(made=records(errors=100)), most) == (report(made=records(errors=100)).throughput_per_s, "")
    assert judge(report(count=replace(COUNT, doubled=1)), most)[0] == 0.0
    assert judge(report(made=records(5, errors=5)), most)[0] == 0.0


def test_for_p99_whatever_is_not_kept_scores_nothing_and_says_why() -> None:
    """A lower p99 is better."""
    plan = LoadPlan(connections=256, rate=200, warm_up_s=0)
    fast, slow = report(plan, records(1000)), report(plan, records(2000))
    wanted = Objective(p99_ms=25, rate=200)
    assert judge(fast, wanted)[0] > judge(slow, wanted)[0] > 0
    assert judge(slow, Objective(p99_ms=5, rate=200)) == (0.0, "p99 is 19.8 ms")
    assert judge(report(plan, records(errors=3)), wanted) == (0.0, "3 errors: 429 engine.full")
    assert judge(report(plan, unsent=1), wanted) == (0.0, "it does not keep up with the rate")


@pytest.mark.parametrize("half", [{"p99_ms": 5.0}, {"rate": 5.0}])
def test_a_promise_needs_a_rate(half: dict[str, float]) -> None:
    """And a rate a promise."""
    with pytest.raises(UsageError, match="p99 is a promise at a rate"):
        Objective(**half)
