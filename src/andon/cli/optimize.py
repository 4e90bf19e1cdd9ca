"""`andon optimize`: a new bundle whose first execution is the fastest that answers as before, on this machine."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.files import write_file
from andon.cli.images import find_images
from andon.cli.options import AsJson, BundlePath, Trust
from andon.cli.output import only_data_on_stdout, say, write_json, write_table
from andon.cli.pack import require_writable
from andon.cli.progress import progress_bar
from andon.errors import UsageError

if TYPE_CHECKING:
    from andon.build.optimize.optimize import OptimizeReport


class GoalChoice(StrEnum):
    """What counts."""

    throughput = "throughput"
    latency = "latency"


@only_data_on_stdout()
def optimize(  # noqa: PLR0913 -- one an option
    file: BundlePath,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "-o", "--out", metavar="FILE", help="The new bundle; NAME-fast.andon if not given.", show_default=False
        ),
    ] = None,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="DIR",
            help="Images as the line takes them: folders, files, patterns; may be repeated.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="CSV of image and right label; without it folders called as labels count.",
            show_default=False,
        ),
    ] = None,
    goal: Annotated[GoalChoice, typer.Option("--for", help="What has to be fast.")] = GoalChoice.throughput,
    min_agreement: Annotated[
        float,
        typer.Option(
            "--min-agreement", metavar="0-1", help="Share of clear labels and of verdicts to keep.", min=0, max=1
        ),
    ] = 0.99,
    min_agreement_low: Annotated[
        float, typer.Option("--min-agreement-low", metavar="0-1", help="Its lower bound at 95 %.", min=0, max=1)
    ] = 0.97,
    max_loss: Annotated[
        float, typer.Option("--max-loss", metavar="0-1", help="Share of right answers to lose.", min=0, max=1)
    ] = 0.003,
    max_change: Annotated[
        float, typer.Option("--max-change", metavar="0-1", help="How far a score may move.", min=0, max=1)
    ] = 0.25,
    max_output: Annotated[
        float,
        typer.Option("--max-output", metavar="0-1", help="How far boxes and maps may move, relative.", min=0, max=1),
    ] = 0.05,
    int8: Annotated[bool, typer.Option("--int8/--no-int8", help="Whether to try int8.")] = True,
    batch: Annotated[
        list[int] | None,
        typer.Option("--batch", metavar="N", min=1, help="Batches to time; 1 and 8 if not given.", show_default=False),
    ] = None,
    threads: Annotated[
        list[int] | None,
        typer.Option(
            "--threads", metavar="N", min=1, help="Threads to time; 1 and one a core if not given.", show_default=False
        ),
    ] = None,
    images: Annotated[int, typer.Option("--images", metavar="N", min=1, help="Images to compare at most.")] = 1000,
    budget_s: Annotated[
        float | None,
        typer.Option("--budget-s", metavar="S", min=0, help="Begin nothing new after S seconds.", show_default=False),
    ] = None,
    work: Annotated[
        Path | None,
        typer.Option(
            "--work", metavar="DIR", help="Keep unfinished work there; OUT.work if not given.", show_default=False
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write the evidence as a page.", show_default=False)
    ] = None,
    trust: Trust = False,
    as_json: AsJson = False,
) -> None:
    """
    Make a bundle faster, and prove that it answers as before.

    What this machine can run of the bundle is timed, in fp32, bf16 and int8, and its answers are
    compared with those of before. The fastest that holds the limits comes first in the new bundle;
    what every candidate came to is kept in it.
    """
    from andon.build.optimize.optimize import Options
    from andon.build.optimize.optimize import optimize as optimize_bundle
    from andon.bundle.archive import read_bundle
    from andon.bundle.evidence import Limits

    target = out or file.with_name(f"{file.name.removesuffix('.andon')}-fast.andon")
    require_writable(target)
    if html is not None:
        require_writable(html)
    truths = _read_truths(labels, read_bundle(file).manifest.output.labels) if labels else {}
    limits = Limits(
        min_agreement=min_agreement,
        min_agreement_low=min_agreement_low,
        max_loss=max_loss,
        max_change=max_change,
        max_output=max_output,
    )
    options = Options(
        limits=limits,
        goal=goal.value,
        int8=int8,
        batches=tuple(dict.fromkeys(batch or (1, 8))),
        threads=tuple(dict.fromkeys(threads or ())),
        max_images=images,
        budget_s=budget_s,
    )
    try:
        with progress_bar() as report:
            done = optimize_bundle(
                file,
                out=target,
                images=find_images(data) if data else (),
                truths=truths,
                options=options,
                trust=trust,
                work=work,
                progress=report,
            )
    except KeyboardInterrupt:
        say(f"stopped; nothing was written to {target}", "the same command goes on with what is done so far")
        raise
    if html is not None:
        _write_page(html, done, file.name)
    if as_json:
        write_json(_as_json(done))
    else:
        _write_table(done)
    _say_what_is_first(done)


def _read_truths(path: Path, labels: tuple[str, ...]) -> dict[str, str]:
    from andon.build.optimize.images import read_truths

    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", code="usage.path", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"not UTF-8 text: {error}", code="usage.argument", where=str(path)) from None
    return read_truths(text, path.parent, labels, str(path))


def _write_page(path: Path, report: "OptimizeReport", name: str) -> None:
    from andon.build.optimize.page import page

    write_file(path, page(report.evidence, name).encode(), what="the page ")


def _write_table(report: "OptimizeReport") -> None:
    from andon.build.optimize.page import COLUMNS, cells

    write_table(COLUMNS, map(cells, report.evidence.candidates), right=COLUMNS[2:])


def _as_json(report: "OptimizeReport") -> dict[str, object]:
    return {
        "path": str(report.path),
        "digest": report.digest,
        "version": report.digest[:12],
        "gain": report.gain,
        "executions": report.executions,
        "evidence": report.evidence,
    }


def _say_what_is_first(report: "OptimizeReport") -> None:
    from andon.build.optimize.page import sentences
    from andon.cli.declarations import execution_in_words

    for sentence in sentences(report.evidence):
        say(f"note: {sentence}", style="yellow")
    first = execution_in_words(report.executions[0])
    if report.gain == 1:
        say(f"nothing that holds is faster than {first}, which stays first; {report.path} has the evidence")
    else:
        say(f"{report.path} runs on {first}, {report.gain:.2f} times as fast as before")
    say(f"next: andon check {shlex.quote(str(report.path))}")
