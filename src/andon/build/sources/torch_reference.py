"""A PyTorch module of any kind, asked about one image: what all sources that run in PyTorch share."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from andon.build.blame import author_line
from andon.build.export import raw_scores
from andon.build.graph_input import GraphInput
from andon.build.sources.several import answers_for_several
from andon.errors import PackError, first_line
from andon.tensors import FloatArray

if TYPE_CHECKING:
    import torch

TorchModel = Callable[["torch.Tensor"], object]
"""Takes float32 (N, C, H, W), gives a tensor, or something that `raw_scores` finds one in."""


def answer_of(model: TorchModel, model_input: FloatArray) -> FloatArray:
    """
    Run a model on one image.

    Args:
        model: In evaluation mode on the CPU.
        model_input: float32 (C, H, W).

    Returns:
        The raw output: float32, without the axis of the batch.

    Raises:
        PackError: `pack.model`: it fails, or its answer is not one tensor of floats for one image.
    """
    scores = _run(model, model_input[np.newaxis])
    if scores.ndim < 2 or len(scores) != 1:
        raise PackError(
            f"the model returns the shape {scores.shape} for one image, expected (1, classes)",
            code="pack.model",
        )
    return np.array(scores[0], np.float32, order="C")


def _run(model: TorchModel, model_inputs: FloatArray) -> FloatArray:
    """Run model inputs (N, C, H, W), which are not changed: the raw outputs in float32."""
    import torch

    try:
        with torch.no_grad():
            answer = model(torch.from_numpy(model_inputs.copy()))
    except Exception as error:
        # The author's code may raise anything.
        raise PackError(
            f"the model fails on a model input of the shape {model_inputs.shape}: "
            f"{type(error).__name__}: {_reason(error)}",
            code="pack.model",
            where=author_line(error.__traceback__),
        ) from error
    scores: FloatArray = raw_scores(answer).detach().float().numpy()
    return scores


def _reason(error: Exception) -> str:
    """Give the line of an error that says why: of TorchScript the last one, behind the trace of the script."""
    import torch

    if isinstance(error, torch.jit.Error):
        return str(error).strip().splitlines()[-1].removeprefix("builtins.")
    return first_line(error)


def takes_batches(model: TorchModel, wanted: GraphInput) -> bool:
    """Ask whether a model answers for two and three images as for each of them alone."""
    return answers_for_several(lambda model_inputs: _run(model, model_inputs), wanted)
