"""MLServer: a custom runtime; settings stand in the files that mlserver_start.py writes."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import numpy as np
from common_work import load_network, prepare, top1
from mlserver import MLModel
from mlserver.codecs import Base64Codec, StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Classifier(MLModel):
    """Top-1 of photos."""

    async def load(self) -> bool:
        """Load the network in this worker."""
        self.network = load_network()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer a batch in its order."""
        photos = Base64Codec.decode_input(payload.inputs[0])
        labels = [f"class {number}" for number in top1(self.network, [prepare(photo) for photo in photos])]
        output = StringCodec.encode_output("label", np.array(labels), use_bytes=False)
        return InferenceResponse(model_name=self.name, outputs=[output])
