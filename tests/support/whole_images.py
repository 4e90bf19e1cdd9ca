"""
A hook of schemathesis: valid requests carry whole images, for no schema can say what an image is.

Without it, random bytes count as valid wherever a schema says that there are bytes.
"""

import base64
from typing import Any

import schemathesis
from hypothesis import strategies
from schemathesis import Case, HookContext

from tests.support.bundles import colour_image, encode

PNG = encode(colour_image((200, 40, 40)))
JPEG = encode(colour_image((40, 180, 60)), "JPEG")
BASE64 = base64.b64encode(PNG).decode()

# Of bodies, and of the files of a form.
schemathesis.openapi.media_type("image/png", strategies.just(PNG))
schemathesis.openapi.media_type("image/jpeg", strategies.just(JPEG))
schemathesis.openapi.media_type("application/octet-stream", strategies.sampled_from((PNG, JPEG)))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Complete the JSON of a request that is meant to be valid; what is meant to be refused stays as it is."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and case.media_type == "application/json" and isinstance(case.body, dict):
        case.body = whole_numbers(completed(case.body))


def completed(body: dict[str, Any]) -> dict[str, Any]:
    """Put whole images in the places of images; all that a schema can decide stays as it was made."""
    if "image" in body:
        return {"image": BASE64}
    if "images" in body:
        return {"images": [BASE64 for _ in body["images"]]}
    if "inputs" in body:
        inputs = [with_contents(tensor) for tensor in body["inputs"]]
        return {**body, "inputs": inputs, **once(body), **without_timeout(body)}
    return body


def whole_numbers(value: Any) -> Any:
    """Write 2.0 as 2: to a schema they are the same, to parsers they are not."""
    if isinstance(value, dict):
        return {name: whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [whole_numbers(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def with_contents(tensor: dict[str, Any]) -> dict[str, Any]:
    """Give an input of the Open Inference Protocol contents of the shape that it says."""
    whole = {name: value for name, value in tensor.items() if name != "parameters"}
    if tensor["datatype"] == "BYTES":
        return {**whole, "shape": [1], "data": [BASE64]}
    return {**whole, "shape": [1, 2, 2, 3], "data": [0, 40, 80] * 4}


def once(body: dict[str, Any]) -> dict[str, Any]:
    """Name each output once."""
    outputs = body.get("outputs")
    return {"outputs": list({output["name"]: output for output in outputs}.values())} if outputs else {}


def without_timeout(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out the one parameter whose values the schema does not say."""
    parameters = body.get("parameters")
    if not parameters:
        return {}
    return {"parameters": {name: value for name, value in parameters.items() if name != "timeout"}}
