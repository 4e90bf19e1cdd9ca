"""A command of `curl` for an operation of the document, which works as it stands."""

import json
import re
import shlex

from andon.web.openapi.refusals import Json

_PICTURE = "part.jpg"
_SEND: dict[str, list[str]] = {
    "multipart/form-data": ["-F", f"file=@{_PICTURE}"],
    "image/jpeg": ["-H", "Content-Type: image/jpeg", "--data-binary", f"@{_PICTURE}"],
}


def curl_line(method: str, address: str, operation: Json, parameters: list[Json]) -> str:
    """
    Write the command.

    Args:
        method: In capital letters.
        address: Of the operation, with its path parameters in braces.
        operation: From the document.
        parameters: Those of the operation and of its path, with the references followed.

    Returns:
        One line for a POSIX shell. A body is the first form that the operation takes; an image is read from
        `part.jpg`. The token is taken from the environment.
    """
    words = ["curl", *_body(operation)]
    if method != "GET" and len(words) == 1:
        words += ["-X", method]
    # The shell has to put the token in its place, so its quotes are double.
    token = ['-H "Authorization: Bearer $ANDON_TOKEN"'] if operation.get("security") else []
    return " ".join([shlex.join(words), *token, shlex.quote(_filled(address, parameters))])


def _body(operation: Json) -> list[str]:
    content = operation.get("requestBody", {}).get("content", {})
    for content_type, form in content.items():
        if content_type in _SEND:
            return _SEND[content_type]
        if "example" in form:
            return ["-H", f"Content-Type: {content_type}", "-d", json.dumps(form["example"])]
    return []


def _filled(address: str, parameters: list[Json]) -> str:
    examples = {found["name"]: found["schema"]["examples"][0] for found in parameters if found["in"] == "path"}
    return re.sub(r"\{(\w+)\}", lambda match: examples[match[1]], address)
