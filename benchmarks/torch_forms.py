"""
How many images a second each form of a model infers with one thread, in ONNX Runtime and in torch.

    python benchmarks/torch_forms.py [--rounds 9]

The model is that of `andon demo photos`, on noise. One process has all the sessions open and runs them in turn, in
another order each round; medians count. `not frozen` and `optimised` are TorchScript as Andon does not run it.
"""

import argparse
import io
import random
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from msgspec import convert
from startup import machine

from andon.build.export import example_of, export_onnx, normalised_graph
from andon.build.export_torch import export_eager, export_pt2, export_torchscript
from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Artifact, Execution
from andon.demo import photos
from andon.runtimes.base import SessionOptions
from andon.runtimes.registry import get_runtime
from andon.tensors import FloatArray, UInt8Array, relative_difference

SIZE = (224, 224)
BATCHES = (1, 8)
RUNS = 10
FACTORY = "benchmarks.torch_forms:network"

Run = Callable[[UInt8Array], FloatArray]


def network() -> torch.nn.Module:
    """Build the network without its weights."""
    built: torch.nn.Module = EfficientNet.from_name("efficientnet-lite0")
    return built


def ways() -> Mapping[str, Run]:
    """Open the model in each form."""
    spec, model = convert(photos.INPUT, InputSpec), photos.model()
    wanted = GraphInput(spec, SIZE)
    graph, example = normalised_graph(model, wanted), example_of(wanted, dynamic_batch=True)
    script = export_torchscript(graph, example)
    traced: Any = torch.jit.trace(graph, (example,), check_trace=False)  # type: ignore[no-untyped-call] # it has no types
    return {
        "ONNX Runtime": opened("onnxruntime", "onnx", export_onnx(model, wanted)),
        "torch, TorchScript": opened("torch", "torchscript", script),
        "torch, TorchScript not frozen": alone(traced),
        "torch, TorchScript optimised": alone(
            torch.jit.optimize_for_inference(torch.jit.freeze(loaded(script).eval()))
        ),
        "torch, pt2": opened("torch", "pt2", export_pt2(graph, example)),
        "torch, eager": opened("torch", "eager", export_eager(graph, FACTORY)),
    }


def loaded(script: bytes) -> Any:
    """Load TorchScript as torch does by itself."""
    return torch.jit.load(io.BytesIO(script))  # type: ignore[no-untyped-call] # it has no types


def opened(runtime: str, kind: Any, data: bytes) -> Run:
    """Open an artifact as a bundle would."""
    artifact = Artifact(name=kind, format=kind, path="model", factory=FACTORY if kind == "eager" else None)
    options = SessionOptions(output_shape=(1000,), threads=1)
    return get_runtime(runtime).open(artifact, data, Execution(artifact=kind, runtime=runtime), options).run


def alone(module: Any) -> Run:
    """Run a module of torch without Andon."""

    def run(batch: UInt8Array) -> FloatArray:
        with torch.inference_mode():
            answer: FloatArray = module(torch.from_numpy(batch)).numpy()
        return answer

    return run


def images_per_s(run: Run, batch: UInt8Array) -> float:
    """Run a batch again and again."""
    started = time.perf_counter()
    for _ in range(RUNS):
        run(batch)
    return RUNS * len(batch) / (time.perf_counter() - started)


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    noise = np.random.default_rng(0).integers(0, 256, (max(BATCHES), *SIZE, 3)).astype(np.uint8)
    runs = ways()
    wanted = runs["ONNX Runtime"](noise)
    found: dict[tuple[str, int], list[float]] = {(name, count): [] for name in runs for count in BATCHES}
    for _ in range(rounds):
        for name, count in random.sample(sorted(found), len(found)):
            images_per_s(runs[name], noise[:count])  # the first runs of TorchScript are its compiler's
            found[name, count].append(images_per_s(runs[name], noise[:count]))
    print(f"{machine()}, torch {torch.__version__}, {rounds} rounds, images/s")
    print(f"{'':30} {'batch 1':>20} {'batch 8':>20}   away from ONNX Runtime")
    for name, run in runs.items():
        numbers = "".join(f" {in_words(found[name, count]):>20}" for count in BATCHES)
        print(f"{name:30}{numbers}   {relative_difference(run(noise), wanted):.1e}")


def in_words(measured: list[float]) -> str:
    """Give the median with the extremes."""
    return f"{statistics.median(measured):.0f} ({min(measured):.0f}-{max(measured):.0f})"


if __name__ == "__main__":
    main()
