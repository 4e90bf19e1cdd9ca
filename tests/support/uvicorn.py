"""Real uvicorn."""

import sys
from collections.abc import Mapping
from pathlib import Path

from tests.support.program import ServerProgram
from tests.support.wire import HOST


class Uvicorn(ServerProgram):
    """
    One uvicorn on a free port.

    Args:
        words: The words of the command after `uvicorn`, without `--port`.
        folder: Where it runs.
        environment: Variables beside those of this process.
    """

    listening = "Uvicorn running on "

    def __init__(self, *words: str, folder: Path, environment: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "uvicorn", "--host", HOST, "--port", "0", "--no-use-colors", *words]
        super().__init__(command, folder, environment)
