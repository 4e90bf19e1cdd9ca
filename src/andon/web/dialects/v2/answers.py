"""Predictions become the outputs of an answer, in JSON or as bytes behind it."""

from collections.abc import Sequence

import msgspec
import numpy as np
from msgspec import Struct

from andon.predictions import Prediction
from andon.web.dialects.v2.face import DATATYPES, InferCall, Wanted
from andon.web.dialects.v2.framing import HEADER, join_elements
from andon.web.messages import ModelFacts, Response
from andon.web.problems import JSON

BINARY = "application/octet-stream"


class _Filled(Struct):
    """One output with its contents."""

    datatype: str
    shape: tuple[int, ...]
    values: list[float] | list[int] | list[str]
    """Row by row."""


def make_answer(predictions: Sequence[Prediction], call: InferCall, model: ModelFacts) -> Response:
    """
    Make the answer of predictions without errors.

    Args:
        predictions: At least one.
        call: Which outputs, and how.
        model: Its name, version and labels.
    """
    outputs, tensors = [], []
    for wanted in call.outputs:
        filled = _fill(wanted, predictions, model.labels)
        described = {"name": wanted.name, "datatype": filled.datatype, "shape": filled.shape}
        if wanted.is_binary:
            tensors.append(_as_bytes(filled))
            outputs.append({**described, "parameters": {"binary_data_size": len(tensors[-1])}})
        else:
            outputs.append({**described, "data": filled.values})
    document = {"model_name": model.name, "model_version": model.version, "outputs": outputs}
    text = msgspec.json.encode(document if call.id is None else {"id": call.id, **document})
    if not tensors:
        return Response(status=200, content_type=JSON, body=text)
    return Response(status=200, content_type=BINARY, body=b"".join([text, *tensors]), headers={HEADER: str(len(text))})


def _fill(wanted: Wanted, predictions: Sequence[Prediction], labels: Sequence[str]) -> _Filled:
    count = len(predictions)
    if wanted.name == "label":
        return _Filled(DATATYPES["label"], (count,), [prediction.label or "" for prediction in predictions])
    if wanted.name == "verdict":
        return _Filled(DATATYPES["verdict"], (count,), [int(prediction.verdict) for prediction in predictions])
    if wanted.name == "boxes":
        boxes = [msgspec.json.encode(prediction.boxes).decode() for prediction in predictions]
        return _Filled(DATATYPES["boxes"], (count,), boxes)
    classes = len(predictions[0].scores)
    if wanted.classes:
        classes = min(wanted.classes, classes)
        rows = [line for prediction in predictions for line in _highest(prediction.scores, classes, labels)]
        return _Filled("BYTES", (count, classes), rows)
    scores = [score for prediction in predictions for score in prediction.scores]
    return _Filled(DATATYPES["scores"], (count, classes), scores)


def _highest(scores: Sequence[float], count: int, labels: Sequence[str]) -> list[str]:
    """
    Write the highest scores as `value:index:label`, of equal ones the first before; without labels `value:index`.

    Source:
        https://github.com/triton-inference-server/server, docs/protocol/extension_classification.md
    """
    order = sorted(range(len(scores)), key=lambda index: -scores[index])
    return [":".join([f"{scores[index]:f}", str(index), *labels[index : index + 1]]) for index in order[:count]]


def _as_bytes(filled: _Filled) -> bytes:
    if filled.datatype == "BYTES":
        return join_elements([str(value).encode() for value in filled.values])
    return np.array(filled.values, {"FP32": "<f4", "INT32": "<i4"}[filled.datatype]).tobytes()
