"""The operations that need no image."""

import pytest

from andon.settings.serve import ServeSettings
from andon.web.openapi import examples
from andon.web.openapi.about import about_paths
from andon.web.openapi.document import openapi_document
from tests.support.documents import errors

DOCUMENT = openapi_document(ServeSettings())


@pytest.mark.parametrize("path", about_paths())
def test_nothing_but_an_id_is_taken(path: str) -> None:
    """Such an operation has no body."""
    found = about_paths()[path]["get"]
    assert [parameter["$ref"] for parameter in found["parameters"]] == ["#/components/parameters/X-Request-Id"]
    assert "requestBody" not in found


def test_who_is_not_ready_says_why_or_refuses() -> None:
    """503 is the list of models or a problem, so it promises no time to wait."""
    answer = about_paths()["/ready"]["get"]["responses"]["503"]
    assert list(answer["content"]) == ["application/json", "application/problem+json"]
    assert errors(answer["content"]["application/json"]["schema"], examples.UNREADY, DOCUMENT) == []
    assert "Retry-After" not in answer["headers"]
