"""The bodies of answers, as a service writes them."""

from typing import Any

import msgspec


def problem_json(code: str, detail: str, hint: str = "") -> bytes:
    """Make the body of a problem."""
    return msgspec.json.encode({"type": f"urn:andon:error:{code}", "code": code, "detail": detail, "hint": hint})


def good_item(label: str = "red") -> dict[str, Any]:
    """Make a prediction as it is on the wire."""
    return {
        "label": label,
        "index": 0,
        "score": 0.75,
        "scores": [0.75, 0.25],
        "verdict": "OK",
        "reasons": ["all is well"],
        "timings_ms": {"infer": 1.5},
        "boxes": [],
        "device": "cpu",
        "error": None,
    }


def predictions_json(count: int = 1) -> bytes:
    """Make the body of an answer with so many predictions."""
    model = {"name": "colours", "version": "0", "digest": "0"}
    return msgspec.json.encode({"predictions": [good_item()] * count, "model": model, "request_id": "r"})
