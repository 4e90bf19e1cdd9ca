"""`andon bench run`: load on a service, or on a bundle in this process, and what came of it."""

import shlex
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.files import require_folder, write_file
from andon.cli.images import find_images
from andon.cli.options import AsJson, DeviceName, PrecisionName, RuntimeName, Threads, Trust
from andon.cli.output import say, write_json
from andon.cli.progress import progress_bar
from andon.errors import UsageError

if TYPE_CHECKING:
    from andon.bench.report import Report

DEFAULT_CONNECTIONS = 8
DEFAULT_IN_FLIGHT = 256


class ArrivalChoice(StrEnum):
    """How requests are spread in the open loop."""

    fixed = "fixed"
    poisson = "poisson"


Where = Annotated[str, typer.Argument(metavar="URL|FILE", help="A running service, or a bundle.", show_default=False)]
Images = Annotated[
    list[str],
    typer.Option("--images", metavar="PATH", help="Files, folders or patterns; may be repeated.", show_default=False),
]
Connections = Annotated[
    int | None,
    typer.Option(
        "-c",
        "--connections",
        metavar="N",
        help="Clients at once; with --rate the most requests in flight. 8, with --rate 256; of a FILE 1.",
        show_default=False,
    ),
]
Rate = Annotated[
    float | None,
    typer.Option("--rate", metavar="R", help="Open loop: requests due each second.", show_default=False),
]
ArrivalsOption = Annotated[ArrivalChoice, typer.Option("--arrivals", help="Open loop: how they are spread.")]
Duration = Annotated[float, typer.Option("--duration", metavar="S", help="Seconds to measure.")]
WarmUp = Annotated[float, typer.Option("--warm-up", metavar="S", help="Seconds before that, thrown away.")]
Deadline = Annotated[
    float | None,
    typer.Option("--deadline-ms", metavar="MS", help="Sent along; what is later is not in time.", show_default=False),
]
Timeout = Annotated[float, typer.Option("--timeout", metavar="S", help="An answer later than this is an error.")]
Wait = Annotated[float, typer.Option("--wait-s", metavar="S", help="How long to wait for a service that loads.")]
ModelName = Annotated[
    str | None, typer.Option("--model", metavar="NAME", help="Which model of the service.", show_default=False)
]
Token = Annotated[
    str | None,
    typer.Option("--token", envvar="ANDON_TOKEN", help="For a service that wants one.", show_default=False),
]
CaFile = Annotated[
    Path | None,
    typer.Option("--ca-file", metavar="PEM", help="https: certificates to trust.", show_default=False),
]
Batch = Annotated[int, typer.Option("--batch", metavar="N", min=1, max=1024, help="Of a FILE: images run at once.")]
Page = Annotated[
    Path | None, typer.Option("--html", metavar="FILE", help="Also write a page with plots.", show_default=False)
]
Seed = Annotated[int, typer.Option("--seed", metavar="N", min=0, help="Of the arrivals.")]


