"""A model of 12-bit grey: packed from the author's own transform, proven, and asked in every way that images come."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import andon
from andon.errors import MismatchError
from tests.support.asgi import AsgiClient
from tests.support.pictures import deep_photo, encoded
from tests.support.served import Served, asked

pytestmark = pytest.mark.slow

LABELS = ["dark", "medium", "bright"]
INPUT = {
    "color": "L",
    "depth": 12,
    "range": [100, 3900],
    "resize": {"mode": "exact", "size": [32, 32]},
    "mean": [0.5],
    "std": [0.25],
}
FRAME = deep_photo(90, 70, 12)


def transform(image: Image.Image) -> torch.Tensor:
    """Do what a notebook does with a camera of 12 bits."""
    levels = np.asarray(image.resize((32, 32), Image.Resampling.BILINEAR)).astype(np.float32)
    return torch.from_numpy(((levels.clip(100, 3900) - 100) / 3800 - 0.5) / 0.25)[None]


def shifted(image: Image.Image) -> torch.Tensor:
    """Drop the lowest four bits, and go on as with any image of colour."""
    image = Image.fromarray((np.asarray(image) >> 4).astype(np.uint8)).convert("RGB").resize((32, 32))
    return torch.from_numpy(np.asarray(image).transpose(2, 0, 1).astype(np.float32) / 255)


def network(channels: int) -> torch.nn.Module:
    """Make a small network with fixed weights."""
    torch.manual_seed(0)
    layers = (torch.nn.Conv2d(channels, 8, 3, 2), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    return torch.nn.Sequential(*layers, torch.nn.Linear(8, 3))


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six files, PNG and TIFF in turns."""
    folder = tmp_path_factory.mktemp("deep")
    paths = [folder / f"{number}.{'tif' if number % 2 else 'png'}" for number in range(6)]
    for number, path in enumerate(paths):
        Image.fromarray(np.roll(FRAME, 9 * number, axis=1) // (1 + number % 3)).save(path)
    return paths


@pytest.fixture(scope="module")
def bundle(samples: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packed model."""
    out = tmp_path_factory.mktemp("bundle") / "deep.andon"
    report = andon.pack(network(1), samples=samples, labels=LABELS, out=out, transform=transform, input=INPUT)
    assert report.worst["pixels"] < 0.01
    assert report.worst["raw output"] < 1e-5
    return out


@pytest.fixture
def client(bundle: Path) -> Iterator[AsgiClient]:
    """A service of it."""
    with asked(bundle) as made:
        yield made


def expected() -> torch.Tensor:
    """Give the scores that a notebook gives for the frame."""
    with torch.no_grad():
        return network(1)(transform(Image.fromarray(FRAME))[None]).softmax(1)[0]


def test_every_way_to_hand_over_a_frame_gives_the_notebook_s_scores(bundle: Path, tmp_path: Path) -> None:
    """A file, bytes, arrays in any order of memory, a Pillow image."""
    model = andon.load(bundle)
    Image.fromarray(FRAME).save(tmp_path / "frame.tiff", compression="tiff_lzw")
    sources = (
        tmp_path / "frame.tiff",
        encoded(Image.fromarray(FRAME), "PNG"),
        FRAME,
        np.asfortranarray(FRAME),
        FRAME[..., None],
        FRAME.astype(">u2"),
        Image.fromarray(FRAME),
    )
    for prediction in model.predict_many(sources):
        assert prediction.scores == pytest.approx(expected().tolist(), abs=1e-5)


def test_frames_of_another_depth_are_refused(bundle: Path) -> None:
    """8 bits, more levels than 12 bits have, colour."""
    model = andon.load(bundle)
    for source in (
        FRAME.astype(np.uint8),
        FRAME * 2,
        np.dstack([FRAME] * 3),
        encoded(Image.new("RGB", (9, 9)), "JPEG"),
    ):
        error = model.predict(source).error
        assert error is not None
        assert error.code == "image.depth"


def test_a_service_takes_files_and_tensors(client: AsgiClient) -> None:
    """The same scores from `/predict`, and from both forms of a UINT16 tensor."""
    file = encoded(Image.fromarray(FRAME), "TIFF", compression="tiff_adobe_deflate")
    answer = client.post("/predict", content=file, headers={"Content-Type": "image/tiff"}).json()
    assert answer["predictions"][0]["scores"] == pytest.approx(expected().tolist(), abs=1e-5)
    height, width = FRAME.shape
    given = {"name": "image", "shape": [1, height, width, 1], "datatype": "UINT16"}
    plain = {"inputs": [{**given, "data": FRAME.ravel().tolist()}]}
    answers = [client.post("/v2/models/deep/infer", json=plain)]
    head = json.dumps({"inputs": [{**given, "parameters": {"binary_data_size": FRAME.nbytes}}]}).encode()
    headers = {"Inference-Header-Content-Length": str(len(head))}
    body = head + FRAME.astype("<u2").tobytes()
    answers.append(client.post("/v2/models/deep/infer", content=body, headers=headers))
    for found in answers:
        assert found.status_code == 200, found.text
        assert found.json()["outputs"][0]["data"] == pytest.approx(expected().tolist(), abs=1e-5)


def test_a_client_sends_an_array_with_all_its_bits(bundle: Path) -> None:
    """Over a real socket, as a PNG of 16 bits."""
    with Served(bundle) as served, andon.Client(served.url) as client:
        assert client.predict(FRAME).scores == pytest.approx(expected().tolist(), abs=1e-5)


def test_levels_that_a_transform_shifts_to_8_bits_are_declared_by_their_range(
    samples: list[Path], tmp_path: Path
) -> None:
    """`>> 4` is `floor` of 0 to 4080; any other range or rounding is refused, and the message says how to say it."""
    spec = {"color": "LLL", "depth": 12, "range": [0, 4080], "to_8_bits": "floor"}
    spec["resize"] = {"mode": "exact", "size": [32, 32], "interpolation": "bicubic"}
    how = {"samples": samples, "labels": LABELS, "transform": shifted}
    out = tmp_path / "shifted.andon"
    for wrong in ({"to_8_bits": "nearest"}, {"range": [0, 4095]}):
        with pytest.raises(MismatchError) as caught:
            andon.pack(network(3), out=out, input={**spec, **wrong}, **how)
        assert "floor" in caught.value.hint
        assert "[0, 4080]" in caught.value.hint
    andon.pack(network(3), out=out, input=spec, **how)
    buffer = io.BytesIO()
    Image.fromarray(FRAME).save(buffer, "PNG")
    with torch.no_grad():
        scores = network(3)(shifted(Image.fromarray(FRAME))[None]).softmax(1)[0].tolist()
    assert andon.load(out).predict(buffer.getvalue()).scores == pytest.approx(scores, abs=1e-5)
