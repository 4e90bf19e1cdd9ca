"""The description of the routes as the document of an application around them takes it: each whole by itself."""

from typing import Any

from msgspec import Struct

from andon.settings.serve import ServeSettings
from andon.web.openapi.document import openapi_document

PATHS = ("/run", "/predict", "/predict/{model}", "/predict/{model}/{version}", "/models", "/live", "/ready")
"""What is served inside of another application; pages, numbers and further protocols are those of `andon serve`."""
_PREFIX = "#/components/"


class Operation(Struct, frozen=True, kw_only=True):
    """One address with one method."""

    method: str
    path: str
    description: dict[str, Any]
    """An operation of OpenAPI 3.1 that refers to nothing outside of it."""


def operations(settings: ServeSettings) -> list[Operation]:
    """List what is described; the probe where the settings ask for it."""
    document = openapi_document(settings)
    found = []
    for path in PATHS:
        item = document["paths"][path]
        for method in item.keys() & {"get", "post"}:
            # Parameters of all methods of an address stand beside them in our document.
            parameters = [*item.get("parameters", []), *item[method].get("parameters", [])]
            whole = _without_references({**item[method], "parameters": parameters}, document["components"])
            found.append(Operation(method=method.upper(), path=path, description=whole))
    return found


def _without_references(part: Any, components: dict[str, Any]) -> Any:
    """Put what is referred to in the place of each reference: the application has components of its own."""
    if isinstance(part, list):
        return [_without_references(entry, components) for entry in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        kind, name = part["$ref"].removeprefix(_PREFIX).split("/")
        return _without_references(components[kind][name], components)
    return {name: _without_references(value, components) for name, value in part.items()}
