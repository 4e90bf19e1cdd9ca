"""A server with all the processes that it has started: found, counted and ended, by what /proc says."""

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

MARK = "SERVING_BENCHMARK"
"""A variable that every descendant inherits, also one whose parent has ended."""
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 20.0


def children(pid: int) -> list[int]:
    """List the children of a process; of one that has ended, none."""
    found = []
    for task in _listed(Path(f"/proc/{pid}/task")):
        with contextlib.suppress(OSError):
            found += [int(word) for word in (task / "children").read_text().split()]
    return found


def descendants(pid: int) -> list[int]:
    """List a process and all below it, parents first."""
    found = [pid]
    for one in found:
        found += [child for child in children(one) if child not in found]
    return found


def marked(mark: str) -> list[int]:
    """List the processes that have inherited a mark."""
    return [int(path.name) for path in _listed(Path("/proc")) if path.name.isdigit() and _has(path / "environ", mark)]


def cpu_s(pid: int) -> float:
    """Give the processor seconds of one process, in its own code and in the kernel; 0 where it has ended."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS
    return 0.0


def memory_bytes(pid: int, field: str = "Pss") -> int:
    """Give the proportional or resident (`Rss`) set size of one process; 0 where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _has(path: Path, mark: str) -> bool:
    with contextlib.suppress(OSError):
        return f"{MARK}={mark}".encode() in path.read_bytes().split(b"\0")
    return False


class Tree:
    """
    One running server: as a context manager it is started, and ended with every process below it.

    Args:
        command: The program with its arguments.
        variables: Its environment.
        log: Where its output goes.
        folder: Where it works.
    """

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path, folder: Path) -> None:
        self._mark = uuid.uuid4().hex
        self._arguments = (command, {**variables, MARK: self._mark}, log, folder)

    def __enter__(self) -> "Tree":
        command, variables, log, folder = self._arguments
        with log.open("wb") as out:
            self._process = subprocess.Popen(
                command, env=variables, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, process_group=0
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(PATIENCE_S)
        self._process.kill()
        self._process.wait()
        while left := marked(self._mark):  # what has ended has no environment any more
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process that was started has not ended."""
        return self._process.poll() is None

    def pids(self) -> list[int]:
        """List the process with all below it, and those that have left it."""
        return sorted({*descendants(self.pid), *marked(self._mark)})

    def cpu_s(self) -> float:
        """Give the processor seconds of all that still run."""
        return sum(cpu_s(pid) for pid in self.pids())

    def pss_bytes(self) -> int:
        """Give the sum of proportional set sizes: what is shared among all counts once."""
        return sum(memory_bytes(pid) for pid in self.pids())

    def rss_bytes(self) -> int:
        """Give the sum of resident set sizes: what is shared counts for each; what others do does not move it."""
        return sum(memory_bytes(pid, "Rss") for pid in self.pids())
