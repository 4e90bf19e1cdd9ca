"""An `nn.Module` becomes an ONNX artifact: uint8 NHWC in, normalisation inside, any batch, nothing of this machine."""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from andon.build.explain_export import explain_conversion, explain_tracing
from andon.build.graph_input import GraphInput
from andon.build.onnx_bytes import serialise
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.runtimes.torch_graph import find_scores, normalising
from andon.tensors import FloatArray

if TYPE_CHECKING:
    import torch
    from torch import nn

INPUT_NAME, OUTPUT_NAME = "image", "raw_output"


def export_onnx(model: "nn.Module", wanted: GraphInput, *, dynamic_batch: bool = True) -> bytes:
    """
    Export a model through `torch.export` to ONNX.

    Args:
        model: In evaluation mode on the CPU; takes float32 (N, C, H, W), gives (N, K).
        wanted: What the graph is to take.
        dynamic_batch: Leave N free; else it is 1.

    Returns:
        An ONNX file: one input `image`, as wanted, one output `raw_output`, float32 (N, K). Equal
        arguments give equal bytes; paths and stack traces are stripped.

    Raises:
        PackError: `pack.export`, naming the operator or the reason and the line of the author's
            code; `pack.model` where the model returns no tensor.
    """
    import torch

    graph = normalised_graph(model, wanted)
    example = example_of(wanted, dynamic_batch=dynamic_batch)
    batch = {"image": {0: torch.export.Dim("batch", min=1)}} if dynamic_batch else None
    with quiet_exporter(), torch.no_grad():
        try:
            program = torch.export.export(graph, (example,), dynamic_shapes=batch)
        except Exception as error:
            # torch.export raises classes of several private modules, and whatever the model raises.
            raise explain_tracing(error) from error
        try:
            onnx_program = torch.onnx.export(
                program, dynamo=True, input_names=[INPUT_NAME], output_names=[OUTPUT_NAME], verbose=False
            )
        except Exception as error:
            # As above: the exporter's classes are private.
            raise explain_conversion(error) from error
    if onnx_program is None:
        raise PackError("the exporter returned nothing", code="pack.export")
    return serialise(onnx_program.model_proto)


def example_of(wanted: GraphInput, *, dynamic_batch: bool) -> "torch.Tensor":
    """Give images to trace a graph with, all zeros: two of them, or one where N is fixed."""
    import torch

    return torch.zeros(1 + dynamic_batch, *wanted.shape, dtype=getattr(torch, wanted.dtype))


def normalised_graph(model: "nn.Module", wanted: GraphInput) -> "nn.Module":
    """
    Put scaling and normalisation in front of a model, where it is to take pixels.

    Returns:
        A module in evaluation mode that gives what `raw_scores` finds in the model's answer.
    """
    import torch

    if wanted.takes_floats:
        return normalising(model, None, None, _float_scores)
    factor, shift = (torch.from_numpy(values.reshape(1, -1, 1, 1)) for values in normalisation(wanted.spec))
    return normalising(model, factor, shift, _float_scores)


def normalisation(spec: InputSpec) -> tuple[FloatArray, FloatArray]:
    """
    Give scale, mean and std as a factor and a shift a channel, float32 (C,) or (1,).

    A prepared pixel times the factor plus the shift is the model input. Levels of more than 8 bits
    are within `spec.levels` already.
    """
    std, mean = np.array(spec.std, np.float64), np.array(spec.mean, np.float64)
    factor = spec.scale * spec.level / std
    lowest = spec.levels[0] if spec.dtype == "uint16" else 0
    shift = -mean / std - lowest * factor
    return factor.astype(np.float32), shift.astype(np.float32)


def _float_scores(answer: object) -> "torch.Tensor":
    """Give the raw outputs in float32, whatever the network ends in."""
    import torch

    scores = raw_scores(answer)
    return scores if scores.dtype == torch.float32 else scores.float()


def raw_scores(answer: object) -> "torch.Tensor":
    """
    Find the tensor of raw outputs in what a model returns.

    Args:
        answer: A tensor, a tuple or list of one, or a mapping or object with `logits`.

    Raises:
        PackError: `pack.model`: it is something else, or holds no floats.
    """
    scores = find_scores(answer)
    if scores is None:
        raise PackError(
            f"the model returns {_in_words(answer)}, expected one tensor of scores (N, classes)",
            code="pack.model",
            hint="wrap it in a module whose forward returns the logits only",
        )
    if not scores.is_floating_point():
        raise PackError(
            f"the model returns numbers of the type {str(scores.dtype).removeprefix('torch.')}, expected floats",
            code="pack.model",
            hint="return the scores of all classes, not the number of the best one",
        )
    return scores


def _in_words(answer: object) -> str:
    """Say what a model returned, with the names of its parts where they have any."""
    kind = f"a {type(answer).__name__}"
    if isinstance(answer, Mapping):
        return f"{kind} of {', '.join(map(repr, answer))}"
    return f"{kind} of {len(answer)}" if isinstance(answer, list | tuple) else kind


@contextlib.contextmanager
def quiet_exporter() -> Iterator[None]:
    """Keep torch's notes and dumps of graphs off the terminal; errors are raised all the same."""
    logger = logging.getLogger("torch")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    dump = io.StringIO()
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(dump), contextlib.redirect_stderr(dump):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
