"""Every dialect keeps the contract of `andon.web.dialects.base`."""

import contextlib
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import Struct

from andon.errors import CODES, RequestError
from andon.predictions import Failure, Prediction, Verdict
from andon.settings.limits import DEFAULT_LIMITS, Limits
from andon.web.dialects.base import Dialect
from andon.web.dialects.classify import PREDICT, RUN
from andon.web.dialects.v2.infer import INFER
from andon.web.messages import Request, Response
from andon.web.problems import STATUS, status_of
from tests.support.forms import FORM, field, form
from tests.support.inference import FACTS, images_in_binary, images_in_json

INTERNAL = "/secret/conv.cc:12"


class Speaker(Struct, frozen=True):
    """A dialect, and how its clients send encoded images."""

    name: str
    dialect: Dialect
    send: Callable[[Sequence[bytes]], Request]


def in_a_form(images: Sequence[bytes]) -> Request:
    """Send encoded images as browsers and curl do."""
    return Request(headers={"content-type": FORM}, request_id="id-1", body=form([field(image) for image in images]))


SPEAKERS = [
    Speaker("run", RUN, in_a_form),
    Speaker("predict", PREDICT, in_a_form),
    Speaker("v2-json", INFER, images_in_json),
    Speaker("v2-binary", INFER, images_in_binary),
]


@pytest.fixture(params=SPEAKERS, ids=lambda speaker: speaker.name)
def speaker(request: pytest.FixtureRequest) -> Speaker:
    """Give each dialect in turn."""
    found: Speaker = request.param
    return found


def good(index: int) -> Prediction:
    """Make the prediction of an image that is well."""
    scores = tuple(0.75 if place == index else 0.125 for place in range(len(FACTS.labels)))
    return Prediction(label=FACTS.labels[index], index=index, score=0.75, scores=scores, verdict=Verdict.OK)


def failed(code: str, message: str) -> Prediction:
    """Make the prediction of an image that failed."""
    return Prediction(
        verdict=Verdict.NotDecidable, reasons=(message,), error=Failure(code=code, message=message, hint="do so")
    )


def answer(speaker: Speaker, predictions: Sequence[Prediction]) -> Response:
    """Ask with as many images as there are predictions, and make the answer."""
    request = speaker.send([b"image"] * len(predictions))
    call = speaker.dialect.decode(request, DEFAULT_LIMITS)
    return speaker.dialect.encode(predictions, call, FACTS, request)


def require_sendable(response: Response) -> None:
    """Hold an answer to be one that any server can send."""
    for name, value in {**response.headers, "Content-Type": response.content_type}.items():
        assert name.isascii()
        assert value.isascii()
        assert (name + value).isprintable()


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_images_come_out_as_they_were_sent(speaker: Speaker, images: list[bytes]) -> None:
    """In their order, whatever bytes they are; empty ones are left to the decoder of images."""
    assert list(speaker.dialect.decode(speaker.send(images), DEFAULT_LIMITS).images) == images


def test_a_request_without_a_body_is_refused(speaker: Speaker) -> None:
    """It holds no image, however it was announced."""
    whole = speaker.send([b"image"])
    with pytest.raises(RequestError) as caught:
        speaker.dialect.decode(msgspec.structs.replace(whole, body=b"", headers={}), DEFAULT_LIMITS)
    assert caught.value.code == "request.file"


def test_a_request_without_images_is_refused(speaker: Speaker) -> None:
    """It is of the right form, and empty."""
    with pytest.raises(RequestError) as caught:
        speaker.dialect.decode(speaker.send([]), DEFAULT_LIMITS)
    assert caught.value.code == "request.file"


def test_too_many_images_are_refused(speaker: Speaker) -> None:
    """One more than the limit, as a whole."""
    limits = Limits(max_images=2)
    assert len(speaker.dialect.decode(speaker.send([b"a", b"b"]), limits).images) == 2
    with pytest.raises(RequestError) as caught:
        speaker.dialect.decode(speaker.send([b"a", b"b", b"c"]), limits)
    assert caught.value.code == "request.images"


def test_a_compressed_body_is_refused(speaker: Speaker) -> None:
    """Whatever compresses it."""
    whole = speaker.send([b"image"])
    compressed = msgspec.structs.replace(whole, headers={**whole.headers, "content-encoding": "gzip"})
    with pytest.raises(RequestError) as caught:
        speaker.dialect.decode(compressed, DEFAULT_LIMITS)
    assert caught.value.code == "request.media_type"


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_body_raises_nothing_but_a_refusal(speaker: Speaker, data: st.DataObject) -> None:
    """Cut, with bytes exchanged, or any bytes at all; what is understood all the same are images."""
    whole = speaker.send([b"first image", b"second"])
    body = bytearray(whole.body)
    for place in data.draw(st.lists(st.integers(0, len(body) - 1), max_size=3)):
        body[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(body)) | st.just(len(body)))
    damaged = data.draw(st.just(bytes(body[:cut])) | st.binary(max_size=60))
    with contextlib.suppress(RequestError):
        call = speaker.dialect.decode(msgspec.structs.replace(whole, body=damaged), DEFAULT_LIMITS)
        assert call.images
        assert all(
            isinstance(image, bytes) or (image.dtype == np.uint8 and image.ndim in (2, 3)) for image in call.images
        )


@pytest.mark.parametrize("count", [1, 3])
def test_good_images_are_answered(speaker: Speaker, count: int) -> None:
    """Status 200, with the labels in the order of the images."""
    response = answer(speaker, [good(index) for index in range(count)])
    require_sendable(response)
    assert response.status == 200
    places = [response.body.find(label.encode()) for label in FACTS.labels[:count]]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize("code", ["image.format", "image.pixels", "engine.deadline", "runtime.run"])
def test_one_image_that_failed_decides_the_status(speaker: Speaker, code: str) -> None:
    """The answer names its code."""
    response = answer(speaker, [failed(code, "so it is")])
    require_sendable(response)
    assert response.status == status_of(code)
    assert code.encode() in response.body


@pytest.mark.parametrize("others", [0, 2])
@pytest.mark.parametrize("code", ["runtime.run", "service.fault", "bundle.read"])
def test_a_fault_of_ours_is_told_without_details(speaker: Speaker, code: str, others: int) -> None:
    """Neither its message nor its reasons reach the client; the request id does."""
    response = answer(speaker, [*map(good, range(others)), failed(code, INTERNAL)])
    assert INTERNAL.encode() not in response.body
    assert b"/secret" not in response.body
    refused = speaker.dialect.refuse(Failure(code=code, message=INTERNAL), speaker.send([b"image"]))
    assert b"/secret" not in refused.body
    assert b"id-1" in refused.body


@pytest.mark.parametrize("code", sorted(CODES))
def test_a_refusal_has_the_status_and_the_code_of_its_failure(speaker: Speaker, code: str) -> None:
    """Each code that can reach a client."""
    response = speaker.dialect.refuse(Failure(code=code, message="so it is", hint="do so"), speaker.send([b"image"]))
    require_sendable(response)
    assert response.status == status_of(code)
    shown = code if code in STATUS else "service.fault"
    assert shown.encode() in response.body
    assert (b"so it is" in response.body) == (status_of(code) != 500)
