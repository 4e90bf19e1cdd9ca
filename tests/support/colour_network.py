"""The classifier of colours of `tests.support.bundles` as a network of torch, which a factory builds."""

import msgspec
import torch
from torch import nn

from andon.build.export import normalised_graph
from andon.build.export_torch import export_eager, export_pt2, export_torchscript
from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from tests.support.bundles import BIAS, INPUT, SIZE, WEIGHTS

FACTORY = f"{__name__}:build"


class ColourNetwork(nn.Module):
    """Averages over the image, then one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Take float32 (N, 3, H, W), give logits (N, 3)."""
        logits: torch.Tensor = self.head(image.mean(dim=(2, 3)))
        return logits


def build() -> nn.Module:
    """Build it without its weights."""
    return ColourNetwork()


def colour_artifact(kind: str) -> bytes:
    """Write it as `pt2`, `torchscript` or `eager`."""
    network = build().eval()
    network.load_state_dict({"head.weight": torch.from_numpy(WEIGHTS), "head.bias": torch.from_numpy(BIAS)})
    graph = normalised_graph(network, GraphInput(msgspec.convert(INPUT, InputSpec), (SIZE, SIZE)))
    example = torch.zeros(2, SIZE, SIZE, 3, dtype=torch.uint8)
    if kind == "pt2":
        return export_pt2(graph, example)
    return export_torchscript(graph, example) if kind == "torchscript" else export_eager(graph, FACTORY)
