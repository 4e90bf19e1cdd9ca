"""
The runtime `torch`: exported programs, TorchScript and eager networks, on the CPU or a CUDA card.

The three forms of an artifact:

- `pt2`: what `torch.export.save` writes. The graph takes one tensor of the artifact's dtype and
  layout, normalisation inside, and gives one tensor of floats. Nothing of it may be pickled.
- `torchscript`: what `torch.jit.save` writes, of the same graph.
- `eager`: a safetensors file of the state dict of `torch_graph.normalising(network, ...)`, for the
  network that `artifact.factory` builds when it is called without arguments: `factor` and `shift`,
  float32 (1, C, 1, 1), where images are NHWC, and neither where they are NCHW model inputs; and
  each tensor of the network's own state dict as `model.NAME`. They must fit strictly.

torch has one number of compute threads for each thread that calls it. A session sets its own
while it loads and runs and puts the caller's back, so that sessions of different numbers, and a
host that trains beside them, do not meet.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault, first_line, missing_extra
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.ports import require_images_to_outputs
from andon.tensors import FloatArray, InputArray, fits_shape, sides_in_words

if TYPE_CHECKING:
    import torch

    from andon.runtimes.torch_load import LoadedGraph


class TorchRuntime:
    """Opens artifacts that torch itself runs; all of them can run code of the author's."""

    name = "torch"
    formats = frozenset({"pt2", "torchscript", "eager"})
    precisions = frozenset({"fp32"})
    devices = frozenset({"cpu", "cuda"})

    def is_installed(self) -> bool:
        """Ask whether torch can be imported."""
        return find_spec("torch") is not None

    def require_installed(self) -> None:
        """Raise where torch is absent."""
        if not self.is_installed():
            raise missing_extra("torch", "torch", "running a .pt2, TorchScript or eager artifact")

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Load an artifact onto the device; what is not known of a graph before it runs is checked when it runs."""
        self.require_installed()
        import_torch()
        from andon.runtimes.torch_load import LOADS

        device = require_device(options.device)
        with compute_threads(options.threads):
            graph = LOADS[artifact.format](artifact, data, device)
        if graph.ports is not None:
            require_images_to_outputs(*graph.ports, artifact, options.output_shape)
        return _TorchSession(graph, device, options)


def import_torch() -> ModuleType:
    """Import torch so that its threads sleep while they wait."""
    # OpenMP's threads spin else: with 4 processes of 2 threads on 2 cores EfficientNet-Lite0 gave 0.1 images/s each,
    # not 4 to 6, and one process beside other work 2 images/s, not 5 to 10. The variable is read when torch is
    # imported, and is meant for the whole process; a host that has set it, or imported torch before, has decided.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch

    module: ModuleType = torch
    return module


def require_device(name: str) -> "torch.device":
    """
    Find a device of torch's.

    Args:
        name: `cpu`, `cuda` or `cuda:N`.

    Raises:
        EnvironmentFault: `environment.device`.
    """
    import torch

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    known = ["cpu", *(f"cuda:{number}" for number in range(count))]
    if name not in known and not (name == "cuda" and count):
        raise EnvironmentFault(
            f"there is no device {name} here, torch {torch.__version__} has {', '.join(known)}",
            code="environment.device",
            hint=""
            if torch.version.cuda
            else "this torch is built without CUDA; https://pytorch.org says how to get it",
        )
    if name != "cpu":
        # TF32 keeps 10 bits of a factor, and answers move by more than fp32 may. It is a switch of the whole process.
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
    return torch.device(name)


@contextmanager
def compute_threads(count: int) -> Iterator[None]:
    """
    Give torch so many compute threads in the calling thread, and then what it had before.

    A thread that asks torch for the first time in its life meanwhile starts with `count` too.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _TorchSession:
    """A module from a batch of images, N of them or always 1, to floats (N, ...)."""

    def __init__(self, graph: "LoadedGraph", device: "torch.device", options: SessionOptions) -> None:
        self._graph = graph
        self._device = device
        self._threads = options.threads
        self._output_shape = options.output_shape
        self.input_shape = graph.input_shape

    def run(self, batch: InputArray) -> FloatArray:
        """Run one batch; also RuntimeFault `runtime.output`: the answer is not one tensor of floats (N, ...)."""
        if self._graph.takes_one and len(batch) > 1:
            return np.concatenate([self._run(batch[index : index + 1]) for index in range(len(batch))])
        return self._run(batch)

    def _run(self, batch: InputArray) -> FloatArray:
        import torch

        with compute_threads(self._threads), torch.inference_mode():
            try:
                # A copy: the batch may be read-only, and a graph may write to what it is given.
                answer = self._graph.module(torch.from_numpy(np.array(batch)).to(self._device))
                return np.array(self._raw_outputs(answer, len(batch)).cpu().numpy())
            except RuntimeFault:
                raise
            except (Exception, SystemExit) as error:
                # torch raises classes that share no base but Exception, and the author's code may raise anything.
                raise RuntimeFault(f"torch failed: {first_line(error)}", code="runtime.run") from error

    def _raw_outputs(self, answer: object, count: int) -> "torch.Tensor":
        """Give an answer as float32, and refuse one that is no tensor of floats of the wanted shape."""
        import torch

        found = f"a {type(answer).__name__}"
        if isinstance(answer, torch.Tensor):
            shape = tuple(answer.shape)
            wanted = (count, *(self._output_shape or shape[1:]))
            if answer.is_floating_point() and len(shape) > 1 and fits_shape(shape, wanted):
                return answer.float()
            found = f"{str(answer.dtype).removeprefix('torch.')} {shape}"
        axes = sides_in_words(self._output_shape or (None,))
        raise RuntimeFault(f"the graph answers with {found}, expected floats ({count}, {axes})", code="runtime.output")
