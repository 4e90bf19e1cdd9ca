"""
The in-process limit of a bundle: `python limit_andon.py BUNDLE RUNTIME PRECISION SIZE SECONDS`.

It uses Andon's decoder, its preparation and the runtime's session; nothing is queued, finished or answered.
"""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from timed_loop import run_timed

from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Execution, Manifest
from andon.runtimes.base import SessionOptions
from andon.runtimes.registry import get_runtime
from andon.vision.decode import decode
from andon.vision.prepare import prepare


def wanted_execution(manifest: Manifest, runtime: str, precision: str) -> Execution:
    """Find the execution; where the bundle lists none, the precision is a hint to the runtime."""
    found = [one for one in manifest.executions if (one.runtime, one.precision) == (runtime, precision)]
    return found[0] if found else Execution(artifact="onnx", runtime=runtime, precision=precision)


def main(path: str, runtime: str, precision: str) -> None:
    """Open the execution, and measure."""
    bundle = read_bundle(Path(path))
    execution = wanted_execution(bundle.manifest, runtime, precision)
    artifact = next(one for one in bundle.manifest.artifacts if one.name == execution.artifact)
    options = SessionOptions(output_shape=bundle.manifest.output.shape, threads=1)
    session = get_runtime(runtime).open(artifact, bundle.members[artifact.path], execution, options)
    spec = bundle.manifest.input

    def run(photos: Sequence[bytes]) -> object:
        return session.run(np.stack([prepare(decode(photo, spec), spec) for photo in photos])).argmax(axis=1)

    run_timed(run)


if __name__ == "__main__":
    main(*sys.argv[1:4])
