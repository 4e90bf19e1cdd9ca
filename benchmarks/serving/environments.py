"""
The environment of each peer: a venv outside of the tree, made once, and made anew when what it needs changes.

torch, NumPy and Pillow are installed once, into the environment `shared`, which the others read too; a peer that needs
other versions of these gets its own.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

NEEDS = Path(__file__).parent / "requirements"
SHARED = "shared"
DEBIAN_PYTHON = "/usr/bin/python3"
"""pytriton fails on Python 3.11.7 and works on Debian's 3.11.2, so all peers run on that where it is there."""


def cache_folder() -> Path:
    """Give the folder for environments and workloads: 4 GB."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "andon-benchmarks"


def environment_python(name: str) -> Path:
    """
    Give the Python of a peer, and make its environment where there is none.

    Raises:
        subprocess.CalledProcessError: It cannot be installed here; pip has said why on stderr.
    """
    shared = None if name == SHARED else environment_python(SHARED)
    needs = (NEEDS / f"{name}.txt").read_bytes()
    venv = cache_folder() / name
    stamp = venv / f"installed-{hashlib.sha256(needs).hexdigest()[:16]}"
    if not stamp.exists():
        print(f"installing {name} ...", file=sys.stderr, flush=True)
        shutil.rmtree(venv, ignore_errors=True)
        install(venv, NEEDS / f"{name}.txt", shared)
        stamp.touch()
    return venv / "bin" / "python"


def install(venv: Path, needs: Path, shared: Path | None) -> None:
    """Make a venv, which also reads the packages of another one, and install what a peer needs."""
    base = DEBIAN_PYTHON if Path(DEBIAN_PYTHON).exists() else sys.executable
    subprocess.run([base, "-m", "venv", "--without-pip", str(venv)], check=True)
    if shared is not None:
        (packages,) = (venv / "lib").glob("python*/site-packages")
        (theirs,) = (shared.parents[1] / "lib").glob("python*/site-packages")
        (packages / "shared.pth").write_text(f"{theirs}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(venv / "bin" / "python"), "install", "--no-input", "--quiet"]
    subprocess.run([*pip, "-r", str(needs)], check=True, stdout=sys.stderr)
