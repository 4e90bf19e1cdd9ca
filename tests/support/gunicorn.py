"""Real gunicorn."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.program import ServerProgram
from tests.support.wire import HOST


class Gunicorn(ServerProgram):
    """
    One gunicorn on a free port.

    Args:
        words: The words of the command after `gunicorn`; `-b` adds an address.
        folder: Where it runs.
        environment: Variables beside those of this process.
    """

    listening = "Listening at: "

    def __init__(self, *words: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        pytest.importorskip("gunicorn", reason="gunicorn is not installed: pip install gunicorn")
        super().__init__([sys.executable, "-m", "gunicorn", "-b", f"{HOST}:0", *words], folder, environment)
