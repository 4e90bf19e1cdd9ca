"""Real `andon serve`."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.support.machine import resident_bytes
from tests.support.program import ServerProgram

ANDON = Path(sys.executable).with_name("andon")


class AndonServe(ServerProgram):
    """
    One `andon serve`, which is ready when entered.

    Args:
        words: What is typed after `andon serve`, without `--port`.
        environment: Variables beside those of this process.
        port: Where it listens; 0 for any that is free.
        waits: Wait until it is ready, and fail the test where it is not.
    """

    listening = "listening on "

    def __init__(
        self, *words: str, environment: Mapping[str, str] | None = None, port: int = 0, waits: bool = True
    ) -> None:
        super().__init__([str(ANDON), "serve", "--port", str(port), *words], environment=environment)
        self._waits = waits

    def __enter__(self) -> Self:
        super().__enter__()
        try:
            return self.wait_until_it_serves() if self._waits else self
        except BaseException:
            self.__exit__()
            raise

    @property
    def resident_bytes(self) -> int:
        """The memory that it holds."""
        return resident_bytes(self.pid)

    def _serves(self) -> bool:
        return "ready: " in self.log and self.ask("GET", "/ready").status == 200
