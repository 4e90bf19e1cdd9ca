"""A machine with CUDA cards, for this process and for services that it starts."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from andon.engine import local
from andon.integrations import own_device, per_process
from andon.machine import Machine
from andon.runtimes import onnx_runtime
from tests.support.carded_onnxruntime import CardedLibrary


def give_cards(patch: pytest.MonkeyPatch, *, cards: int = 2, cores: int = 4, **kind: Any) -> CardedLibrary:
    """Let this process see cards, and an ONNX Runtime of some kind that can use them; give that."""
    library = CardedLibrary(onnx_runtime.import_onnxruntime(), cards=cards, **kind)
    patch.setattr(onnx_runtime, "import_onnxruntime", lambda: library)
    for module in (local, own_device, per_process):
        patch.setattr(module, "read_machine", lambda: Machine(cores=cores, cards=cards))
    return library


@contextmanager
def as_one_of(siblings: str) -> Iterator[None]:
    """Let this process be one of the siblings of some name, and have taken no card; in the end it has none again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_device, "_siblings", lambda: siblings)
        patch.setattr(own_device, "_taken_here", {})
        yield
        own_device._forget_in_child()  # noqa: SLF001 -- what a process takes it keeps


def environment_with_cards(folder: Path, cards: int) -> Mapping[str, str]:
    """
    Give the variables that let a service see cards: those that `nvidia-smi` lists.

    Args:
        folder: Of this test alone.
        cards: How many.
    """
    programs, library = folder / "programs", folder / "library"
    programs.mkdir()
    library.mkdir()
    shutil.copy(Path(__file__).with_name("carded_onnxruntime.py"), library / "onnxruntime.py")
    program = programs / "nvidia-smi"
    listing = "".join(f"echo 'GPU {number}: NVIDIA L4 (UUID: GPU-{number})'\n" for number in range(cards))
    program.write_text(f"#!/bin/sh\n{listing}")
    program.chmod(0o755)
    return {
        "CARDS": str(cards),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{library}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(os.pathsep),
    }
