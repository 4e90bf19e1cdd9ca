"""The artifacts that a network in PyTorch can become, for several images at once where that is possible."""

import functools
from typing import TYPE_CHECKING, Protocol

from andon.build.export import example_of, export_onnx, normalised_graph
from andon.build.export_torch import export_eager, export_pt2, export_torchscript
from andon.build.graph_input import GraphInput
from andon.build.sources.base import Form, Made
from andon.errors import PackError

if TYPE_CHECKING:
    from torch import nn

_ONE_AT_A_TIME = (
    "the model takes one image at a time, or answers otherwise for several, so they are run one by one, which is slower"
)


class Write(Protocol):
    """Makes the bytes of an artifact."""

    def __call__(self, *, dynamic_batch: bool) -> bytes:
        """Write it for any number of images, or else for exactly one; raises PackError."""
        ...


def writer(form: Form, network: "nn.Module", wanted: GraphInput, *, factory: str | None = None) -> Write:
    """
    Tell how a network is written in a form.

    Args:
        form: Any.
        network: In evaluation mode, float32, on the CPU.
        wanted: What the artifact is to take.
        factory: What builds the network, for an eager artifact.
    """
    if form == "onnx":
        return functools.partial(export_onnx, network, wanted)
    return functools.partial(_write_for_torch, form, network, wanted, factory)


def _write_for_torch(
    form: Form,
    network: "nn.Module",
    wanted: GraphInput,
    factory: str | None,
    *,
    dynamic_batch: bool,
) -> bytes:
    graph, example = normalised_graph(network, wanted), example_of(wanted, dynamic_batch=dynamic_batch)
    if form == "pt2":
        return export_pt2(graph, example, dynamic_batch=dynamic_batch)
    return export_torchscript(graph, example) if form == "torchscript" else export_eager(graph, str(factory))


def make_batched(write: Write, *, several: bool) -> Made:
    """
    Make an artifact for several images, and where that does not work, for one.

    Args:
        write: Makes it.
        several: Whether the model itself takes several images at once.

    Raises:
        PackError: As `write` raises it; of two errors the first.
    """
    if not several:
        return Made(data=write(dynamic_batch=False), dynamic_batch=False, note=_ONE_AT_A_TIME)
    try:
        return Made(data=write(dynamic_batch=True))
    except PackError as error:
        data = _written_for_one(write)
        if data is None:
            raise
        return Made(
            data=data,
            dynamic_batch=False,
            note=f"several images are run one by one, which is slower, because for any number of them {error.message}",
        )


def _written_for_one(write: Write) -> bytes | None:
    try:
        return write(dynamic_batch=False)
    except PackError:
        return None
