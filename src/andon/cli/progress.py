"""Progress bars: on stderr, and only where that is a terminal."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from andon.cli.output import talk_console

Report = Callable[[int, int, str], None]
"""Told how many are done, of how many, of what."""


@contextmanager
def progress_bar(*, shown: bool = True) -> Iterator[Report]:
    """
    Draw a bar while something long is done, and wipe it off at the end.

    Args:
        shown: False where data are written to the same terminal meanwhile.

    Yields:
        A callback for the work to report to; without a terminal it does nothing.
    """
    if not (shown and sys.stderr.isatty()):
        yield lambda _done, _total, _what: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # Data that are written meanwhile stay on stdout.
    with Progress(*columns, console=talk_console(), transient=True, redirect_stdout=False) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total, what: bar.update(task, completed=done, total=total, description=what)
