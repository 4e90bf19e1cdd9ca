"""`andon bench tune`: the best settings of `andon serve` for a bundle on this machine, with the evidence."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.bench_run import command_in_words
from andon.cli.files import require_folder, write_file
from andon.cli.images import find_images
from andon.cli.options import AsJson, BundlePath, Trust
from andon.cli.output import say, write_json, write_table
from andon.cli.progress import progress_bar

if TYPE_CHECKING:
    from andon.bench.search import Trial

Images = Annotated[
    list[str],
    typer.Option("--images", metavar="PATH", help="Files, folders or patterns; may be repeated.", show_default=False),
]
Out = Annotated[
    Path, typer.Option("-o", "--out", metavar="TOML", help="The settings file to write.", show_default=False)
]
P99 = Annotated[
    float | None,
    typer.Option("--p99-ms", metavar="MS", min=0.1, help="With --rate: what p99 must stay under.", show_default=False),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="R", min=0.01, help="With --p99-ms: requests a second.", show_default=False),
]
Seconds = Annotated[
    float, typer.Option("--seconds", metavar="S", min=0.1, max=3600, help="Of each measurement of the first round.")
]


def tune(  # noqa: PLR0913 -- one an option
    file: BundlePath,
    *,
    images: Images,
    out: Out,
    p99_ms: P99 = None,
    rate: Rate = None,
    seconds: Seconds = 5.0,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """
    Find the best settings for a bundle on this machine.

    Services with other workers, threads and batches are started and measured; the better half is
    measured again for twice as long. Without --p99-ms and --rate the most answers a second count. What
    is not better than the default settings by more than noise is not chosen.
    """
    from andon.bench.facts import read_facts
    from andon.bench.measure import Talk, read_images
    from andon.bench.search import Objective
    from andon.bench.tune import TuneOptions
    from andon.bench.tune import tune as find_settings
    from andon.bench.tuned import gain_in_words, settings_text

    objective = Objective(p99_ms=p99_ms, rate=rate)
    read = read_images(find_images(images))
    require_folder(out)
    machine, command = read_facts(), command_in_words(["andon", *sys.argv[1:]])
    began = datetime.now(UTC).isoformat(timespec="seconds")
    options = TuneOptions(
        objective=objective, seconds=seconds, words=("--trust",) if trust else (), cores=machine.cores
    )
    with progress_bar() as report:
        talk = Talk(
            command=command,
            progress=lambda passed_s, of_s: report(round(passed_s), round(of_s), "measuring, seconds"),
            on_wait=lambda: None,
        )
        try:
            choice = find_settings(file, read, options, talk, told=_say_trial)
        except KeyboardInterrupt:
            say("interrupted: no settings were chosen, and nothing was written")
            raise
    write_file(out, settings_text(choice, objective, machine, command, began).encode())
    if as_json:
        write_json(choice)
    else:
        _write_trials(choice.trials)
    say(gain_in_words(choice), f"written: {out}", f"next: andon serve {file} --settings {out}")


def _say_trial(trial: "Trial") -> None:
    tried = trial.candidate
    result = trial.reason or f"{trial.throughput_per_s:.4g} a second, p99 {trial.p99_ms:.4g} ms"
    say(f"round {trial.round + 1}: {tried.workers} workers, {tried.threads} threads, batch {tried.max_batch}: {result}")


def _write_trials(trials: "tuple[Trial, ...]") -> None:
    columns = ("round", "seconds", "workers", "threads", "max_batch", "answers/s", "p50 ms", "p99 ms", "reason")
    rows = [
        (
            str(trial.round + 1),
            f"{trial.seconds:g}",
            str(trial.candidate.workers),
            str(trial.candidate.threads),
            str(trial.candidate.max_batch),
            f"{trial.throughput_per_s:.4g}",
            f"{trial.p50_ms:.4g}",
            f"{trial.p99_ms:.4g}",
            trial.reason,
        )
        for trial in trials
    ]
    write_table(columns, rows, right=columns[:-1])
