"""A process with a bundle in it is quiet: ONNX Runtime and OpenVINO, whose telemetry is on, report and keep nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from andon.runtimes.registry import RUNTIMES
from tests.support.tree import SOURCE

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
model = andon.load(sys.argv[1], threads=int(sys.argv[2]), runtime=sys.argv[3])
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


def run(code: str, bundle: Path, runtime: str, threads: int, home: Path) -> str:
    """
    Run code after `LOAD` in a process of its own, and give what it prints.

    Only PATH and where Andon lies are handed on: the libraries are quiet by themselves where they
    find themselves in a CI, or a variable set by a test before this one.
    """
    if not RUNTIMES[runtime].is_installed():
        pytest.skip(f"the library of the runtime {runtime} is not installed")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    environment["PYTHONPATH"] = str(SOURCE.parent)
    command = [sys.executable, "-c", LOAD + code, str(bundle), str(threads), runtime]
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"exit code {done.returncode}: {done.stderr}"
    return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The empty home of a user, with an empty cache in it."""
    (tmp_path / "home/cache").mkdir(parents=True)
    return tmp_path / "home"


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_loading_and_predicting_leave_nothing_running_and_nothing_on_disk(
    runtime: str, threads: int, colours: Path, home: Path
) -> None:
    """There are the compute threads and no other that could report, no file or socket is open, the home is empty."""
    started, opened = json.loads(run(LOOK, colours, runtime, threads, home))
    # OpenVINO has as many compute threads as there are cores at most, and two that hand over to them.
    assert started == threads - 1 if runtime == "onnxruntime" or threads == 1 else started <= threads + 1
    assert [name for name in opened if name.startswith(("/", "socket:")) and name != "/dev/null"] == []
    assert sorted(home.rglob("*")) == [home / "cache"]


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_a_forked_child_ends(runtime: str, colours: Path, home: Path) -> None:
    """With one compute thread no thread is missing in the child, so that it exits and does not hang."""
    assert run(FORK, colours, runtime, 1, home) == "0\n"
