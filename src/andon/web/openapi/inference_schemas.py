"""The schemas of the Open Inference Protocol, as this service speaks it."""

from collections.abc import Sequence

from andon.settings.serve import MAX_DEADLINE_MS, MIN_DEADLINE_MS
from andon.vision.formats import FORMAT_NAMES
from andon.web.dialects.v2.documents import PRIORITIES
from andon.web.dialects.v2.face import DATATYPES, IMAGE, IMAGE_DATATYPE, OUTPUTS
from andon.web.dialects.v2.framing import HEADER
from andon.web.dialects.v2.metadata import EXTENSIONS, STATES
from andon.web.openapi.refusals import Json
from andon.web.openapi.schemas import MODEL_FACTS, record, ref

_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_SCORES: Json = {
    "classification": {**_NUMBER, "description": "So many of the highest as `value:index:label`; 0 for none."}
}
_SIDE: Json = {"type": "integer", "minimum": 1}
_SIDES: Json = {"type": "array", "items": {"type": "integer"}}
_BINARY_SIZE: Json = {"type": "integer", "minimum": 0, "description": f"Bytes behind the JSON, which `{HEADER}` ends."}


def inference_schemas() -> Json:
    """Give the schemas that the operations below `/v2` point to, by name."""
    return {
        "V2Server": record(
            {
                "name": {"const": "andon"},
                "version": _TEXT,
                "extensions": {"type": "array", "items": {"enum": list(EXTENSIONS)}},
            }
        ),
        "V2Ready": record({"ready": {"type": "boolean"}}),
        "V2ModelReady": record({"name": _TEXT, "ready": {"type": "boolean"}}),
        "V2Model": _model(),
        "V2Config": _config(),
        "V2Index": {"type": "array", "items": _indexed()},
        "V2Request": _request(),
        "V2Input": {"oneOf": [_encoded_input(), _pixel_input(), _deep_input()]},
        "V2Answer": _answer(),
        "V2Error": record(
            {
                "error": {
                    "type": "string",
                    "description": "What is wrong, what to do about it, and in brackets the code.",
                }
            }
        ),
    }


def _model() -> Json:
    inputs = record({"name": {"const": IMAGE}, "datatype": {"const": IMAGE_DATATYPE}, "shape": _SIDES})
    outputs = record(
        {"name": {"enum": list(OUTPUTS)}, "datatype": {"enum": sorted({*DATATYPES.values()})}, "shape": _SIDES}
    )
    return record(
        {
            "name": MODEL_FACTS["name"],
            "versions": {"type": "array", "minItems": 1, "items": MODEL_FACTS["version"]},
            "platform": _TEXT,
            "inputs": {"type": "array", "items": inputs},
            "outputs": {"type": "array", "items": outputs},
            "properties": record(
                {"digest": MODEL_FACTS["digest"], "labels": {"type": "string", "description": "JSON."}}
            ),
        }
    )


def _config() -> Json:
    tensor = record({"name": _TEXT, "data_type": {"type": "string", "pattern": "^TYPE_[A-Z0-9]+$"}, "dims": _SIDES})
    tensors = {"type": "array", "items": tensor}
    return record(
        {
            "name": MODEL_FACTS["name"],
            "platform": _TEXT,
            "backend": _TEXT,
            "max_batch_size": {"type": "integer", "minimum": 1},
            "input": tensors,
            "output": tensors,
        },
    )


def _indexed() -> Json:
    listed = record({"name": _TEXT, "state": {"enum": sorted(STATES.values())}, "reason": _TEXT})
    listed["properties"]["version"] = MODEL_FACTS["version"]
    return listed


def _request() -> Json:
    named_too = {"description": "The address says it too, and decides."}
    return _taken(
        {
            "inputs": {"type": "array", "minItems": 1, "maxItems": 1, "items": ref("V2Input")},
            "outputs": {
                "type": ["array", "null"],
                "items": {"oneOf": [_wanted([OUTPUTS[0]], _SCORES), _wanted(OUTPUTS[1:], {})]},
                "description": "Each at most once; all of them where none is named.",
            },
            "id": {"type": ["string", "null"], "description": "Comes back in the answer."},
            "parameters": _or_nothing(_parameters()),
            "model_name": named_too,
            "model_version": named_too,
        },
        required=["inputs"],
    )


