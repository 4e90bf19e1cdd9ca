"""What an application must know of gunicorn: whether it is there, and how to stop it with a reason."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from andon.errors import AndonError

BOOT_ERROR = 3
"""The exit code that tells gunicorn to stop instead of starting the worker again (`Arbiter.WORKER_BOOT_ERROR`)."""
_WAIT_S = 15.0
"""How long a later worker waits for the first to fail; on a quiet machine it is told to end long before."""


def is_gunicorn() -> bool:
    """Ask whether this process is a master or a worker of gunicorn."""
    return "gunicorn.arbiter" in sys.modules


def is_booting() -> bool:
    """Ask whether gunicorn is loading the application now; not so where a request makes another one."""
    is_main = threading.current_thread() is threading.main_thread()
    return is_gunicorn() and is_main and not getattr(_worker(), "booted", False)


def is_preloading() -> bool:
    """Ask whether this process is a master that loads the application before it forks (`--preload`)."""
    # A worker has this handler before it loads the application, a master never.
    return is_gunicorn() and not callable(signal.getsignal(signal.SIGABRT))


def worker_number() -> int:
    """Count from 1 the workers that gunicorn has started up to this one; 0 in a master that preloads."""
    return 0 if is_preloading() else getattr(_worker(), "age", 1)


def tell(sentence: str) -> None:
    """Write a line to gunicorn's own log, beside those about its workers; elsewhere to that of Andon."""
    logging.getLogger("gunicorn.error" if is_gunicorn() else "andon").info("%s", sentence)


@contextmanager
def booting(number: int, *, forked: bool = False) -> Iterator[None]:
    """
    Run what must succeed before this process may serve; an error stops gunicorn, and is logged once.

    An exception would be printed with a traceback of gunicorn's own frames, by each worker. And
    where two workers end with `BOOT_ERROR`, gunicorn 27 fails while it stops: so all but the first
    wait a moment to be stopped, and say nothing.

    Args:
        number: As `worker_number` gives it.
        forked: Whether this worker was forked a moment ago, and has the signal handlers of its master.

    Raises:
        SystemExit: With `BOOT_ERROR`, in place of an AndonError; what is not one is let through.
    """
    if not getattr(_worker(), "alive", True):
        # Told to stop while Python imported what leads here.
        raise SystemExit(0)
    handlers = _stop_at_once() if number > 0 else {}
    try:
        yield
    except AndonError as error:
        if number > 1:
            time.sleep(_WAIT_S)
        logging.getLogger("gunicorn.error").error("%s", error)  # noqa: TRY400 -- the reason says it all
        raise SystemExit(BOOT_ERROR) from None
    if not forked:
        for signal_number, handler in handlers.items():
            signal.signal(signal_number, handler)


def _worker() -> object:
    """Give gunicorn's worker, whose method handles the signal; None in a master."""
    return getattr(signal.getsignal(signal.SIGTERM), "__self__", None)


def _stop_at_once() -> dict[int, Any]:
    """
    From now on, end this worker at once when it is told to stop; give the handlers from before.

    Gunicorn's own handlers let it load to the end. And the handlers of a master, in a worker that
    was just forked, note the signal in a queue that nobody reads, so that the master waits 30 s
    for its worker: those must not come back. Gunicorn installs the worker's own soon.
    """
    return {number: signal.signal(number, _exit_at_once) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)}


def _exit_at_once(_number: int, _frame: object) -> None:
    os._exit(0)
