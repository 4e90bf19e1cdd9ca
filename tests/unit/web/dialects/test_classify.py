"""The seed's contract: images in, `result : LABEL` out, or JSON."""

import base64
import json

import msgspec
import pytest

from andon.errors import RequestError
from andon.predictions import Failure, Prediction, Verdict
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.web.dialects.base import Call
from andon.web.dialects.classify import PREDICT, RUN, Classify
from andon.web.messages import ModelFacts, Request, Response
from tests.support.forms import FORM, field, form

FACTS = ModelFacts(name="colours", version="0123456789ab", digest="0123456789ab" + "c" * 52)
RED = Prediction(label="red", index=0, score=0.75, scores=(0.75, 0.25), timings_ms={"decode": 1.25, "infer": 2.0})
BAD = Prediction(
    verdict=Verdict.NotDecidable,
    reasons=("not an image of a format that is taken",),
    error=Failure(code="image.format", message="not an image of a format that is taken", hint="send the file itself"),
)
BROKEN = Prediction(
    verdict=Verdict.NotDecidable,
    reasons=("/secret/conv.cc failed",),
    error=Failure(code="runtime.run", message="/secret/conv.cc failed"),
)


def posted(body: bytes, content_type: str | None, **headers: str) -> Request:
    """Make a request with a body."""
    named = {} if content_type is None else {"content-type": content_type}
    return Request(headers={**named, **headers}, request_id="id-1", body=body)


def asking(accept: str = "*/*") -> Request:
    """Make a request that accepts a form of answer."""
    return Request(headers={"accept": accept}, request_id="id-1")


def decode(request: Request, limits: Limits) -> list[bytes]:
    """Decode a request, and give its images; both ways of speaking understand the same."""
    calls = [dialect.decode(request, limits) for dialect in (RUN, PREDICT)]
    assert calls[0] == calls[1]
    return [image for image in calls[0].images if isinstance(image, bytes)]


def encode(predictions: list[Prediction], facts: ModelFacts, request: Request, dialect: Classify = RUN) -> Response:
    """Encode predictions, as the seed speaks if nothing else is said."""
    return dialect.encode(predictions, Call(images=[b""] * len(predictions)), facts, request)


def refusal(request: Request, limits: Limits = DEFAULT_LIMITS) -> RequestError:
    """Decode a request that must be refused."""
    with pytest.raises(RequestError) as caught:
        decode(request, limits)
    return caught.value


def test_the_field_file_holds_the_image() -> None:
    """With or without a file name, one or several, in the order sent; an empty one is left to the decoder."""
    parts = [field(b"one"), field(b"two", "file", None), field(b"", "file", "")]
    assert decode(posted(form(parts), FORM), DEFAULT_LIMITS) == [b"one", b"two", b""]


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "IMAGE/PNG; q=x", "image/x-unknown", "application/octet-stream", "", None]
)
def test_the_body_may_be_the_image(content_type: str | None) -> None:
    """Raw bytes need no form; a client that names no type is trusted to send an image."""
    assert decode(posted(b"bytes", content_type), DEFAULT_LIMITS) == [b"bytes"]


@pytest.mark.parametrize("content_type", [FORM, "image/png", None, "application/x-www-form-urlencoded"])
def test_an_empty_body_holds_no_image(content_type: str | None) -> None:
    """It is said so, whatever the content type; the hint is a command."""
    error = refusal(posted(b"", content_type))
    assert error.code == "request.file"
    assert "curl -F file=@" in error.hint


def test_a_form_without_fields_holds_no_image() -> None:
    """A closing boundary alone is not an image either."""
    assert refusal(posted(form([]), FORM)).code == "request.file"


@pytest.mark.parametrize(("name", "filename"), [("image", "x.png"), ("threshold", None), ("File", "x.png"), ("", "x")])
def test_another_field_is_refused_and_the_right_one_named(name: str, filename: str | None) -> None:
    """A field that would be ignored is an error, beside a good one too; it says what the name must be."""
    error = refusal(posted(form([field(b"x"), field(b"y", name, filename)]), FORM))
    assert error.code == "request.field"
    assert repr(name) in error.message
    assert "expected only `file`" in error.message


def test_a_long_field_name_is_cut() -> None:
    """The answer does not grow with the request."""
    assert len(refusal(posted(form([field(b"x", "n" * 3000)]), FORM)).message) < 120


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=x",
        "video/mp4",
        "rubbish",
        "imagejpeg",
    ],
)
def test_other_content_types_are_refused(content_type: str) -> None:
    """The message names the type, the hint a command that works."""
    error = refusal(posted(b"x", content_type))
    assert error.code == "request.media_type"
    assert content_type.partition(";")[0] in error.message


def test_a_compressed_body_is_refused() -> None:
    """It would be taken for a damaged image, or blown up."""
    assert refusal(posted(b"x", "image/png", **{"content-encoding": "gzip"})).code == "request.media_type"
    assert decode(posted(b"x", "image/png", **{"content-encoding": "Identity"}), DEFAULT_LIMITS) == [b"x"]


def test_the_number_of_images_is_bounded() -> None:
    """One more than `max_images` is refused as a whole."""
    limits = Limits(max_images=2)
    assert len(decode(posted(form([field(b"x")] * 2), FORM), limits)) == 2
    assert refusal(posted(form([field(b"x")] * 3), FORM), limits).code == "request.images"


def test_one_image_is_answered_as_the_seed_does() -> None:
    """Exactly `result : LABEL`, as text without a newline."""
    response = encode([RED], FACTS, asking())
    assert (response.status, response.content_type) == (200, "text/plain; charset=utf-8")
    assert response.body == b"result : red"


