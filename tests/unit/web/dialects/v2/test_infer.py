"""The dialect as a whole, and its wire in files: requests with what is understood, answers byte for byte."""

import base64
import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from andon.errors import CODES, RequestError
from andon.predictions import Failure, Prediction, Verdict
from andon.settings.limits import DEFAULT_LIMITS
from andon.web.dialects.base import Call
from andon.web.dialects.v2.face import USUAL_OUTPUTS, InferCall, Wanted
from andon.web.dialects.v2.infer import INFER
from andon.web.messages import Request
from andon.web.problems import status_of
from tests.support.inference import FACTS, LENGTH, json_request, request

CASES = Path(__file__).parent / "cases"
REQUESTS = sorted(CASES.glob("request-*.http"))
ANSWERS = sorted(CASES.glob("answer-*.http"))
GOOD = Prediction(label="red", index=0, score=0.75, scores=(0.75, 0.25, 0.0), verdict=Verdict.OK)


def failed(code: str, message: str, hint: str = "") -> Prediction:
    """Make the prediction of an image that failed."""
    return Prediction(verdict=Verdict.NotDecidable, error=Failure(code=code, message=message, hint=hint))


def error_of(*predictions: Prediction) -> tuple[int, str]:
    """Give the status and the error of an answer."""
    response = INFER.encode(predictions, InferCall(images=[b""] * len(predictions)), FACTS, request(b""))
    assert response.content_type == "application/json"
    (key,) = json.loads(response.body)
    assert key == "error"
    return response.status, json.loads(response.body)["error"]


def parse_http(path: Path) -> Request:
    """Read a request as it goes over the wire, headers in any case."""
    head, _, body = path.read_bytes().partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")[1:]
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    assert int(headers["content-length"]) == len(body)
    return request(body, **headers)


def understood(call: InferCall) -> dict[str, Any]:
    """Give a call as plain data."""
    images = [
        {"base64": base64.b64encode(image).decode()} if isinstance(image, bytes) else {"pixels": image.tolist()}
        for image in call.images
    ]
    terms = msgspec.json.decode(msgspec.json.encode(msgspec.structs.replace(call, images=())))
    return {**terms, "images": images}


@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: path.stem)
def test_a_request_of_the_wire_is_understood(path: Path) -> None:
    """The file beside it says how, or with which code it is refused."""
    expected = json.loads(path.with_suffix(".json").read_bytes())
    try:
        found = understood(INFER.decode(parse_http(path), DEFAULT_LIMITS))
    except RequestError as error:
        found = {"refused": error.code}
    assert found == expected


@pytest.mark.parametrize("path", ANSWERS, ids=lambda path: path.stem)
def test_an_answer_goes_over_the_wire_as_written(path: Path) -> None:
    """Status, headers of the protocol and every byte of the body, for the call and predictions beside it."""
    given = json.loads(path.with_suffix(".json").read_bytes())
    call = InferCall(images=[b""], id=given["id"], outputs=msgspec.convert(given["outputs"], tuple[Wanted, ...]))
    predictions = msgspec.convert(given["predictions"], list[Prediction])
    response = INFER.encode(predictions, call, FACTS, request(b""))
    headers = {"Content-Type": response.content_type, "Content-Length": len(response.body), **response.headers}
    lines = [f"HTTP/1.1 {response.status}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    assert "\r\n".join(lines).encode() + response.body == path.read_bytes()


def test_each_case_has_both_of_its_files() -> None:
    """None is left out for a missing partner."""
    assert len(REQUESTS) >= 10
    assert len(ANSWERS) >= 4
    assert {path.stem for path in CASES.glob("*.json")} == {path.stem for path in (*REQUESTS, *ANSWERS)}


def test_a_raw_body_is_one_image() -> None:
    """As `curl --data-binary @part.jpg` sends it, without a length before it; all is answered in binary."""
    call = INFER.decode(request(b"\xff\xd8 any bytes", **{LENGTH: "0"}), DEFAULT_LIMITS)
    assert call.images == [b"\xff\xd8 any bytes"]
    assert call.outputs == tuple(Wanted(name=name, is_binary=True) for name in USUAL_OUTPUTS)


@pytest.mark.parametrize("headers", [{}, {LENGTH: "0"}])
def test_an_empty_body_holds_no_image(headers: dict[str, str]) -> None:
    """With the header or without."""
    with pytest.raises(RequestError) as caught:
        INFER.decode(request(b"", **headers), DEFAULT_LIMITS)
    assert caught.value.code == "request.file"


def test_terms_are_handed_on() -> None:
    """Lane, deadline and id of the body are in the call."""
    sent = json_request(id="42", parameters={"priority": 1, "timeout": 20_000})
    call = INFER.decode(sent, DEFAULT_LIMITS)
    assert (call.priority, call.deadline_ms, call.id) == ("line", 20, "42")


def test_a_bad_image_fails_the_request() -> None:
    """Alone, its error is that of the request."""
    bad = failed("image.format", "not an image of a format that is taken", "send the file itself")
    assert error_of(bad) == (400, "not an image of a format that is taken; send the file itself [image.format]")


@pytest.mark.parametrize("hint", ["", "look here"])
def test_a_bad_image_among_several_is_named(hint: str) -> None:
    """The first that failed decides; the hint says where each gets its own answer."""
    status, error = error_of(GOOD, failed("image.pixels", "too many pixels", hint), failed("image.format", "other"))
    assert status == 413
    assert error.startswith("image 2 of 3: too many pixels; ")
    assert "POST /predict" in error
    assert hint in error
    assert "other" not in error


@pytest.mark.parametrize("others", [[], [GOOD]])
def test_a_fault_of_the_model_is_told_without_details(others: list[Prediction]) -> None:
    """Only what its code means, and where the reason is."""
    status, error = error_of(*others, failed("runtime.run", "/secret/conv.cc failed"))
    assert status == 500
    assert "secret" not in error
    assert "[runtime.run]" in error
    assert "id-1" in error


@pytest.mark.parametrize("code", sorted(CODES))
def test_refusals_have_the_status_of_their_code(code: str) -> None:
    """The code itself is at the end of the error."""
    response = INFER.refuse(Failure(code=code, message="so it is"), request(b""))
    assert response.status == status_of(code)
    told = ("runtime.run", "runtime.output", "code.run", "engine.quarantine")
    shown = code if status_of(code) != 500 or code in told else "service.fault"
    assert json.loads(response.body)["error"].endswith(f"[{shown}]")


def test_a_call_of_another_dialect_is_a_mistake_of_ours() -> None:
    """It says nothing of outputs."""
    with pytest.raises(TypeError, match="got Call"):
        INFER.encode([GOOD], Call(images=[b""]), FACTS, request(b""))


@settings(deadline=None)
@given(st.binary(max_size=200), st.none() | st.integers(-1, 210).map(str) | st.text(max_size=5))
def test_any_bytes_give_images_or_a_refusal(body: bytes, length: str | None) -> None:
    """Nothing else is raised, whatever the body and the header are."""
    with contextlib.suppress(RequestError):
        call = INFER.decode(request(body, **({} if length is None else {LENGTH: length})), DEFAULT_LIMITS)
        assert all(isinstance(image, bytes | np.ndarray) for image in call.images)
        assert call.images
