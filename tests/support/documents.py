"""Looking into OpenAPI documents."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from jsonschema import Draft202012Validator

METHODS = ("get", "post")


class Found(NamedTuple):
    """One operation of a document."""

    path: str
    method: str
    operation: dict[str, Any]


def operations(document: dict[str, Any]) -> Iterator[Found]:
    """Yield each operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield Found(path, method, item[method])


def operation(document: dict[str, Any], operation_id: str) -> dict[str, Any]:
    """Give one operation by its id."""
    (found,) = (found.operation for found in operations(document) if found.operation["operationId"] == operation_id)
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a document, the outer ones first."""
    if isinstance(value, dict):
        yield value
        for member in value.values():
            yield from nodes(member)
    elif isinstance(value, list):
        for member in value:
            yield from nodes(member)


def references(value: Any) -> set[str]:
    """Collect what is referred to."""
    return {str(node["$ref"]) for node in nodes(value) if "$ref" in node}


def follow(document: dict[str, Any], reference: str) -> Any:
    """Give what a reference points to."""
    target: Any = document
    for name in reference.removeprefix("#/").split("/"):
        target = target[name]
    return target


def errors(schema: dict[str, Any], value: object, document: dict[str, Any]) -> list[str]:
    """List what of a value does not fit a schema of a document."""
    whole = {**schema, "components": document["components"]}
    return [error.message for error in Draft202012Validator(whole).iter_errors(value)]
