"""`andon deploy`: folders that run as they are, written and checked."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from andon.cli.options import AsJson
from andon.cli.output import say, write_json, write_table
from andon.cli.words import count_in_words

if TYPE_CHECKING:
    from andon.deploy.nginx import NginxOptions

MAX_DEADLINE_S = 600


Upstreams = Annotated[
    list[str],
    typer.Option("--upstream", metavar="HOST:PORT", help="A running service; once for each.", show_default=False),
]
Out = Annotated[Path, typer.Option("-o", "--out", metavar="DIR", help="The folder to write.", show_default=False)]
Listen = Annotated[str, typer.Option("--listen", metavar="HOST:PORT", help="Where nginx listens.")]
MaxBodyBytes = Annotated[
    int | None,
    typer.Option(
        "--max-body-bytes",
        metavar="N",
        min=1,
        help="Largest body; that of the service if not given.",
        show_default=False,
    ),
]
DeadlineS = Annotated[
    int | None,
    typer.Option(
        "--deadline-s",
        metavar="N",
        min=1,
        max=MAX_DEADLINE_S,
        help="Longest deadline of a request; that of the service if not given.",
        show_default=False,
    ),
]


def nginx(
    *,
    upstream: Upstreams,
    out: Out,
    listen: Listen = "127.0.0.1:5556",
    max_body_bytes: MaxBodyBytes = None,
    deadline_s: DeadlineS = None,
    as_json: AsJson = False,
) -> None:
    """
    Write nginx in front of several services.

    Requests go to the service with the fewest under way; one whose service is gone goes to
    another. DIR is made, or written again where nobody has changed it. nginx need not be
    installed to write it.
    """
    from andon.deploy.address import parse_address, parse_upstream
    from andon.deploy.folder import CONFIGURATION, write_folder
    from andon.deploy.nginx import DEFAULT_DEADLINE_S, NginxOptions, render
    from andon.settings.limits import DEFAULT_LIMITS

    options = NginxOptions(
        upstreams=tuple(map(parse_upstream, upstream)),
        listen=parse_address(listen, "--listen"),
        max_body_bytes=max_body_bytes or DEFAULT_LIMITS.max_body_bytes,
        deadline_s=deadline_s or DEFAULT_DEADLINE_S,
    )
    write_folder(out, render(options))
    if as_json:
        write_json(
            {
                "folder": str(out),
                "configuration": str(out / CONFIGURATION),
                "listen": str(options.listen),
                "upstreams": [str(address) for address in options.upstreams],
                "max_body_bytes": options.max_body_bytes,
                "deadline_s": options.deadline_s,
            }
        )
    _say_what_to_know(out, options)


def _say_what_to_know(out: Path, options: "NginxOptions") -> None:
    from andon.deploy.folder import CONFIGURATION, is_closed_to_others

    folder = shlex.quote(str(out))
    upstreams = count_in_words(len(options.upstreams), "upstream")
    say(f"wrote {out / CONFIGURATION}: {upstreams}, listening on {options.listen}")
    if not options.listen.is_loopback:
        say(
            f"note: other machines can reach {options.listen}, and nginx asks nobody who they are",
            "      let each service ask for a token: andon serve FILE --token TOKEN",
            style="yellow",
        )
    if os.geteuid() == 0 and is_closed_to_others(out):
        say(
            f"note: nginx that root starts works as another user, who cannot enter {out}",
            "      large bodies would fail: write it elsewhere, as to /srv, or start nginx as an ordinary user",
            style="yellow",
        )
    say(f"next: andon deploy check {folder}", f"      nginx -p {folder} -c {CONFIGURATION}")


def check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that was written.", show_default=False)],
    *,
    as_json: AsJson = False,
) -> None:
    """
    Start what was written, ask it, and end it.

    The services behind it should run. The exit code is 1 where a check does not hold.
    """
    from andon.deploy.check import check_folder
    from andon.programs import interrupted_by_signals

    with interrupted_by_signals():
        checks = check_folder(folder)
    failed = [item for item in checks if not item.holds]
    if as_json:
        write_json({"folder": str(folder), "holds": not failed, "checks": checks})
    else:
        rows = ((item.name, "holds" if item.holds else "fails", item.detail) for item in checks)
        write_table(("check", "result", "detail"), rows)
    if failed:
        say(f"the check failed: {len(failed)} of {len(checks)}", style="bold red")
        raise typer.Exit(1)
    say(f"{folder} does what it says")
