"""The document as people read it: sections of operations, each with what it takes and what it answers."""

import json
import re
from typing import Any

from msgspec import Struct

from andon.web.openapi.curl import curl_line
from andon.web.openapi.refusals import Json

_METHODS = ("get", "post")


class Piece(Struct, frozen=True):
    """A run of text, or of code."""

    text: str
    is_code: bool = False


class Block(Struct, frozen=True, kw_only=True):
    """A paragraph, or a list."""

    lines: list[list[Piece]]
    is_list: bool = False


class Taken(Struct, frozen=True, kw_only=True):
    """A parameter or a form of body."""

    name: str
    where: str
    """`path`, `header` or `body`."""
    values: str
    """Which values it takes; may be empty."""
    meaning: list[Block]
    is_required: bool = False
    """Of a parameter; a body is one of the forms that are listed."""


class Answered(Struct, frozen=True, kw_only=True):
    """One status, and what comes with it."""

    status: str
    meaning: list[Block]
    content_types: list[str]
    headers: list[str]


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one address."""

    id: str
    method: str
    path: str
    summary: str
    meaning: list[Block]
    takes: list[Taken]
    answers: list[Answered]
    example: str
    """What a good answer may be; empty where there is nothing to show."""
    curl: str
    needs_token: bool


class Section(Struct, frozen=True, kw_only=True):
    """The operations of one tag."""

    name: str
    meaning: list[Block]
    operations: list[Operation]


def read_sections(document: Json, base_url: str) -> list[Section]:
    """
    Order a document by its tags.

    Args:
        document: As `openapi_document` makes it.
        base_url: Where the service is asked, without a slash at the end.

    Returns:
        A section for each tag, in the order of the document.
    """
    reader = _Reader(document, base_url)
    operations = [
        (operation["tags"][0], reader.operation(method, path, operation, item.get("parameters", [])))
        for path, item in document["paths"].items()
        for method in _METHODS
        if (operation := item.get(method))
    ]
    return [
        Section(
            name=tag["name"],
            meaning=read_text(tag["description"]),
            operations=[operation for name, operation in operations if name == tag["name"]],
        )
        for tag in document["tags"]
    ]


def read_text(text: str) -> list[Block]:
    r"""
    Read a description: paragraphs, lists with `-`, and code between backticks.

    >>> [block.is_list for block in read_text("One.\n\n- `a`: x\n- b")]
    [False, True]
    """
    blocks = []
    for paragraph in filter(None, text.split("\n\n")):
        lines = paragraph.splitlines()
        is_list = all(line.startswith("- ") for line in lines)
        blocks.append(Block(lines=[_pieces(line.removeprefix("- ")) for line in lines], is_list=is_list))
    return blocks


def _pieces(line: str) -> list[Piece]:
    runs = enumerate(line.split("`"))
    return [Piece(run, is_code=index % 2 == 1) for index, run in runs if run]


class _Reader:
    """Reads operations of one document."""

    def __init__(self, document: Json, base_url: str) -> None:
        self._document = document
        self._base_url = base_url

    def operation(self, method: str, path: str, operation: Json, shared: list[Json]) -> Operation:
        parameters = [self._follow(found) for found in (*shared, *operation.get("parameters", []))]
        further = [self._follow(found) for found in operation.get("x-andon-headers", [])]
        return Operation(
            id=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation["summary"],
            meaning=read_text(operation["description"]),
            takes=[
                *map(self._parameter, (*parameters, *further)),
                *self._bodies(operation.get("requestBody", {})),
            ],
            answers=[self._answer(status, found) for status, found in operation["responses"].items()],
            example=self._example(operation["responses"]["200"]["content"]),
            curl=curl_line(method.upper(), f"{self._base_url}{path}", operation, parameters),
            needs_token=bool(operation.get("security")),
        )

    def _follow(self, found: Json) -> Json:
        """Give what a reference points to."""
        while "$ref" in found:
            target: Any = self._document
            for name in found["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            found = target
        return found

    def _parameter(self, parameter: Json) -> Taken:
        return Taken(
            name=parameter["name"],
            where=parameter["in"],
            values=_values(self._follow(parameter["schema"])),
            meaning=read_text(parameter["description"]),
            is_required=parameter.get("required", False),
        )

    def _bodies(self, body: Json) -> list[Taken]:
        return [
            Taken(
                name=content_type,
                where="body",
                values="",
                meaning=self._body_meaning(self._follow(form["schema"])),
            )
            for content_type, form in body.get("content", {}).items()
        ]

    def _body_meaning(self, schema: Json) -> list[Block]:
        """Say what a body is: its own description, or those of its members."""
        if "description" in schema:
            return read_text(schema["description"])
        kinds = [self._follow(kind) for kind in schema.get("oneOf", [schema])]
        members = {name: self._follow(found) for kind in kinds for name, found in kind.get("properties", {}).items()}
        lines = [f"- `{name}`: {found.get('description', '')}" for name, found in members.items()]
        return read_text("\n".join(line.removesuffix(": ") for line in lines))

    def _answer(self, status: str, answer: Json) -> Answered:
        return Answered(
            status=status,
            meaning=read_text(answer["description"]),
            content_types=list(answer["content"]),
            headers=list(answer["headers"]),
        )

    def _example(self, content: Json) -> str:
        """Give the first example that the media types or their schemas have, as it is sent."""
        for form in content.values():
            schema = self._follow(form["schema"])
            given = [form["example"]] if "example" in form else []
            given += [example["value"] for example in form.get("examples", {}).values()]
            for example in (*given, *schema.get("examples", [])):
                return example if isinstance(example, str) else _written(example)
        return ""


def _values(schema: Json) -> str:
    """Say which values a parameter takes."""
    if "enum" in schema:
        return ", ".join(schema["enum"])
    if "minimum" in schema:
        return f"{schema['minimum']}–{schema['maximum']}"
    return ", ".join(schema.get("examples", []))


def _written(example: object) -> str:
    """Write JSON over several lines, but short lists and objects on one."""
    text = json.dumps(example, indent=2, ensure_ascii=False)
    return re.sub(r"([\[{])\s([^\[\]{}]{0,150})\s([\]}])", _on_one_line, text)


def _on_one_line(found: re.Match[str]) -> str:
    return f"{found[1]}{' '.join(found[2].split())}{found[3]}"
