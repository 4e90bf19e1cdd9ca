"""The server that Andon began with, as it was: Flask, a temporary file an upload, the eager network with gradients."""
# mypy: ignore-errors
# It runs in an environment of its own, whose packages are not here.

import uuid

import torch
from common_work import WORK, prepare
from flask import Flask, request
from resnet18 import ResNet18

app = Flask(__name__)
net = ResNet18()
net.load_state_dict(torch.load(WORK / "resnet18.weights.pt", weights_only=True))
net.eval()


@app.post("/run")
def run() -> str:
    """Answer `result : CLASS`."""
    temporary = WORK / "temp"
    temporary.mkdir(exist_ok=True)
    path = temporary / uuid.uuid4().hex
    request.files["file"].save(path)
    out = net(prepare(path.read_bytes()).unsqueeze(0))
    return f"result : class {int(torch.argmax(out, dim=1))}"