def test_labels_may_be_in_any_language() -> None:
    """Text and JSON are UTF-8."""
    label = Prediction(label="划痕", index=0, score=1.0, scores=(1.0,))
    assert encode([label], FACTS, asking()).body.decode() == "result : 划痕"
    assert json.loads(encode([label], FACTS, asking("application/json")).body)["predictions"][0]["label"] == "划痕"


def test_several_images_are_answered_by_a_line_each() -> None:
    """In the order sent; a bad one says so in its place, and the status is 200."""
    response = encode([RED, BAD, RED], FACTS, asking())
    assert response.status == 200
    assert response.body.decode().split("\n") == [
        "result : red",
        "error : not an image of a format that is taken; send the file itself [image.format]",
        "result : red",
    ]


def test_a_label_cannot_pretend_to_be_two_answers() -> None:
    """Line breaks within a label become spaces."""
    label = Prediction(label="a\nresult : b", index=0, score=1.0, scores=(1.0,))
    assert encode([label, RED], FACTS, asking()).body == b"result : a result : b\nresult : red"


def test_json_has_everything() -> None:
    """Predictions, the model and the request id."""
    response = encode([RED, BAD], FACTS, asking("application/json"))
    assert (response.status, response.content_type) == (200, "application/json")
    assert json.loads(response.body) == {
        "predictions": json.loads(msgspec.json.encode([RED.as_json(), BAD.as_json()])),
        "model": {"name": "colours", "version": FACTS.version, "digest": FACTS.digest},
        "request_id": "id-1",
    }


@pytest.mark.parametrize(
    ("accept", "content_type"), [("*/*", "text/plain; charset=utf-8"), ("application/json", "application/problem+json")]
)
def test_one_bad_image_is_a_4xx(accept: str, content_type: str) -> None:
    """Alone it decides the status."""
    response = encode([BAD], FACTS, asking(accept))
    assert (response.status, response.content_type) == (400, content_type)
    assert b"image.format" in response.body


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
@pytest.mark.parametrize("others", [[], [RED]])
def test_a_fault_of_the_model_is_told_without_details(accept: str, others: list[Prediction]) -> None:
    """Neither message nor reasons of a runtime's failure reach the client."""
    response = encode([BROKEN, *others], FACTS, asking(accept))
    assert response.status == (200 if others else 500)
    assert b"secret" not in response.body
    assert b"runtime.run" in response.body


def as_json(document: object) -> Request:
    """Make a request with a body of JSON."""
    return posted(json.dumps(document).encode(), "application/json; charset=utf-8")


def test_json_holds_images_in_base64() -> None:
    """One or several, in the order sent; as a browser's canvas gives them, too."""
    one, two = (base64.b64encode(data).decode() for data in (b"one", b"two"))
    assert decode(as_json({"image": one}), DEFAULT_LIMITS) == [b"one"]
    assert decode(as_json({"image": None, "images": [one, two]}), DEFAULT_LIMITS) == [b"one", b"two"]
    assert decode(as_json({"image": f"data:image/png;base64,{one}"}), DEFAULT_LIMITS) == [b"one"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "request.body"),
        (b"\xff", "request.body"),
        (b"[]", "request.body"),
        (b"null", "request.body"),
        (b"{}", "request.body"),
        (b'{"image": "AA==", "images": []}', "request.body"),
        (b'{"image": 7}', "request.body"),
        (b'{"image": "AA==", "threshold": 1}', "request.body"),
        (b'{"image": "A"}', "request.body"),
        (b'{"image": "AA==\\n"}', "request.body"),
        (b'{"image": "\xe5\x88\x92"}', "request.body"),
        (b'{"images": []}', "request.file"),
        (b'{"images": ["AA==", "AA==", "AA=="]}', "request.images"),
        (b'{"images": ' + b"[" * 100_000, "request.body"),
    ],
)
def test_other_json_is_refused(body: bytes, code: str) -> None:
    """Damaged, of another shape, with a field that is not known; the hint shows what is served."""
    error = refusal(posted(body, "application/json"), Limits(max_images=2))
    assert error.code == code
    assert code == "request.images" or '{"image": "<base64>"}' in error.hint


def test_what_is_wrong_with_json_is_named() -> None:
    """By its place, as in the other dialect."""
    assert refusal(posted(b'{"images": ["AA==", 7]}', "application/json")).message.endswith("at $.images[1]")
    assert refusal(posted(b"{", "application/json")).message.startswith("the body: not valid JSON: ")


def test_programs_always_get_json() -> None:
    """At `/predict`, whatever they accept; errors are problems."""
    response = encode([RED], FACTS, asking("text/plain"), PREDICT)
    assert (response.content_type, json.loads(response.body)["request_id"]) == ("application/json", "id-1")
    refused = PREDICT.refuse(Failure(code="request.file", message="no"), asking("text/plain"))
    assert (refused.status, refused.content_type) == (400, "application/problem+json")


def test_the_seed_is_refused_in_a_line_of_text() -> None:
    """Or in JSON where it is preferred."""
    failure = Failure(code="request.file", message="no image", hint="send one")
    assert RUN.refuse(failure, asking()).body == b"error : no image; send one [request.file]"
    assert RUN.refuse(failure, asking("application/json")).content_type == "application/problem+json"


@pytest.mark.parametrize(("verdict", "line"), [(Verdict.OK, "result : OK"), (Verdict.Undefined, "result : none")])
def test_where_nothing_was_found_the_verdict_stands_for_the_label(verdict: Verdict, line: str) -> None:
    """Of a model that looks for things; without a decision it is `none`."""
    nothing = Prediction(scores=(0.0, 0.0), verdict=verdict)
    call = Call(images=[b"image"])
    assert RUN.encode([nothing], call, FACTS, Request(headers={}, request_id="1")).body.decode() == line
