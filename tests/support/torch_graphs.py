"""Networks of few layers in the three forms that torch itself runs."""

from functools import cache
from typing import Any

import numpy as np
import torch
from torch import nn

from andon.build.export_torch import export_eager, export_pt2, export_torchscript
from andon.runtimes.torch_graph import normalising
from tests.support.graphs import CHANNELS, CLASSES, LARGEST, Form, factory_of


class Convolution(nn.Module):
    """Convolves, and averages over the image unless it gives a map."""

    def __init__(self, *, gives_map: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(CHANNELS, CLASSES, 3, padding=1, bias=False)
        self.gives_map = gives_map
        weights = np.random.default_rng(0).normal(0, 1, self.conv.weight.shape).astype(np.float32)
        self.load_state_dict({"conv.weight": torch.from_numpy(weights)})

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Take float32 (N, C, H, W)."""
        found: torch.Tensor = self.conv(image)
        return found if self.gives_map else found.mean(dim=(2, 3))


def gives_scores() -> nn.Module:
    """Build the network with scores."""
    return Convolution(gives_map=False)


def gives_map() -> nn.Module:
    """Build the network with a map."""
    return Convolution(gives_map=True)


def network_graph(form: Form) -> nn.Module:
    """Put the network behind its normalisation; model inputs, which are NCHW, have theirs already."""
    network = Convolution(gives_map=form.gives_map)
    if form.layout == "NCHW":
        return normalising(network, None, None, _only)
    factor = torch.full((1, 1, 1, 1), 1 / LARGEST[form.dtype])
    return normalising(network, factor, torch.zeros(1, 1, 1, 1), _only)


@cache
def torch_artifact(kind: str, form: Form) -> bytes:
    """Write the network of a form as `pt2`, `torchscript` or `eager`."""
    graph, many = network_graph(form), form.batch != 1
    example = torch.zeros(1 + many, *form.shape, dtype=getattr(torch, form.dtype))
    if kind == "pt2":
        return export_pt2(graph, example, dynamic_batch=many)
    return export_torchscript(graph, example) if kind == "torchscript" else export_eager(graph, factory_of(form))


def _only(answer: Any) -> torch.Tensor:
    """Take the answer as the tensor that it is."""
    found: torch.Tensor = answer
    return found
