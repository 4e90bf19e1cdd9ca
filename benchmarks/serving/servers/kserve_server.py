"""KServe's Python SDK without Kubernetes: two workers, protocol v1 with base64."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import base64
from typing import Any

from common_work import PORT, load_network, prepare, top1
from kserve import Model, ModelServer


class Classifier(Model):
    """Top-1 of photos."""

    def __init__(self) -> None:
        super().__init__("resnet18")
        self.network = None
        self.ready = True

    def predict(
        self, payload: dict[str, Any], headers: object = None, response_headers: object = None
    ) -> dict[str, Any]:
        """Answer in the order of the instances; the network is loaded after the workers are forked."""
        self.network = self.network or load_network()
        photos = [prepare(base64.b64decode(one["b64"])) for one in payload["instances"]]
        return {"predictions": [f"class {number}" for number in top1(self.network, photos)]}


if __name__ == "__main__":
    ModelServer(http_port=PORT, enable_grpc=False, workers=2, access_log_format=None).start([Classifier()])
