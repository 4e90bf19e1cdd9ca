"""
The contract of a runtime: what executes an artifact.

Importing a runtime's module imports no library; `open` does. `andon.testing.check_runtime`
holds every one of them to the sentences below.
"""

from typing import Protocol

from msgspec import Struct

from andon.bundle.manifest import Artifact, Execution
from andon.tensors import FloatArray, UInt8Array


class SessionOptions(Struct, frozen=True, kw_only=True):
    """How a session uses the machine."""

    classes: int
    """Columns that the raw outputs should have: the number of labels."""
    threads: int = 1
    """Compute threads of one session, 1 or more. With 1 everything runs in the calling thread; none of them spins."""


class Session(Protocol):
    """One loaded artifact, ready to run; may be used from several threads at once."""

    input_shape: tuple[int, int, int] | None
    """Height, width and channels that the graph takes; None where any size will do."""

    def run(self, batch: UInt8Array) -> FloatArray:
        """
        Run one batch, in the calling thread and the session's own threads.

        Args:
            batch: uint8 (N, H, W, C), C order, N at least 1.

        Returns:
            Raw outputs, float32 (N, K); may hold numbers that are not finite.

        Raises:
            RuntimeFault: `runtime.run`, with the library's message; the session stays usable.
        """
        ...


class Runtime(Protocol):
    """A library that executes artifacts of some formats."""

    name: str
    """As in `executions[].runtime`."""

    formats: frozenset[str]
    """Formats of the artifacts that it executes, as in `artifacts[].format`."""

    def is_installed(self) -> bool:
        """Ask whether the library can be imported, without importing it."""
        ...

    def require_installed(self) -> None:
        """Raise `EnvironmentFault` naming the pip command where the library is absent."""
        ...

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """
        Load an artifact.

        Args:
            artifact: Its declaration.
            data: Its verified bytes; not kept longer than the library needs them.
            execution: Precision and device.
            options: Threads.

        Raises:
            RuntimeFault: `runtime.load`: the library refuses the bytes.
            BundleError: `bundle.artifact`: the artifact refers to files outside the bundle; the
                library is not asked.
            EnvironmentFault: `environment.extra`: the library is not installed.
        """
        ...
