"""How a photo is asked about in each server's own HTTP API, and where the label stands in its answer."""

import base64
import json
import struct
from collections.abc import Callable
from typing import NamedTuple

BOUNDARY = "between-the-parts"
FORM = f"multipart/form-data; boundary={BOUNDARY}"


class Api(NamedTuple):
    """Two pure functions around HTTP."""

    path: str
    headers: Callable[[bytes], dict[str, str]]
    """The headers of a photo's request."""
    body: Callable[[bytes], bytes]
    """The body of a photo's request."""
    label: Callable[[bytes], str]
    """The label in the body of an answer; what is not an answer raises ValueError, LookupError or TypeError."""


def form(photo: bytes, field: str) -> bytes:
    """Write the multipart body of one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="photo.jpg"\r\n'
    return f"{head}Content-Type: image/jpeg\r\n\r\n".encode() + photo + f"\r\n--{BOUNDARY}--\r\n".encode()


def multipart(path: str, field: str, label: Callable[[bytes], str]) -> Api:
    """Upload the photo as one file of a form."""
    return Api(path, lambda _: {"Content-Type": FORM}, lambda photo: form(photo, field), label)


def raw(path: str, label: Callable[[bytes], str]) -> Api:
    """Send nothing but the photo."""
    return Api(path, lambda _: {"Content-Type": "image/jpeg"}, lambda photo: photo, label)


def as_json(path: str, document: Callable[[str], object], label: Callable[[bytes], str]) -> Api:
    """Send the photo as base64 in a document."""
    return Api(
        path,
        lambda _: {"Content-Type": "application/json"},
        lambda photo: json.dumps(document(base64.b64encode(photo).decode())).encode(),
        label,
    )


def _v2_binary(photo: bytes) -> tuple[bytes, bytes]:
    """Give the JSON part of a binary request of the Open Inference Protocol, and its one string."""
    tensor = struct.pack("<I", len(photo)) + photo
    told = {"name": "photo", "shape": [1, 1], "datatype": "BYTES", "parameters": {"binary_data_size": len(tensor)}}
    return json.dumps({"inputs": [told], "outputs": [{"name": "label"}]}).encode(), tensor


def text(body: bytes) -> str:
    """Read an answer that is the label."""
    return body.decode().strip('"')


TRITON = Api(
    "/v2/models/resnet18/infer",
    lambda photo: {
        "Content-Type": "application/octet-stream",
        "Inference-Header-Content-Length": str(len(_v2_binary(photo)[0])),
    },
    lambda photo: b"".join(_v2_binary(photo)),
    lambda body: str(json.loads(body)["outputs"][0]["data"][0]),
)
SEED = multipart("/run", "file", lambda body: body.decode().removeprefix("result : "))
LITSERVE = multipart("/predict", "request", lambda body: str(json.loads(body)["label"]))
BENTOML = multipart("/classify", "photos", lambda body: str(json.loads(body)[0]))
TORCHSERVE = raw("/predictions/resnet18", text)
RAY = raw("/", text)
ANDON = raw("/predict", lambda body: str(json.loads(body)["predictions"][0]["label"]))
MLSERVER = as_json(
    "/v2/models/resnet18/infer",
    lambda photo: {
        "inputs": [
            {
                "name": "photo",
                "shape": [1, 1],
                "datatype": "BYTES",
                "parameters": {"content_type": "base64"},
                "data": [photo],
            }
        ]
    },
    lambda body: str(json.loads(body)["outputs"][0]["data"][0]),
)
MLFLOW = as_json(
    "/invocations",
    lambda photo: {"dataframe_split": {"columns": ["photo"], "data": [[photo]]}},
    lambda body: str(json.loads(body)["predictions"][0]),
)
KSERVE = as_json(
    "/v1/models/resnet18:predict",
    lambda photo: {"instances": [{"b64": photo}]},
    lambda body: str(json.loads(body)["predictions"][0]),
)
