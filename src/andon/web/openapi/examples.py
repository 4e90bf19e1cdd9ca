"""Values as the service really answers them; each is held against its schema by a test."""

from typing import Any

from andon.errors import CODES
from andon.vision.formats import FORMAT_NAMES

IMAGE_BASE64 = (
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR42mM4oaGhscWGwchm34cPHwAiggYtbtS/jwAAAABJRU5ErkJggg=="
)
"""A whole image, a PNG of 2 x 2 pixels, in base64."""
REQUEST_ID = "9f1c2b7e4a5d4c0f8e6b3a2d1c0b9a87"
DIGEST = "3f8a6d0c9b1e4f7a2c5d8e0b6a9f3c1d7e4b2a8f5c0d9e6b3a1f7c4d8e2b5a90"
MODEL = {"name": "scratch", "version": DIGEST[:12], "digest": DIGEST}
TIMINGS_MS = {"queue": 0.21, "decode": 1.92, "prepare": 1.07, "infer": 17.64, "finish": 0.05}
FAILURE = {
    "code": "image.format",
    "message": "not an image of a format that is taken",
    "hint": f"send the file itself: {FORMAT_NAMES}",
}

PREDICTION: dict[str, Any] = {
    "label": "scratch",
    "index": 1,
    "score": 0.8731,
    "scores": [0.1042, 0.8731, 0.0227],
    "verdict": "NotOK",
    "reasons": ["scratch 0.873 reaches its high threshold 0.62"],
    "boxes": [],
    "timings_ms": TIMINGS_MS,
    "device": "cpu",
    "error": None,
}
FAILED_PREDICTION: dict[str, Any] = {
    "label": None,
    "index": None,
    "score": None,
    "scores": [],
    "verdict": "NotDecidable",
    "reasons": [FAILURE["message"]],
    "boxes": [],
    "timings_ms": {"queue": 0.12},
    "device": "",
    "error": FAILURE,
}
ANSWER = {"predictions": [PREDICTION], "model": MODEL, "request_id": REQUEST_ID}
ANSWER_OF_TWO = {"predictions": [PREDICTION, FAILED_PREDICTION], "model": MODEL, "request_id": REQUEST_ID}
PROBLEM = {
    "type": "urn:andon:error:image.format",
    "title": CODES["image.format"],
    "status": 400,
    "detail": FAILURE["message"],
    "code": "image.format",
    "hint": FAILURE["hint"],
    "request_id": REQUEST_ID,
}
MODELS = {
    "default": "scratch",
    "models": [
        {
            **MODEL,
            "state": "ready",
            "reason": None,
            "task": "classification",
            "orientation": "stored",
            "labels": ["ok", "scratch", "dent"],
            "runtime": "onnxruntime",
            "precision": "fp32",
            "device": "cpu",
            "devices": ["cpu"],
            "passed_over": [],
            "proof": {
                "holds": True,
                "samples": 7,
                "worst_pixel_difference": 0.0,
                "worst_output_difference": 1.7e-6,
                "tolerance": 1e-3,
            },
        }
    ],
}
READY = {"ready": True, "models": [{"name": "scratch", "state": "ready", "reason": None}]}
UNREADY = {
    "ready": False,
    "models": [{"name": "scratch", "state": "loading", "reason": "it is being loaded and proven"}],
}
V2_REQUEST = {
    "id": "part-0017",
    "inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [IMAGE_BASE64]}],
    "outputs": [{"name": "label"}, {"name": "scores", "parameters": {"classification": 2}}],
}
V2_ANSWER = {
    "id": "part-0017",
    "model_name": MODEL["name"],
    "model_version": MODEL["version"],
    "outputs": [
        {"name": "label", "datatype": "BYTES", "shape": [1], "data": ["scratch"]},
        {"name": "scores", "datatype": "BYTES", "shape": [1, 2], "data": ["0.873100:1:scratch", "0.104200:0:ok"]},
    ],
}
V2_ERROR = {"error": f"{FAILURE['message']}; {FAILURE['hint']} [{FAILURE['code']}]"}
