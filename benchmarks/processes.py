"""
How many images a second several processes of one machine infer together, by runtime and threads.

    python benchmarks/processes.py [--pinned] [BUNDLE]

Without a bundle it is that of `andon demo photos`. Each process loads the model and runs the same image again
and again, alone; all begin at the same moment. Every round measures every row once, in new processes; medians
count. `--pinned` adds rows in which OpenVINO pins its threads to cores, as it does by itself.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from msgspec import Struct
from startup import machine

from andon.bundle.archive import read_bundle
from andon.bundle.manifest import Execution, Precision
from andon.demo.photos import pack_photos
from andon.machine import available_cores
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.openvino_runtime import OpenVinoSession, compile_settings, read_onnx, shared_core
from andon.runtimes.ports import Port
from andon.runtimes.registry import get_runtime

if TYPE_CHECKING:
    from multiprocessing.queues import Queue
    from multiprocessing.synchronize import Barrier

ROUNDS = 5
WARM_RUNS = 5
MEASURED_S = 3.0
PATIENCE_S = 120.0


class Row(Struct, frozen=True, kw_only=True):
    """One way to use the machine."""

    runtime: str
    precision: Precision = "fp32"
    processes: int
    threads: int
    """Compute threads of one run."""
    callers: int = 1
    """Threads of each process that run the session."""
    is_pinned: bool = False

    @property
    def form(self) -> str:
        """What is compared from row to row."""
        callers = f" x {self.callers} callers" if self.callers > 1 else ""
        return f"{self.processes} x {self.threads}{callers}"


def rows(*, pinned: bool) -> Iterator[Row]:
    """List what is measured in each round."""
    cores = available_cores()
    kinds: tuple[tuple[str, Precision], ...] = (("onnxruntime", "fp32"), ("openvino", "fp32"), ("openvino", "bf16"))
    for runtime, precision in kinds:
        for processes, threads, callers in ((1, cores, 1), (1, 1, cores), (cores, 1, 1), (2 * cores, cores, 1)):
            yield Row(runtime=runtime, precision=precision, processes=processes, threads=threads, callers=callers)
        if pinned and runtime == "openvino":
            for processes, threads in ((1, cores), (cores, 1), (2 * cores, cores)):
                yield Row(runtime=runtime, precision=precision, processes=processes, threads=threads, is_pinned=True)


def open_row(row: Row, path: Path) -> tuple[Session, np.ndarray]:
    """Open the bundle's ONNX artifact, and make an image for it."""
    bundle = read_bundle(path)
    artifact = next(artifact for artifact in bundle.manifest.artifacts if artifact.format == "onnx")
    execution = Execution(artifact=artifact.name, runtime=row.runtime, precision=row.precision)
    options = SessionOptions(output_shape=bundle.manifest.output.shape, threads=row.threads, callers=row.callers)
    data = bundle.members[artifact.path]
    session = get_runtime(row.runtime).open(artifact, data, execution, options)
    if session.input_shape is None:
        raise SystemExit(f"{path} takes images of any size")
    image = np.random.default_rng(0).integers(0, 256, (1, *session.input_shape), dtype=np.uint8)
    if row.is_pinned:
        # As OpenVINO is used by itself: one stream, pinned.
        settings = {**compile_settings(execution, options), "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": True}
        port = Port(name="image", dtype=artifact.dtype, shape=(None, *session.input_shape))
        session = OpenVinoSession(shared_core().compile_model(read_onnx(data), "CPU", settings), port)
    return session, image


def infer(row: Row, path: Path, start: "Barrier", rates: "Queue[float]") -> None:
    """Run the image in one process, with all its callers, and tell the images a second."""
    session, image = open_row(row, path)
    for _ in range(WARM_RUNS):
        session.run(image)
    counts = [0] * row.callers

    def call(caller: int, ends_at: float) -> None:
        while time.perf_counter() < ends_at:
            session.run(image)
            counts[caller] += 1

    start.wait(PATIENCE_S)
    started = time.perf_counter()
    callers = [threading.Thread(target=call, args=[caller, started + MEASURED_S]) for caller in range(row.callers)]
    for thread in callers:
        thread.start()
    for thread in callers:
        thread.join()
    rates.put(sum(counts) / (time.perf_counter() - started))


def images_a_second(row: Row, path: Path) -> float:
    """Measure one row in processes of its own."""
    context = multiprocessing.get_context("spawn")
    start, rates = context.Barrier(row.processes), context.Queue()
    processes = [context.Process(target=infer, args=(row, path, start, rates)) for _ in range(row.processes)]
    for process in processes:
        process.start()
    total: float = sum(rates.get(timeout=PATIENCE_S) for _ in processes)
    for process in processes:
        process.join()
    return total


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", metavar="BUNDLE", nargs="?", type=Path)
    parser.add_argument("--pinned", action="store_true", help="measure OpenVINO with its threads pinned too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = given.bundle or Path(folder, "photos.andon")
        if given.bundle is None:
            pack_photos(path)
        measured = {row: [images_a_second(row, path)] for row in rows(pinned=given.pinned)}
        for _ in range(ROUNDS - 1):
            for row, found in measured.items():
                found.append(images_a_second(row, path))
    print(f"{machine()}, {path.name}, images a second, {ROUNDS} rounds")
    print(f"{'runtime':24}{'processes x threads':22}{'median':>8}{'least':>8}{'most':>8}")
    for row, found in measured.items():
        name = f"{row.runtime} {row.precision}{' pinned' if row.is_pinned else ''}"
        print(f"{name:24}{row.form:22}{statistics.median(found):8.1f}{min(found):8.1f}{max(found):8.1f}")


if __name__ == "__main__":
    main()
