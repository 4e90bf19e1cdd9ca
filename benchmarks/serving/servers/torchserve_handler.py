"""TorchServe: its handler; workers, batches and threads stand in the files that torchserve_start.py writes."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

from typing import Any

import torch
from common_work import load_network, prepare, top1
from ts.torch_handler.base_handler import BaseHandler


class Handler(BaseHandler):
    """Top-1 of each photo of a batch."""

    def initialize(self, context: Any) -> None:
        """Load the network in this worker."""
        self.network = load_network()
        self.initialized = True

    def handle(self, data: list[dict[str, Any]], context: Any) -> list[str]:
        """Answer a batch in its order."""
        prepared: list[torch.Tensor] = [prepare(bytes(row.get("data") or row["body"])) for row in data]
        return [f"class {number}" for number in top1(self.network, prepared)]
