"""
How long Andon takes to start: `import andon`, and `andon --help`.

    python benchmarks/startup.py

A wheel is built and installed with its pinned dependencies into a new venv, byte-compiled as pip does it.
Each command then runs in a new process; the best of five counts. Exits with 1 where a limit is passed.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = 5
LIMITS_MS = {"python -c 'pass'": None, "import andon": 150.0, "andon --help": 300.0}


def build_venv(folder: Path, environment: Mapping[str, str]) -> Path:
    """Install the wheel of this checkout into a new venv; return its folder of programs."""
    python = sys.executable
    subprocess.run([python, "-m", "venv", "--without-pip", str(folder / "venv")], check=True, env=environment)
    programs = folder / "venv" / "bin"
    wheels = ["wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run([python, "-m", "pip", *wheels], check=True, env=environment)
    (wheel,) = folder.glob("andon-*.whl")
    install = ["install", "--quiet", "--constraint", str(ROOT / "constraints.txt"), str(wheel)]
    subprocess.run([python, "-m", "pip", "--python", str(programs / "python"), *install], check=True, env=environment)
    return programs


def best_ms(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> float:
    """Run a command once to warm the disk cache, then measure it; the best of five in milliseconds."""
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        subprocess.run(command, check=True, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
        times.append((time.perf_counter() - started) * 1e3)
    return min(times[1:])


def machine() -> str:
    """Name the processor, its cores and the versions that matter."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{len(names)} cores of {names[0] if names else platform.machine()}, Python {platform.python_version()}"


def main() -> int:
    """Measure, print a table, and return the exit code."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        programs = build_venv(folder, environment)
        commands = (
            [str(programs / "python"), "-c", "pass"],
            [str(programs / "python"), "-c", "import andon"],
            [str(programs / "andon"), "--help"],
        )
        over = False
        print(f"{machine()}, best of {RUNS}")
        for command, (what, limit) in zip(commands, LIMITS_MS.items(), strict=True):
            found = best_ms(command, folder, environment)
            over = over or (limit is not None and found > limit)
            print(f"{what:18} {found:6.0f} ms" + (f"   limit {limit:.0f} ms" if limit else ""))
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