def _parameters() -> Json:
    lanes = ", ".join(f"{number} {lane}" for number, lane in enumerate(PRIORITIES, 1))
    known = {
        "priority": {**_NUMBER, "description": f"{lanes}; 0 for none."},
        "binary_data_output": {"type": "boolean", "description": "Put all outputs behind the JSON."},
    }
    # What `timeout` takes is said in words, for the reason for which X-Deadline-Ms stands apart.
    return {
        "type": "object",
        "description": "`timeout` is the time after which an answer is of no use, in microseconds, "
        f"{MIN_DEADLINE_MS * 1000} to {MAX_DEADLINE_MS * 1000}, or 0 for none.",
        "properties": known,
        "propertyNames": {"enum": [*known, "timeout"]},
    }


def _wanted(names: Sequence[str], parameters: Json) -> Json:
    known = {"binary_data": {"type": ["boolean", "null"], "description": "Put it behind the JSON."}, **parameters}
    return _taken({"name": {"enum": list(names)}, "parameters": _or_nothing(_taken(known))}, required=["name"])


def _encoded_input() -> Json:
    encoded = {"type": "string", "contentEncoding": "base64"}
    shape = {"type": "array", "minItems": 1, "maxItems": 1, "items": _SIDE, "description": "How many images."}
    data = {"type": "array", "minItems": 1, "items": encoded, "description": f"{FORMAT_NAMES} images, in base64."}
    return _input("BYTES", shape, data)


def _pixel_input() -> Json:
    sides = {"type": "array", "minItems": 4, "maxItems": 4, "items": _SIDE}
    shape = {**sides, "description": "Images, height, width, and 3 for RGB or 1 for grey."}
    pixels = {"type": ["integer", "array"], "minimum": 0, "maximum": 255}
    data = {"type": "array", "minItems": 1, "items": pixels, "description": "Flat, or nested as the shape says."}
    return _input("UINT8", shape, data)


def _deep_input() -> Json:
    grey = {"type": "integer", "minimum": 1, "maximum": 1}
    shape = {
        "type": "array",
        "prefixItems": [_SIDE, _SIDE, _SIDE, grey],
        "items": False,
        "minItems": 4,
        "description": "Images, height, width, and 1 for grey; for models of more than 8 bits.",
    }
    levels = {"type": ["integer", "array"], "minimum": 0, "maximum": 65535}
    data = {"type": "array", "minItems": 1, "items": levels, "description": "Flat, or nested as the shape says."}
    return _input("UINT16", shape, data)


def _input(datatype: str, shape: Json, data: Json) -> Json:
    properties = {
        "name": {"const": IMAGE},
        "datatype": {"const": datatype},
        "shape": shape,
        "data": data,
        "parameters": _or_nothing(_taken({"binary_data_size": {**_BINARY_SIZE, "type": ["integer", "null"]}})),
    }
    return _taken(properties, required=["name", "datatype", "shape", "data"])


def _or_nothing(schema: Json) -> Json:
    return {"anyOf": [schema, {"type": "null"}]}


def _taken(properties: Json, *, required: list[str] | None = None) -> Json:
    """Describe an object of a request: what is not known is refused."""
    needed = {"required": required} if required else {}
    return {"type": "object", "properties": properties, **needed, "additionalProperties": False}


def _answer() -> Json:
    output = record(
        {"name": {"enum": list(OUTPUTS)}, "datatype": {"enum": sorted({*DATATYPES.values()})}, "shape": _SIDES}
    )
    output["properties"] |= {
        "data": {"type": "array", "items": {"type": ["number", "string"]}, "description": "Row by row."},
        "parameters": record({"binary_data_size": _BINARY_SIZE}),
    }
    described = record(
        {
            "model_name": MODEL_FACTS["name"],
            "model_version": MODEL_FACTS["version"],
            "outputs": {"type": "array", "minItems": 1, "items": output},
        },
    )
    described["properties"]["id"] = _TEXT
    return described
