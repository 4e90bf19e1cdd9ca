"""The seed's contract: images in, `result : LABEL` out, or JSON."""

import json

import msgspec
import pytest

from andon.errors import RequestError
from andon.predictions import Failure, Prediction, Verdict
from andon.settings import DEFAULT_LIMITS, Limits
from andon.web.dialects.classify import decode, encode
from andon.web.messages import ModelFacts, Request
from tests.support.forms import FORM, field, form

FACTS = ModelFacts(name="colours", version="0123456789ab", digest="0123456789ab" + "c" * 52)
RED = Prediction(label="red", index=0, score=0.75, scores=(0.75, 0.25), timings_ms={"decode": 1.25, "infer": 2.0})
BAD = Prediction(
    verdict=Verdict.NotDecidable,
    reasons=("not a JPEG or PNG image",),
    error=Failure(code="image.format", message="not a JPEG or PNG image", hint="send the file itself"),
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
        "application/json",
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
        "error : not a JPEG or PNG image; send the file itself [image.format]",
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
    """Alone it decides the status; the model is named all the same."""
    response = encode([BAD], FACTS, asking(accept))
    assert (response.status, response.content_type) == (400, content_type)
    assert b"image.format" in response.body
    assert response.headers["X-Model-Version"] == FACTS.version


@pytest.mark.parametrize("accept", ["*/*", "application/json"])
@pytest.mark.parametrize("others", [[], [RED]])
def test_a_fault_of_the_model_is_told_without_details(accept: str, others: list[Prediction]) -> None:
    """Neither message nor reasons of a runtime's failure reach the client."""
    response = encode([BROKEN, *others], FACTS, asking(accept))
    assert response.status == (200 if others else 500)
    assert b"secret" not in response.body
    assert b"runtime.run" in response.body


def test_headers_say_which_model_answered_and_where_the_time_went() -> None:
    """Times of several images are added up, and a stage that did not happen took none."""
    headers = encode([RED, RED, BAD], FACTS, asking()).headers
    assert headers == {
        "X-Request-Id": "id-1",
        "X-Model-Name": "colours",
        "X-Model-Version": FACTS.version,
        "X-Model-Digest": FACTS.digest,
        "Server-Timing": "decode;dur=2.500, prepare;dur=0.000, infer;dur=4.000, finish;dur=0.000",
    }
