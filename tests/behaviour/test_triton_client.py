"""Triton's own client for Python against a real service: the Open Inference Protocol as it is spoken in the field."""

import base64
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

import andon
from andon.model.model import Model
from andon.tensors import UInt8Array
from tests.support.andon_serve import AndonServe
from tests.support.bundles import LABELS, colour_image, encode

pytestmark = pytest.mark.slow

NAME = "colours"
RED = encode(colour_image((200, 40, 40)), "JPEG")
GREEN = encode(colour_image((40, 180, 60)), "PNG")
BLUE = np.asarray(colour_image((50, 60, 190)))
OUTPUTS = ("scores", "label", "verdict")


@pytest.fixture(scope="module")
def served(colours: Path) -> Iterator[str]:
    """Give the address of `andon serve`, without its scheme, as Triton's clients take it."""
    with AndonServe(str(colours)) as service:
        yield service.url.removeprefix("http://")


@pytest.fixture
def client(served: str) -> Iterator[triton.InferenceServerClient]:
    """Give a client that is closed in the end."""
    with triton.InferenceServerClient(served) as found:
        yield found


@pytest.fixture(scope="module")
def model(colours: Path) -> Model:
    """Load the same bundle here, to compare with."""
    return andon.load(colours, threads=1)


def files(images: Sequence[bytes | str], *, binary: bool = True) -> list[triton.InferInput]:
    """Make the input of encoded images."""
    given = triton.InferInput("image", [len(images)], "BYTES")
    given.set_data_from_numpy(np.array(images, np.object_), binary_data=binary)
    return [given]


def pixels(images: UInt8Array, *, binary: bool = True) -> list[triton.InferInput]:
    """Make the input of pixels (N, H, W, C)."""
    given = triton.InferInput("image", list(images.shape), "UINT8")
    given.set_data_from_numpy(images, binary_data=binary)
    return [given]


def wanted(name: str, **how: Any) -> triton.InferRequestedOutput:
    """Ask for one output."""
    return triton.InferRequestedOutput(name, **how)


def labels(result: triton.InferResult) -> list[str]:
    """Give the labels of an answer, which are bytes behind the JSON and texts in it."""
    return [label.decode() if isinstance(label, bytes) else label for label in result.as_numpy("label")]


def refused(client: triton.InferenceServerClient, *arguments: Any, **named: Any) -> tuple[str, str]:
    """Make a request that must fail; give its status and message."""
    with pytest.raises(InferenceServerException) as caught:
        client.infer(NAME, *arguments, **named)
    return caught.value.status(), caught.value.message()


def test_the_service_is_live_and_ready(client: triton.InferenceServerClient, model: Model) -> None:
    """The server, its model, and the version of it."""
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.is_model_ready(NAME)
    assert client.is_model_ready(NAME, model.version)


def test_a_model_that_is_not_there_is_not_ready(client: triton.InferenceServerClient) -> None:
    """By name and by version; its metadata are a 404 with our code."""
    assert not client.is_model_ready("scratch")
    assert not client.is_model_ready(NAME, "000000000000")
    with pytest.raises(InferenceServerException, match=r"\[request.model\]") as caught:
        client.get_model_metadata("scratch")
    assert caught.value.status() == "404"


def test_the_server_describes_itself(client: triton.InferenceServerClient) -> None:
    """Name, version and extensions."""
    found = client.get_server_metadata()
    assert (found["name"], found["version"]) == ("andon", andon.__version__)
    assert "binary_tensor_data" in found["extensions"]