def run(  # noqa: PLR0913 -- one an option
    where: Where,
    *,
    images: Images,
    connections: Connections = None,
    rate: Rate = None,
    arrivals: ArrivalsOption = ArrivalChoice.poisson,
    duration: Duration = 10.0,
    warm_up: WarmUp = 2.0,
    deadline_ms: Deadline = None,
    timeout: Timeout = 30.0,
    wait_s: Wait = 60.0,
    model: ModelName = None,
    token: Token = None,
    ca_file: CaFile = None,
    batch: Batch = 1,
    threads: Threads = None,
    runtime: RuntimeName = None,
    precision: PrecisionName = None,
    device: DeviceName = "cpu",
    trust: Trust = False,
    html: Page = None,
    seed: Seed = 0,
    as_json: AsJson = False,
) -> None:
    """
    Measure a service, or a bundle in this process.

    Without --rate it is a closed loop: each connection asks, waits and asks again. With --rate
    requests are due at times of their own, and latency counts from those. Exit code 1: no answer
    was good, one was wrong, or a request was not answered exactly once.
    """
    from andon.bench.measure import BundleOptions, ServiceOptions, Talk, measure_bundle, measure_service, read_images
    from andon.bench.plan import LoadPlan
    from andon.cli.bench_table import write_report
    from andon.model.choose import Request
    from andon.settings.devices import parse_device

    is_url = _is_url(where)
    _require_fitting(
        is_url,
        {"--rate": rate, "--model": model, "--deadline-ms": deadline_ms, "--ca-file": ca_file},
        {
            "--threads": threads,
            "--runtime": runtime,
            "--precision": precision,
            "--batch": batch > 1,
            "--trust": trust,
            "--device": device != "cpu",
        },
    )
    plan = LoadPlan(
        connections=connections
        if connections is not None
        else _default_connections(is_url=is_url, is_open=rate is not None),
        rate=rate,
        arrivals=arrivals.value,
        duration_s=duration,
        warm_up_s=warm_up,
        deadline_ms=deadline_ms,
        timeout_s=timeout,
        seed=seed,
    )
    if html is not None:
        require_folder(html)
    read = read_images(find_images(images))
    command = command_in_words(["andon", *sys.argv[1:]])
    with progress_bar() as report:

        def progress(passed_s: float, of_s: float) -> None:
            report(round(passed_s), round(of_s), "measuring, seconds")

        talk = Talk(command=command, progress=progress, on_wait=_say_waiting)
        if is_url:
            service = ServiceOptions(model=model, token=token, ca_file=str(ca_file) if ca_file else None, wait_s=wait_s)
            found = measure_service(where, read, plan, service, talk)
        else:
            request = Request(
                runtime=runtime,
                precision=precision.value if precision else None,
                device=parse_device(device),
                trust=trust,
            )
            bundle = BundleOptions(request=request, threads=threads, batch=batch)
            found = measure_bundle(Path(where), read, plan, bundle, talk)
    if as_json:
        write_json(found)
    else:
        write_report(found)
    if html is not None:
        _write_page(html, found)
    say(*(f"note: {warning}" for warning in found.warnings), style="yellow")
    if not found.holds:
        raise typer.Exit(1)


def command_in_words(words: Sequence[str]) -> str:
    """
    Give the command as it can be typed again, without the token: reports are passed on.

    >>> command_in_words(["andon", "bench", "run", "--token", "secret", "--images", "my parts"])
    "andon bench run --token ... --images 'my parts'"
    """
    shown = list(words)
    for place, word in enumerate(words):
        if word.startswith("--token="):
            shown[place] = "--token=..."
        elif word == "--token":
            shown[place + 1 : place + 2] = ["..."]
    return " ".join(word if word.endswith("...") else shlex.quote(word) for word in shown)


def _is_url(where: str) -> bool:
    if "://" in where:
        return True
    if not Path(where).exists():
        raise UsageError(
            "this is neither the URL of a service nor the path of a bundle",
            code="usage.path",
            where=where,
            hint="a URL begins with http:// or https://, a bundle ends with .andon",
        )
    return False


def _require_fitting(is_url: bool, of_services: dict[str, object], of_bundles: dict[str, object]) -> None:  # noqa: FBT001
    """Refuse options that would be left unused."""
    for name, value in (of_bundles if is_url else of_services).items():
        if value:
            raise UsageError(
                f"{name} is for {'a bundle in this process' if is_url else 'services'}, and this is "
                f"{'the URL of a service' if is_url else 'the path of a bundle'}",
                code="usage.argument",
                where=name,
                hint="a URL begins with http:// or https://",
            )


def _default_connections(*, is_url: bool, is_open: bool) -> int:
    if not is_url:
        return 1
    return DEFAULT_IN_FLIGHT if is_open else DEFAULT_CONNECTIONS


def _say_waiting() -> None:
    say("the service is there and not ready yet: waiting")


def _write_page(path: Path, report: "Report") -> None:
    from andon.bench.page import render_page

    write_file(path, render_page(report))
    say(f"written: {path}")
