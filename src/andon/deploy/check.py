"""Whether a written folder does what it says: nginx is started in it, asked, and ended again."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import msgspec

from andon.deploy.folder import CONFIGURATION, read_configuration
from andon.deploy.nginx import BODY_BUFFER_BYTES, NginxOptions, read_options
from andon.deploy.visitor import Unmet, Visitor
from andon.programs import Child, find_program, usable_port

START_TIMEOUT_S = 10.0
_SMALL_PIXELS, _LARGE_PIXELS = 64, 2000
"""Sides of the images that are sent, 3 bytes a pixel; the larger one does not fit into the buffer."""


class Check(msgspec.Struct, frozen=True):
    """One thing that was looked at."""

    name: str
    holds: bool
    detail: str
    """What was found; where it does not hold, why, and what to do."""


def check_folder(folder: Path, *, report: Callable[[str], None] = lambda _: None) -> list[Check]:
    """
    Test a folder that `andon deploy nginx` wrote, on this machine, with the services that run now.

    nginx listens for some seconds where the configuration says, and is ended in every case.

    Args:
        folder: It may have been changed by hand since.
        report: Told what is looked at next.

    Returns:
        The checks in order. Where nginx refuses the configuration, or does not start, that is the
        last. Where no service runs, those that need one do not hold.

    Raises:
        EnvironmentFault: `environment.program`: nginx is not installed; `environment.port`: the
            port is taken, for one by nginx in this very folder.
        UsageError: `usage.path`: there is no configuration; `deploy.folder`: it cannot be read.
    """
    return list(_checks(folder, report))


def _checks(folder: Path, report: Callable[[str], None]) -> Iterator[Check]:
    options = read_options(read_configuration(folder))
    nginx = find_program("nginx", "nginx-light")

    def look(name: str, found: Callable[[], str]) -> Check:
        report(name)
        try:
            return Check(name, holds=True, detail=found())
        except Unmet as unmet:
            return Check(name, holds=False, detail=str(unmet))

    command = (nginx, "-p", str(folder.resolve()), "-c", CONFIGURATION)
    yield (check := look("configuration", lambda: _accepted_by(command)))
    if not check.holds:
        return
    hint = f"end nginx if it runs in this folder (nginx -p {folder} -c {CONFIGURATION} -s quit), change `listen`"
    usable_port(options.listen.port, options.listen.host, hint=hint)
    with (
        tempfile.TemporaryFile() as said,
        Child(*command, "-g", "daemon off;", stdout=said, stderr=said) as child,
        Visitor(options, folder) as visitor,
    ):
        yield (check := look("start", lambda: _started(child, visitor, said)))
        if check.holds:
            yield from (look(name, found) for name, found in _visits(visitor, options, child))


def _accepted_by(command: tuple[str, ...]) -> str:
    """Let nginx read the configuration, and give its version."""
    tested = _run(*command, "-t", "-q")
    if tested.returncode:
        raise Unmet(_last_line(tested.stderr))
    return _last_line(_run(command[0], "-v").stderr).partition(": ")[2]


def _started(child: Child, visitor: Visitor, said: IO[bytes]) -> str:
    if child.wait_until(visitor.is_answered, START_TIMEOUT_S):
        return f"listens on {visitor.url}"
    said.seek(0)
    raise Unmet(_last_line(said.read()) or f"no answer on {visitor.url} within {START_TIMEOUT_S:g} s")


def _visits(visitor: Visitor, options: NginxOptions, child: Child) -> Iterator[tuple[str, Callable[[], str]]]:
    """Name what a client can see, and how to look at it: each service alone, then all of them through nginx."""
    for upstream in options.upstreams:
        yield f"upstream {upstream}", lambda upstream=upstream: visitor.see_upstream(upstream)  # type: ignore[misc]
    yield "request", visitor.see_root
    yield "image", lambda: visitor.see_image(_SMALL_PIXELS)
    if options.max_body_bytes > 2 * BODY_BUFFER_BYTES:
        yield "image on disk", lambda: visitor.see_image(_LARGE_PIXELS)
    yield "too large a body", visitor.see_refusal
    yield "access log", lambda: visitor.see_log(child)


def _run(*command: str) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, check=False)  # noqa: S603 -- no shell, and only arguments made here


def _last_line(said: bytes) -> str:
    """Take the reason from what nginx says: the last line that does not sum up those before it."""
    summaries = ("test failed", "still could not bind()")
    lines = [line for line in said.decode("utf-8", "replace").splitlines() if not line.endswith(summaries)]
    return lines[-1].strip() if lines else ""
