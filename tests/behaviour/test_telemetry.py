"""A process with a bundle in it is quiet: ONNX Runtime, whose telemetry is on by default, reports and keeps nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

LOAD = """
import json, os, signal, sys
import numpy
import andon

def threads():
    return set(os.listdir("/proc/self/task"))

def files():
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if os.path.lexists(link)}

threads_before, files_before = threads(), files()
model = andon.load(sys.argv[1], threads=int(sys.argv[2]))
assert model.predict(numpy.zeros((60, 80, 3), numpy.uint8)).error is None
"""
LOOK = "print(json.dumps([len(threads() - threads_before), sorted(files() - files_before)]))"
FORK = """
child = os.fork()
if child == 0:
    signal.alarm(20)
    sys.exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def run(code: str, bundle: Path, threads: int, home: Path) -> str:
    """
    Run code after `LOAD` in a process of its own, and give what it prints.

    Only PATH is handed on: ONNX Runtime is quiet by itself where it finds itself in a CI, or the
    variable set by a test before this one.
    """
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    command = [sys.executable, "-c", LOAD + code, str(bundle), str(threads)]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
    return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The empty home of a user, with an empty cache in it."""
    (tmp_path / "home/cache").mkdir(parents=True)
    return tmp_path / "home"


@pytest.mark.parametrize("threads", [1, 3])
def test_loading_and_predicting_leave_nothing_running_and_nothing_on_disk(
    threads: int, colours: Path, home: Path
) -> None:
    """There are the compute threads and no other that could report, no file or socket is open, the home is empty."""
    started, opened = json.loads(run(LOOK, colours, threads, home))
    assert started == threads - 1
    assert [name for name in opened if name.startswith(("/", "socket:")) and name != "/dev/null"] == []
    assert sorted(home.rglob("*")) == [home / "cache"]


def test_a_forked_child_ends(colours: Path, home: Path) -> None:
    """With one compute thread no thread is missing in the child, so that it exits and does not hang."""
    assert run(FORK, colours, 1, home) == "0\n"
