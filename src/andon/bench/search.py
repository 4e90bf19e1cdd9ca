"""Which settings are tried for how long, and which are best: successive halving. Pure: scores in, choices out."""

import math
from collections.abc import Generator, Sequence

from msgspec import Struct

from andon.bench.report import Report
from andon.errors import UsageError

BATCHES = (1, 4, 8, 16)
WORTH = 1.1
"""Other settings than the default ones are chosen only where they are better by this factor in the same round."""
_LAST = 3
"""With so many candidates or fewer the round is the last one."""
_REPEATS = 3
"""How often each is measured in the last round, in turns; the median counts."""


class Candidate(Struct, frozen=True, kw_only=True):
    """Settings of `andon serve` that are tried."""

    workers: int
    threads: int
    max_batch: int


class Objective(Struct, frozen=True, kw_only=True):
    """
    What is wanted: most good answers a second; or, where both are given, the lowest p99 at a rate.

    Raises:
        UsageError: `usage.argument`: only one of the two is given.
    """

    p99_ms: float | None = None
    """What p99 must stay under."""
    rate: float | None = None
    """At so many requests a second."""

    def __post_init__(self) -> None:
        if (self.p99_ms is None) != (self.rate is None):
            raise UsageError(
                "p99 is a promise at a rate, and a rate without a promise says nothing",
                code="usage.argument",
                where="--p99-ms, --rate",
                hint="give both, or none to get the highest throughput",
            )


class Trial(Struct, frozen=True, kw_only=True):
    """One candidate in one round."""

    candidate: Candidate
    round: int
    seconds: float
    """How long it was measured."""
    score: float
    """Higher is better; of candidates of one round only. 0 where it did not do what was wanted."""
    throughput_per_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    errors: int = 0
    reason: str = ""
    """Why the score is 0."""


class Choice(Struct, frozen=True, kw_only=True):
    """What came of a search."""

    best: Candidate
    gain: float
    """Its score by that of the default settings in the last round; 1 where it is these."""
    trials: tuple[Trial, ...]
    """All that was measured, in order."""


def default_candidate(cores: int) -> Candidate:
    """Give what `andon serve` does where nothing is set."""
    return Candidate(workers=cores, threads=cores, max_batch=8)


def candidates(cores: int) -> list[Candidate]:
    """
    List what is tried: workers by powers of two up to the cores, threads for one each or for all cores.

    >>> [(each.workers, each.threads) for each in candidates(4) if each.max_batch == 8]
    [(1, 1), (1, 4), (2, 2), (2, 4), (4, 4)]
    """
    workers = sorted({min(2**power, cores) for power in range(math.ceil(math.log2(cores)) + 1)})
    return [
        Candidate(workers=count, threads=threads, max_batch=batch)
        for count in workers
        for threads in sorted({count, cores})
        for batch in BATCHES
    ]


def judge(report: Report, objective: Objective) -> tuple[float, str]:
    """
    Score a measurement.

    Returns:
        The score, higher for better, and why it is 0 where it is.
    """
    latency = report.latency_ms
    if latency is None or not report.holds:
        return 0.0, "no good answer came, or a wrong one"
    if objective.p99_ms is None:
        return report.throughput_per_s, ""
    if report.errors:
        return 0.0, f"{sum(report.errors.values())} errors: {', '.join(report.errors)}"
    if report.generator.unsent or report.generator.held_back:
        return 0.0, "it does not keep up with the rate"
    if latency.p99 > objective.p99_ms:
        return 0.0, f"p99 is {latency.p99:g} ms"
    return 1000.0 / latency.p99, ""


def search(
    tried: Sequence[Candidate], default: Candidate, seconds: float
) -> Generator[tuple[int, Candidate, float], Trial, Choice]:
    """
    Decide what is measured next, as a generator that is sent each trial.

    In every round all candidates that are left are measured one after the other, and the better
    half goes on to twice the time. The default settings always go on: scores of one round can be
    compared, those of two cannot. In the last round each is measured three times, in turns, and
    the median counts.

    Args:
        tried: At least one.
        default: Is tried as well.
        seconds: Of each measurement of the first round.

    Yields:
        Round, candidate and seconds of the next measurement.

    Returns:
        The choice, once the last round is over.
    """
    left = list(dict.fromkeys([*tried, default]))
    trials: list[Trial] = []
    number = 0
    while True:
        is_last = len(left) <= _LAST
        this: list[Trial] = []
        for candidate in left * (_REPEATS if is_last else 1):
            trial = yield number, candidate, seconds * 2**number
            this.append(trial)
        trials += this
        ranked = sorted(_medians(this, left), key=lambda trial: -trial.score)
        if is_last:
            return _choose(ranked, default, trials)
        kept = [trial.candidate for trial in ranked[: max(_LAST - 1, len(left) // 2)]]
        left = list(dict.fromkeys([*kept, default]))
        number += 1


def _medians(trials: Sequence[Trial], of: Sequence[Candidate]) -> list[Trial]:
    """Give for each candidate the trial whose score is the median of its own; of two the lower."""
    by_score = sorted(trials, key=lambda trial: trial.score)
    own = [[trial for trial in by_score if trial.candidate == candidate] for candidate in of]
    return [each[(len(each) - 1) // 2] for each in own]


def _choose(ranked: Sequence[Trial], default: Candidate, trials: Sequence[Trial]) -> Choice:
    usual = next(trial for trial in ranked if trial.candidate == default)
    best = ranked[0]
    if best.score <= usual.score * WORTH:
        return Choice(best=default, gain=1.0, trials=tuple(trials))
    gain = best.score / usual.score if usual.score else math.inf
    return Choice(best=best.candidate, gain=gain, trials=tuple(trials))
