"""The description of the routes for an application around them."""

from typing import Any

import jsonschema

from andon.engine.local import LocalEngine
from andon.integrations.operations import operations
from andon.service import Service
from andon.settings.serve import ServeSettings
from andon.web.asgi import create_asgi

PLAIN = ServeSettings(threads=1)
PROBED = ServeSettings(threads=1, probe=True)


def found_under(key: str, part: Any) -> list[Any]:
    """Collect what stands under a key, wherever in a description."""
    if isinstance(part, list):
        return [value for entry in part for value in found_under(key, entry)]
    if not isinstance(part, dict):
        return []
    here = [part[key]] if key in part else []
    return here + [value for entry in part.values() for value in found_under(key, entry)]


def test_what_is_described_is_served() -> None:
    """Each address stands in the application of `andon serve`, in the same form."""
    service = Service(LocalEngine(PLAIN), [None], PLAIN)
    try:
        served = {getattr(route, "path", "") for route in create_asgi(service).routes}
    finally:
        service.close(1.0)
    assert {operation.path for operation in operations(PROBED)} <= served


def test_each_description_is_whole() -> None:
    """It refers to nothing: the components of the document around it are other ones."""
    for operation in operations(PROBED):
        assert found_under("$ref", operation.description) == []


def test_every_schema_is_one() -> None:
    """JSON Schema of 2020-12, which OpenAPI 3.1 uses."""
    for operation in operations(PROBED):
        schemas = found_under("schema", operation.description)
        assert schemas
        for schema in schemas:
            jsonschema.Draft202012Validator.check_schema(schema)


def test_the_names_of_operations_differ() -> None:
    """Generated clients make methods of them."""
    names = [operation.description["operationId"] for operation in operations(PROBED)]
    assert sorted(set(names)) == sorted(names)


def test_the_probe_is_described_only_where_it_is() -> None:
    """Its address is one of the others', its method is not."""
    assert ("GET", "/run") in {(operation.method, operation.path) for operation in operations(PROBED)}
    assert ("GET", "/run") not in {(operation.method, operation.path) for operation in operations(PLAIN)}


def test_every_parameter_of_an_address_is_described() -> None:
    """An OpenAPI document in which one is missing is not valid."""
    for operation in operations(PLAIN):
        in_path = [entry["name"] for entry in operation.description["parameters"] if entry["in"] == "path"]
        assert "".join(f"/{{{name}}}" for name in in_path) in operation.path
