"""Triton through pytriton: two instances, dynamic batches of up to four."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import numpy as np
from common_work import PORT, load_network, prepare, top1
from pytriton.decorators import batch
from pytriton.model_config import DynamicBatcher, ModelConfig, Tensor
from pytriton.triton import Triton, TritonConfig


class Classifier:
    """Top-1 of photos; each instance has a process of its own."""

    def __init__(self) -> None:
        self.network = None

    @batch
    def __call__(self, photo: np.ndarray) -> dict[str, np.ndarray]:
        """Answer a batch in its order."""
        self.network = self.network or load_network()
        classes = top1(self.network, [prepare(data) for data in photo[:, 0]])
        return {"label": np.char.encode([[f"class {number}"] for number in classes], "ascii")}


if __name__ == "__main__":
    config = TritonConfig(
        http_address="127.0.0.1", http_port=PORT, grpc_port=PORT + 1, metrics_port=PORT + 2, log_verbose=0
    )
    with Triton(config=config) as triton:
        triton.bind(
            model_name="resnet18",
            infer_func=[Classifier(), Classifier()],
            inputs=[Tensor(name="photo", dtype=bytes, shape=(1,))],
            outputs=[Tensor(name="label", dtype=bytes, shape=(1,))],
            config=ModelConfig(max_batch_size=4, batcher=DynamicBatcher(max_queue_delay_microseconds=2000)),
        )
        triton.serve()
