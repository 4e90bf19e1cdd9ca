"""LitServe: two workers, batches of up to four; photos are prepared where requests are decoded."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import litserve
import torch
from common_work import PORT, load_network, prepare, top1
from fastapi import UploadFile


class Classifier(litserve.LitAPI):
    """Top-1 of a photo."""

    def setup(self, device: str) -> None:
        """Load the network in this worker."""
        self.network = load_network()

    def decode_request(self, request: UploadFile) -> torch.Tensor:
        """Prepare one photo."""
        return prepare(request.file.read())

    def batch(self, inputs: list[torch.Tensor]) -> list[torch.Tensor]:
        """Keep the list: stacking is the network's part."""
        return inputs

    def predict(self, inputs: list[torch.Tensor]) -> list[int]:
        """Run a batch."""
        return top1(self.network, inputs)

    def unbatch(self, output: list[int]) -> list[int]:
        """One answer for each photo."""
        return output

    def encode_response(self, output: int) -> dict[str, str]:
        """Name the class."""
        return {"label": f"class {output}"}


if __name__ == "__main__":
    api = Classifier(max_batch_size=4, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=2)
    server.run(host="127.0.0.1", port=PORT, log_level="warning", generate_client_file=False)
