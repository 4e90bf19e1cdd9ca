"""The document in the order in which people read it."""

from andon.settings.serve import ServeSettings
from andon.web.openapi.document import openapi_document
from andon.web.openapi.reading import Block, Operation, Piece, read_sections, read_text
from tests.support.documents import operations

DOCUMENT = openapi_document(ServeSettings(probe=True))
SECTIONS = read_sections(DOCUMENT, "http://127.0.0.1:5555")


def read(operation_id: str) -> Operation:
    """Give one operation."""
    (found,) = (found for section in SECTIONS for found in section.operations if found.id == operation_id)
    return found


def test_every_operation_stands_in_a_section() -> None:
    """None is left out, and none stands twice."""
    shown = sorted((found.path, found.method.lower()) for section in SECTIONS for found in section.operations)
    assert shown == sorted((path, method) for path, method, _ in operations(DOCUMENT))


def test_a_text_is_read_as_paragraphs_lists_and_code() -> None:
    """And as nothing else: a tag in it is text."""
    assert read_text("See `a`, <b>.\n\n- one\n- `two`") == [
        Block(lines=[[Piece("See "), Piece("a", is_code=True), Piece(", <b>.")]]),
        Block(lines=[[Piece("one")], [Piece("two", is_code=True)]], is_list=True),
    ]


def test_what_an_operation_takes_is_listed() -> None:
    """The parts of the address, the headers with the deadline among them, and each form of body."""
    taken = [(found.name, found.where) for found in read("predictWithModel").takes]
    assert taken[0] == ("model", "path")
    assert ("X-Deadline-Ms", "header") in taken
    assert ("multipart/form-data", "body") in taken


def test_values_are_said_in_short() -> None:
    """A range, a list of names, or examples."""
    values = {found.name: found.values for found in read("predictWithModel").takes}
    assert values["X-Deadline-Ms"] == "10–600000"
    assert values["X-Priority"] == "line, interactive, batch"
    assert values["model"] == "scratch"


def test_the_members_of_a_body_are_explained() -> None:
    """Those of JSON, of whichever of its forms."""
    (body,) = (found for found in read("predict").takes if found.name == "application/json")
    assert [line[0].text for line in body.meaning[0].lines] == ["image", "images"]


def test_every_status_is_listed_with_what_comes_with_it() -> None:
    """The content types and the headers."""
    answers = {found.status: found for found in read("predict").answers}
    assert answers["200"].content_types == ["application/json"]
    assert "Server-Timing" in answers["200"].headers
    assert "Retry-After" in answers["429"].headers


def test_an_example_is_shown_as_it_is_sent() -> None:
    """Text as text; JSON over several lines, small parts of it on one."""
    assert read("run").example == "result : scratch"
    assert '"scores": [0.1042, 0.8731, 0.0227],\n' in read("predict").example
    assert read("docs").example == ""
