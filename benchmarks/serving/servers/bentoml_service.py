"""BentoML: two workers, adaptive batching of up to four."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

from pathlib import Path

import bentoml
from common_work import load_network, prepare, top1


@bentoml.service(workers=2, traffic={"timeout": 60})
class Classifier:
    """Top-1 of photos."""

    def __init__(self) -> None:
        self.network = load_network()

    @bentoml.api(batchable=True, max_batch_size=4, max_latency_ms=10_000)
    def classify(self, photos: list[Path]) -> list[str]:
        """Answer a batch in its order."""
        prepared = [prepare(photo.read_bytes()) for photo in photos]
        return [f"class {number}" for number in top1(self.network, prepared)]
