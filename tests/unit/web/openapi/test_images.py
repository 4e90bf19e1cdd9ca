"""The operations that take images."""

import base64
import json

import pytest

from andon.bundle.input_spec import InputSpec
from andon.errors import RequestError
from andon.settings.serve import ServeSettings
from andon.vision.decode import decode
from andon.web.dialects.classify import PREDICT
from andon.web.messages import Request
from andon.web.openapi import examples
from andon.web.openapi.document import openapi_document
from andon.web.openapi.images import image_paths, name_and_version
from tests.support.documents import errors, operation

DOCUMENT = openapi_document(ServeSettings())
PREDICTING = operation(DOCUMENT, "predict")
BODY = PREDICTING["requestBody"]["content"]["application/json"]


def test_the_example_is_an_image() -> None:
    """Whoever sends it gets a prediction."""
    assert decode(base64.b64decode(examples.IMAGE_BASE64), InputSpec()).size == (2, 2)


@pytest.mark.parametrize(
    ("text", "is_taken"),
    [
        ('{"image": "QUJD"}', True),
        ('{"images": ["QUJD", "QUJD"]}', True),
        ('{"images": []}', False),
        ('{"image": "QUJD", "images": ["QUJD"]}', False),
        ('{"image": "QUJD", "more": 1}', False),
        ("{}", False),
        ('{"image": 1}', False),
    ],
)
def test_the_json_that_is_described_is_the_json_that_is_taken(text: str, *, is_taken: bool) -> None:
    """The schema and the dialect agree on what is a request."""
    assert (errors(BODY["schema"], json.loads(text), DOCUMENT) == []) == is_taken
    request = Request(headers={"content-type": "application/json"}, request_id="1", body=text.encode())
    if is_taken:
        assert PREDICT.decode(request, ServeSettings()).images
    else:
        with pytest.raises(RequestError):
            PREDICT.decode(request, ServeSettings())


def test_images_are_sent_in_every_form_that_is_served() -> None:
    """The image itself, a form, and JSON; the seed's form comes first where the seed's clients ask."""
    images = [f"image/{name}" for name in ("jpeg", "png", "tiff", "bmp", "webp", "gif")]
    forms = [*images, "application/octet-stream", "multipart/form-data", "application/json"]
    assert list(PREDICTING["requestBody"]["content"]) == forms
    assert next(iter(operation(DOCUMENT, "run")["requestBody"]["content"])) == "multipart/form-data"


def test_a_model_is_named_in_the_address() -> None:
    """Only where it is, there can be none of that name."""
    paths = image_paths(ServeSettings(), [])
    assert "404" not in paths["/predict"]["post"]["responses"]
    assert "404" in paths["/predict/{model}"]["post"]["responses"]


def test_without_models_there_are_made_up_ones() -> None:
    """An address can always be tried."""
    name, version = name_and_version([])
    assert name["schema"]["examples"] == ["scratch"]
    assert len(version["schema"]["examples"][0]) == 12
