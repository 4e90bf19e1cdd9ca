"""The settings file that a search writes: what was chosen as settings, and the evidence as comments."""

from collections.abc import Iterator, Sequence

from andon.bench.report import Machine
from andon.bench.search import Choice, Objective, Trial


def settings_text(choice: Choice, objective: Objective, machine: Machine, command: str, began: str) -> str:
    """
    Write the file, which `andon serve --settings` reads.

    Args:
        choice: What came of the search.
        objective: What was wanted.
        machine: Where it was measured.
        command: How it was begun, without the token.
        began: UTC, ISO 8601.

    Returns:
        TOML.
    """
    comments = [
        f"Measured by: {command}",
        f"On {began}, {machine.processor}, {machine.cores} cores, load before {machine.load_before:g}, "
        f"andon {machine.andon}, {', '.join(f'{name} {version}' for name, version in machine.libraries.items())}",
        f"For {objective_in_words(objective)}. {gain_in_words(choice)}",
        "",
        *_rows(choice.trials),
    ]
    best = choice.best
    settings = [f"workers = {best.workers}", f"threads = {best.threads}", f"max_batch = {best.max_batch}"]
    return "\n".join([*(_comment(line) for line in comments), "", "[serve]", *settings, ""])


def objective_in_words(objective: Objective) -> str:
    """
    Say what is wanted.

    >>> objective_in_words(Objective(p99_ms=50, rate=20))
    'the lowest p99 at 20 requests a second, under 50 ms'
    """
    if objective.rate is None:
        return "the most good answers a second"
    return f"the lowest p99 at {objective.rate:g} requests a second, under {objective.p99_ms:g} ms"


def gain_in_words(choice: Choice) -> str:
    """Say what the chosen settings are worth."""
    if choice.gain == 1.0:
        return "Nothing was better than the default settings by more than noise, so these are they."
    if choice.gain == float("inf"):
        return "The default settings do not do what is wanted; these do."
    return f"{choice.gain:.2f} times as good as the default settings, measured in the same round."


def _rows(trials: Sequence[Trial]) -> Iterator[str]:
    yield "round seconds workers threads max_batch answers/s   p50 ms   p99 ms"
    for trial in trials:
        tried = trial.candidate
        row = (
            f"{trial.round + 1:>5} {trial.seconds:>7g} {tried.workers:>7} {tried.threads:>7} {tried.max_batch:>9} "
            f"{trial.throughput_per_s:>9.4g} {trial.p50_ms:>8.4g} {trial.p99_ms:>8.4g}"
        )
        yield f"{row}  {trial.reason}".rstrip()


def _comment(line: str) -> str:
    r"""
    Make a comment of one line; what a path may hold beyond text must not end it.

    >>> _comment("a\nport = 1")
    '# a\\nport = 1'
    """
    return "# " + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line) if line else "#"
