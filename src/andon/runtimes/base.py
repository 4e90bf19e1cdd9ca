"""
The contract of a runtime: what executes an artifact.

Importing a runtime's module imports no library; `open` does. `andon.testing.check_runtime`
holds every one of them to the sentences below.
"""

from typing import Protocol

from msgspec import Struct

from andon.bundle.manifest import Artifact, Execution
from andon.tensors import FloatArray, InputArray


class SessionOptions(Struct, frozen=True, kw_only=True):
    """How a session uses the machine."""

    output_shape: tuple[int | None, ...] | None
    """The shape that the raw outputs of one image must have, None for an open side; None as a whole for any."""
    threads: int = 1
    """
    Compute threads of one run, 1 or more; no more than there are cores. None of them spins for longer than
    a few milliseconds after it. With 1 thread and 1 caller everything runs in the calling thread, and no other
    is started.
    """
    callers: int = 1
    """
    Threads that will run the session at once, 1 or more: so many runs go on side by side. More may always come;
    they then wait for each other where the library cannot do better.
    """
    device: str = "cpu"
    """`cpu`, or `cuda:N` for one card."""


class Session(Protocol):
    """One loaded artifact, ready to run; may be used from several threads at once."""

    input_shape: tuple[int, int, int] | None
    """One image as the graph takes it, in the artifact's layout; None where any size will do."""

    def run(self, batch: InputArray) -> FloatArray:
        """
        Run one batch, in the calling thread and the session's own threads.

        Args:
            batch: (N, H, W, C) or (N, C, H, W) of the artifact's layout and dtype, C order, N at least 1.

        Returns:
            Raw outputs, float32 (N, ...); may hold numbers that are not finite.

        Raises:
            RuntimeFault: `runtime.run`, with the library's message; `runtime.output` for an answer that is no
                raw output, where the library could not tell so before. The session stays usable.
        """
        ...


class Runtime(Protocol):
    """A library that executes artifacts of some formats."""

    name: str
    """As in `executions[].runtime`."""

    formats: frozenset[str]
    """Formats of the artifacts that it executes, as in `artifacts[].format`."""

    precisions: frozenset[str]
    """As in `executions[].precision`."""

    devices: frozenset[str]
    """Kinds of device, as in `executions[].device`; whether there is one here is seen by `open`."""

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
            data: Its verified bytes; not kept longer than the library needs them. Whether it is
                trusted has been asked before.
            execution: Precision and kind of device.
            options: Threads, device, and the shape of the raw outputs.

        Raises:
            RuntimeFault: `runtime.load`: the library refuses the bytes.
            BundleError: `bundle.artifact`: the artifact refers to files outside the bundle; the
                library is not asked.
            EnvironmentFault: `environment.extra`: the library is not installed; `environment.device`:
                there is no such device, or the installed library cannot use it.
        """
        ...
