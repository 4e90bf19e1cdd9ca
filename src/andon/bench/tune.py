"""Settings of `andon serve` for one machine and one bundle: real services, measured one after the other."""

from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from andon.bench.measure import ServiceOptions, Talk, measure_service
from andon.bench.plan import LoadPlan
from andon.bench.report import Report
from andon.bench.requests import Image
from andon.bench.search import Candidate, Choice, Objective, Trial, candidates, default_candidate, judge, search
from andon.bench.served import serving
from andon.errors import AndonError, ImageError
from andon.model.load import load

_IN_FLIGHT = 256
_LEAST_CONNECTIONS = 16
"""So that a batch of 16 can form at all."""


class TuneOptions(Struct, frozen=True, kw_only=True):
    """How settings are tried."""

    objective: Objective
    seconds: float
    """Of each measurement of the first round; each further round takes twice as long."""
    words: tuple[str, ...] = ()
    """Further words for each `andon serve`."""
    cores: int
    """That the services may use, 1 or more."""


Told = Callable[[Trial], None]


class _Tried(Struct, frozen=True, kw_only=True):
    """What is the same for all trials."""

    path: Path
    images: Sequence[Image]
    labels: tuple[str, ...]
    """Of the images, by an execution in this process."""
    options: TuneOptions
    talk: Talk


def tune(path: Path, images: Sequence[Image], options: TuneOptions, talk: Talk, *, told: Told) -> Choice:
    """
    Find the best settings.

    Args:
        path: The bundle.
        images: Sent in turn.
        options: What is wanted.
        talk: With whoever wants to know.
        told: Called with each trial as soon as it is over.

    Raises:
        AndonError: The bundle cannot be loaded, or the default settings do not serve it; others
            that do not are a result.
        KeyboardInterrupt: Ctrl-C; what was measured until then was told.
    """
    labels = labels_of(path, images, trust="--trust" in options.words)
    tried = _Tried(path=path, images=images, labels=labels, options=options, talk=talk)
    default = default_candidate(options.cores)
    steps = search(candidates(options.cores), default, options.seconds)
    try:
        wanted = next(steps)
        while True:
            trial = _try(tried, *wanted, is_default=wanted[1] == default)
            told(trial)
            wanted = steps.send(trial)
    except StopIteration as over:
        choice: Choice = over.value
        return choice


def labels_of(path: Path, images: Sequence[Image], *, trust: bool = False) -> tuple[str, ...]:
    """
    Label each image in this process, so that every service can be held to it.

    Raises:
        AndonError: The bundle cannot be loaded.
        ImageError: An image cannot be used with it.
    """
    model = load(path, trust=trust)
    labels = []
    for image, prediction in zip(images, model.predict_many([each.data for each in images]), strict=True):
        if prediction.error is not None:
            failure = prediction.error
            raise ImageError(failure.message, code=failure.code, where=image.name, hint=failure.hint)
        labels.append(prediction.label or "")
    return tuple(labels)


def _try(tried: _Tried, number: int, candidate: Candidate, seconds: float, *, is_default: bool) -> Trial:
    try:
        report = _measure(tried, candidate, seconds)
    except AndonError as error:
        if is_default:
            raise
        reason = f"[{error.code}] {error.message}"
        return Trial(candidate=candidate, round=number, seconds=seconds, score=0.0, reason=reason)
    if report.interrupted:
        raise KeyboardInterrupt
    return trial_of(report, tried.options.objective, candidate, number, seconds)


def trial_of(report: Report, objective: Objective, candidate: Candidate, number: int, seconds: float) -> Trial:
    """Keep of a report what a search compares."""
    score, reason = judge(report, objective)
    latency = report.latency_ms
    return Trial(
        candidate=candidate,
        round=number,
        seconds=seconds,
        score=score,
        throughput_per_s=report.throughput_per_s,
        p50_ms=latency.p50 if latency else 0.0,
        p99_ms=latency.p99 if latency else 0.0,
        errors=sum(report.errors.values()),
        reason=reason,
    )


def plan_of(options: TuneOptions, seconds: float) -> LoadPlan:
    """Give the load of one trial; a fifth of its time is thrown away before it."""
    objective = options.objective
    return LoadPlan(
        connections=_IN_FLIGHT if objective.rate else max(_LEAST_CONNECTIONS, 4 * options.cores),
        rate=objective.rate,
        duration_s=seconds,
        warm_up_s=max(0.5, seconds / 5),
    )


def _measure(tried: _Tried, candidate: Candidate, seconds: float) -> Report:
    settings = {"--workers": candidate.workers, "--threads": candidate.threads, "--max-batch": candidate.max_batch}
    flags = [word for name, value in settings.items() for word in (name, str(value))]
    options = ServiceOptions(labels=tried.labels)
    with serving([str(tried.path), *flags, *tried.options.words]) as url:
        return measure_service(url, tried.images, plan_of(tried.options, seconds), options, tried.talk)
