"""The commands that the description shows."""

import shlex

import pytest

from andon.settings.serve import ServeSettings
from andon.web.openapi.curl import curl_line
from andon.web.openapi.document import openapi_document
from andon.web.openapi.reading import read_sections
from tests.support.documents import operation

BASE = "http://127.0.0.1:5555"
DOCUMENT = openapi_document(ServeSettings())


def commands(settings: ServeSettings) -> dict[str, list[str]]:
    """Give the words of the command of each operation."""
    sections = read_sections(openapi_document(settings), BASE)
    return {found.id: shlex.split(found.curl) for section in sections for found in section.operations}


def test_an_image_is_sent_as_it_is() -> None:
    """The shortest way for one image."""
    sent = ["curl", "-H", "Content-Type: image/jpeg", "--data-binary", "@part.jpg", f"{BASE}/predict"]
    assert commands(ServeSettings())["predict"] == sent


def test_the_seed_is_asked_with_a_form() -> None:
    """As its clients do."""
    assert commands(ServeSettings())["run"] == ["curl", "-F", "file=@part.jpg", f"{BASE}/run"]


def test_json_is_quoted_for_the_shell() -> None:
    """One word holds the whole body."""
    words = commands(ServeSettings())["v2Index"]
    assert words == [
        "curl",
        "-H",
        "Content-Type: application/json",
        "-d",
        '{"ready": true}',
        f"{BASE}/v2/repository/index",
    ]


@pytest.mark.parametrize("name", ["sc ratch", "it's"])
def test_a_name_cannot_leave_its_word(name: str) -> None:
    """What stands in an address stays in it."""
    parameters = [{"name": "model", "in": "path", "schema": {"examples": [name]}}]
    line = curl_line("GET", f"{BASE}/models/{{model}}", operation(DOCUMENT, "models"), parameters)
    assert shlex.split(line) == ["curl", f"{BASE}/models/{name}"]


def test_the_token_comes_from_the_environment() -> None:
    """Where it is needed, and only there."""
    found = commands(ServeSettings(token="t" * 16))
    assert "Authorization: Bearer $ANDON_TOKEN" in found["models"]
    assert "Authorization: Bearer $ANDON_TOKEN" not in found["live"]


def test_a_post_without_a_body_says_that_it_is_one() -> None:
    """Else curl would get."""
    assert curl_line("POST", BASE, {}, []) == f"curl -X POST {BASE}"