def test_the_model_describes_itself(client: triton.InferenceServerClient, model: Model) -> None:
    """Its tensors, its version and its digest; with or without the version in the address."""
    found = client.get_model_metadata(NAME)
    assert found == client.get_model_metadata(NAME, model.version)
    assert (found["name"], found["versions"]) == (NAME, [model.version])
    assert found["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert [output["name"] for output in found["outputs"]] == list(OUTPUTS)
    assert found["outputs"][0]["shape"] == [-1, len(LABELS)]
    assert found["properties"]["digest"] == model.digest


def test_the_configuration_says_how_large_a_batch_may_be(client: triton.InferenceServerClient, model: Model) -> None:
    """As load generators read it; so many images are taken, and not one more."""
    largest = client.get_model_config(NAME)["max_batch_size"]
    assert client.get_model_config(NAME, model.version)["max_batch_size"] == largest
    assert len(labels(client.infer(NAME, files([RED] * largest)))) == largest
    status, message = refused(client, files([RED] * (largest + 1)))
    assert status == "413"
    assert "[request.images]" in message


def test_the_repository_has_an_index(client: triton.InferenceServerClient, model: Model) -> None:
    """Of one model, which is ready."""
    expected = {"name": NAME, "version": model.version, "state": "READY", "reason": ""}
    assert client.get_model_repository_index() == [expected]


def test_encoded_images_are_predicted_as_in_process(client: triton.InferenceServerClient, model: Model) -> None:
    """Several at once, in their order; every number of the scores is the same."""
    result = client.infer(NAME, files([RED, GREEN, RED]))
    assert labels(result) == ["red", "green", "red"]
    assert result.as_numpy("verdict").dtype == np.int32
    expected = np.array([model.predict(image).scores for image in (RED, GREEN, RED)], np.float32)
    assert result.as_numpy("scores").dtype == np.float32
    assert np.allclose(result.as_numpy("scores"), expected, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("binary", [True, False])
def test_pixels_are_predicted_as_in_process(client: triton.InferenceServerClient, model: Model, binary: bool) -> None:  # noqa: FBT001 -- a table
    """In colour and grey, behind the JSON and in it."""
    assert labels(client.infer(NAME, pixels(np.stack([BLUE, BLUE]), binary=binary))) == ["blue", "blue"]
    grey = BLUE[None, :, :, :1].copy()
    found = client.infer(NAME, pixels(grey, binary=binary)).as_numpy("scores")
    assert np.allclose(found, [model.predict(grey[0, :, :, 0]).scores], rtol=1e-5)


def test_files_in_json_are_base64(client: triton.InferenceServerClient) -> None:
    """The client cannot put other bytes into JSON."""
    texts = [base64.b64encode(image).decode() for image in (GREEN, RED)]
    assert labels(client.infer(NAME, files(texts, binary=False))) == ["green", "red"]


@pytest.mark.parametrize("binary", [True, False])
def test_outputs_come_as_they_are_asked_for(client: triton.InferenceServerClient, binary: bool) -> None:  # noqa: FBT001 -- a table
    """Only those, in the order asked."""
    outputs = [wanted("verdict", binary_data=binary), wanted("label", binary_data=not binary)]
    result = client.infer(NAME, files([RED]), outputs=outputs)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["verdict", "label"]
    assert result.as_numpy("verdict").tolist() == [0]
    assert labels(result) == ["red"]
    assert result.as_numpy("scores") is None


@pytest.mark.parametrize("binary", [True, False])
def test_classes_can_be_asked_for(client: triton.InferenceServerClient, binary: bool) -> None:  # noqa: FBT001 -- a table
    """`value:index:label`, the highest first."""
    result = client.infer(NAME, files([RED, GREEN]), outputs=[wanted("scores", class_count=2, binary_data=binary)])
    found = result.as_numpy("scores")
    assert found.shape == (2, 2)
    texts = [text.decode() if isinstance(text, bytes) else text for text in found[:, 0]]
    assert [text.split(":")[1:] for text in texts] == [["0", "red"], ["1", "green"]]
    assert float(texts[0].split(":")[0]) > 0.9


def test_the_answer_names_model_and_request(client: triton.InferenceServerClient, model: Model) -> None:
    """The version too, asked for or not."""
    for version in ("", model.version):
        answer = client.infer(NAME, files([RED]), model_version=version, request_id="42").get_response()
        assert (answer["id"], answer["model_name"], answer["model_version"]) == ("42", NAME, model.version)


def test_terms_are_taken(client: triton.InferenceServerClient) -> None:
    """Priority 1 is the highest; the timeout is in microseconds."""
    assert labels(client.infer(NAME, files([RED]), priority=1, timeout=10_000_000)) == ["red"]
    status, message = refused(client, files([RED]), timeout=1)
    assert status == "400"
    assert "[request.parameter]" in message


def test_requests_may_run_side_by_side(served: str) -> None:
    """Each gets the answer to its own image."""
    sent = [("red", RED), ("green", GREEN)] * 10
    with triton.InferenceServerClient(served, concurrency=4) as client:
        waiting = [client.async_infer(NAME, files([image])) for _, image in sent]
        assert [labels(request.get_result()) for request in waiting] == [[label] for label, _ in sent]


def test_a_bad_image_is_told(client: triton.InferenceServerClient) -> None:
    """Alone, and which of several it is."""
    assert refused(client, files([b"no image"]))[0] == "400"
    status, message = refused(client, files([RED, b"no image", GREEN]))
    assert status == "400"
    assert message.startswith("image 2 of 3: ")
    assert "[image.format]" in message


def test_a_wrong_tensor_is_told(client: triton.InferenceServerClient) -> None:
    """Of another type, name or shape; the client shows what the service says."""
    floats = triton.InferInput("image", [1, 4, 4, 3], "FP32")
    floats.set_data_from_numpy(np.zeros((1, 4, 4, 3), np.float32))
    other = triton.InferInput("pixels", [1], "BYTES")
    other.set_data_from_numpy(np.array([RED], np.object_))
    for inputs in ([floats], [other], pixels(np.zeros((1, 4, 4, 2), np.uint8)), [*files([RED]), *files([RED])], []):
        status, message = refused(client, inputs)
        assert status == "400"
        assert "[request.tensor]" in message


@pytest.mark.parametrize(
    "named", [{"parameters": {"threshold": 0.5}}, {"sequence_id": 7}, {"outputs": [triton.InferRequestedOutput("x")]}]
)
def test_a_wish_that_is_not_known_is_refused(client: triton.InferenceServerClient, named: dict[str, Any]) -> None:
    """Nothing is left unheard in silence."""
    assert refused(client, files([RED]), **named)[0] == "400"


def test_a_compressed_request_is_refused(client: triton.InferenceServerClient) -> None:
    """As unsupported, and the next one is answered."""
    assert refused(client, files([RED]), request_compression_algorithm="gzip")[0] == "415"
    assert labels(client.infer(NAME, files([RED]))) == ["red"]


def test_an_image_may_be_the_whole_body(served: str) -> None:
    """As curl sends a file, with one header; the client reads the answer."""
    request = urllib.request.Request(
        f"http://{served}/v2/models/{NAME}/infer",
        data=RED,
        headers={"Inference-Header-Content-Length": "0", "Content-Type": "image/jpeg"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 -- it is the service started above
        body, length = answer.read(), int(answer.headers["Inference-Header-Content-Length"])
    result = triton.InferenceServerClient.parse_response_body(body, header_length=length)
    assert labels(result) == ["red"]


def test_errors_are_json_with_one_member(served: str) -> None:
    """`error`, in the type of JSON."""
    request = urllib.request.Request(f"http://{served}/v2/models/{NAME}/infer", data=b"{}")
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=30)  # noqa: S310 -- as above
    with caught.value as answer:
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.read().startswith(b'{"error":"')
