"""A service whose ONNX Runtime hangs, or lies, when a test says so."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tests.support.waiting import wait_until


class Control:
    """
    What a service is told from outside while it runs.

    Args:
        folder: Of this test alone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._library = folder / "control", folder / "library"
        self._folder.mkdir()
        self._library.mkdir()
        shutil.copy(Path(__file__).with_name("unruly_onnxruntime.py"), self._library / "onnxruntime.py")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables that make a service listen to this."""
        python_path = f"{self._library}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep)
        return {"UNRULY": str(self._folder), "PYTHONPATH": python_path}

    def begin(self, what: Literal["import", "hang", "wrong"]) -> None:
        """Let importing the runtime or running the model wait from now on, or its answers be wrong."""
        (self._folder / what).touch()

    def end(self, what: Literal["import", "hang", "wrong"]) -> None:
        """Let it be as it was."""
        (self._folder / what).unlink()

    def wait_until_it_waits(self, what: Literal["import", "hang"]) -> None:
        """Wait until the service waits there."""
        wait_until((self._folder / f"{what}.reached").exists, f"the service waits at {what}")
