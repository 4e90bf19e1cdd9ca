"""The document as a whole: valid, complete, and of the service that it describes."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator
from starlette.routing import Route

from andon import __version__
from andon.errors import CODES
from andon.settings.serve import ServeSettings
from andon.web.messages import ModelFacts
from andon.web.openapi.document import OPEN, openapi_document
from andon.web.openapi.refusals import Json
from tests.support.asgi import AsgiClient
from tests.support.documents import errors, follow, nodes, operation, operations, references
from tests.support.served import asked

NOT_DESCRIBED = {"/static/{name}"}
"""Addresses of files that only the pages ask for."""
SETTINGS = {
    "plain": ServeSettings(),
    "token and probe": ServeSettings(token="t" * 16, probe=True),
}


@pytest.fixture(params=SETTINGS)
def settings(request: pytest.FixtureRequest) -> ServeSettings:
    """The settings of a service, one after the other."""
    return SETTINGS[request.param]


@pytest.fixture
def document(settings: ServeSettings) -> Json:
    """The description of such a service."""
    return openapi_document(settings)


@pytest.fixture
def client(settings: ServeSettings) -> Iterator[AsgiClient]:
    """Asks the service, with the model that answers `null`."""
    with asked(**msgspec.structs.asdict(settings)) as client:
        yield client


def test_the_document_is_openapi(document: Json) -> None:
    """It follows the schema of OpenAPI 3.1, and each schema in it that of JSON Schema."""
    definitions = pytest.importorskip("schemathesis.specs.openapi.definitions", reason="schemathesis is not installed")
    assert [error.message for error in Draft202012Validator(definitions.OPENAPI_31).iter_errors(document)] == []
    for node in nodes(document):
        if "schema" in node:
            Draft202012Validator.check_schema(node["schema"])


def test_every_reference_leads_somewhere_and_every_component_is_used(document: Json) -> None:
    """Nothing is missing, and nothing is left over."""
    used = references(document)
    for reference in used:
        follow(document, reference)
    kinds = ("schemas", "headers", "parameters")
    there = {f"#/components/{kind}/{name}" for kind in kinds for name in document["components"][kind]}
    assert there == used


def test_every_example_fits_its_schema(document: Json) -> None:
    """Whoever copies an example copies a true one."""
    shown = 0
    for node in nodes(document):
        if isinstance(schema := node.get("schema"), dict):
            examples = [example["value"] for example in node.get("examples", {}).values()]
            examples += [node["example"]] if "example" in node else []
            for example in examples:
                shown += 1
                assert errors(schema, example, document) == []
    for schema in document["components"]["schemas"].values():
        for example in schema.get("examples", []):
            shown += 1
            assert errors(schema, example, document) == []
    assert shown > 40


def filled(path: str) -> str:
    """Put something in the place of the parameters of an address."""
    return re.sub(r"\{\w+\}", "null", path)


def test_every_route_is_described(client: AsgiClient, document: Json) -> None:
    """No address is served that the document does not know, and it knows no other."""
    routed = {route.path for route in client.app.routes if isinstance(route, Route)}
    assert routed - NOT_DESCRIBED == set(document["paths"])


def test_the_methods_are_those_that_are_served(client: AsgiClient, document: Json) -> None:
    """`Allow` of each address lists what is described, and `HEAD` with `GET`."""
    for path, item in document["paths"].items():
        answer = client.request("BREW", filled(path), headers={"Authorization": "Bearer " + "t" * 16})
        described = {method.upper() for method in ("get", "post") if method in item}
        assert answer.status_code == 405, path
        assert set(answer.headers["Allow"].split(", ")) - {"HEAD"} == described, path


def test_the_open_addresses_are_those_that_need_no_token(client: AsgiClient, settings: ServeSettings) -> None:
    """An address is described as open where the service answers it without the token."""
    document = openapi_document(settings)
    for path, method, found in operations(document):
        is_refused = client.request(method.upper(), filled(path)).status_code == 401
        assert is_refused == bool(found.get("security")) == ("401" in found["responses"]), path
        assert is_refused == (settings.token is not None and path not in OPEN), path


def test_without_a_token_nothing_is_said_of_one() -> None:
    """No security, no scheme and no 401."""
    assert not any("security" in node or "securitySchemes" in node for node in nodes(openapi_document(ServeSettings())))
    assert not any("401" in found.operation["responses"] for found in operations(openapi_document(ServeSettings())))


def test_the_probe_is_described_where_it_is_served() -> None:
    """`GET /run` is there only with `--probe`."""
    assert "get" not in openapi_document(ServeSettings())["paths"]["/run"]
    assert "get" in openapi_document(ServeSettings(probe=True))["paths"]["/run"]


def test_every_operation_says_what_it_is(document: Json) -> None:
    """A summary, a description, one tag that exists, and an id of its own."""
    tags = {tag["name"] for tag in document["tags"]}
    ids = []
    for _, _, found in operations(document):
        assert found["summary"]
        assert found["description"]
        assert set(found["tags"]) < tags
        ids.append(found["operationId"])
    assert len(set(ids)) == len(ids)


def test_the_document_names_its_version_and_licence(document: Json) -> None:
    """It is of this Andon; its address is its own, so that it holds behind a proxy too."""
    assert document["info"]["version"] == __version__
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert [server["url"] for server in document["servers"]] == ["./"]


def test_the_models_stand_as_examples() -> None:
    """A tool that tries the examples meets models that are there."""
    facts = [ModelFacts(name="colours", version="0123456789ab", digest="0" * 64)]
    parameters = openapi_document(ServeSettings(), facts)["paths"]["/predict/{model}/{version}"]["parameters"]
    assert [parameter["schema"]["examples"] for parameter in parameters] == [["colours"], ["0123456789ab"]]


def test_the_limits_are_those_of_the_service() -> None:
    """Another limit makes another document."""
    text = operation(openapi_document(ServeSettings(max_images=7, max_image_bytes=1000)), "predict")["description"]
    assert "7 images of 1,000 bytes" in text


def test_a_deadline_stands_apart_from_what_tools_try(document: Json) -> None:
    """Where images are taken it is described, and no generator of requests would ask for answers in 10 ms."""
    reference = {"$ref": "#/components/parameters/X-Deadline-Ms"}
    taking: list[Any] = [found.operation for found in operations(document) if "X-Priority" in str(found.operation)]
    assert len(taking) == 6
    for found in taking:
        assert reference in found["x-andon-headers"]
        assert reference not in found["parameters"]


def test_every_code_in_the_document_exists(document: Json) -> None:
    """The codes in the descriptions are those of `andon.errors`."""
    for _, _, found in operations(document):
        for answer in found["responses"].values():
            assert set(re.findall(r"^- `([a-z_.]+)`", answer["description"], re.MULTILINE)) <= set(CODES)
