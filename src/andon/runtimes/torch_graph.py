"""
An author's network between the images and the raw outputs: the graph that is exported, or run as it is.

It knows nothing of manifests and files.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import nn


def normalising(
    network: "nn.Module",
    factor: "torch.Tensor | None",
    shift: "torch.Tensor | None",
    scores: "Callable[[object], torch.Tensor]",
) -> "nn.Module":
    """
    Put scaling and normalisation in front of a network.

    Args:
        network: The child `model` of what is returned; takes float32 (N, C, H, W).
        factor: float32 (1, C, 1, 1) or (1, 1, 1, 1), the buffer `factor`; None as `shift` where
            images are model inputs already.
        shift: Added after multiplying, the buffer `shift`; of the same shape.
        scores: Finds the tensor of raw outputs in what the network returns.

    Returns:
        A module in evaluation mode that takes images (N, H, W, C) of whole numbers, or without
        `factor` model inputs (N, C, H, W).
    """
    import torch
    from torch import nn

    class NormalisedGraph(nn.Module):
        """`(image * scale - mean) / std` as one multiplication and one addition a channel."""

        factor: torch.Tensor | None
        shift: torch.Tensor | None

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("factor", factor)
            self.register_buffer("shift", shift)
            self.model = network

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            if self.factor is not None and self.shift is not None:
                image = image.permute(0, 3, 1, 2).float() * self.factor + self.shift
            return scores(self.model(image))

    return NormalisedGraph().eval()


def find_scores(answer: Any) -> "torch.Tensor | None":
    """
    Find the tensor of raw outputs in what a network returns.

    Args:
        answer: A tensor, a tuple or list of one, or a mapping or object with `logits`.

    Returns:
        None where it is something else.
    """
    import torch

    if isinstance(answer, list | tuple) and not hasattr(answer, "logits") and len(answer) == 1:
        answer = answer[0]
    if not isinstance(answer, torch.Tensor):
        answer = answer.get("logits") if isinstance(answer, dict) else getattr(answer, "logits", answer)
    return answer if isinstance(answer, torch.Tensor) else None
