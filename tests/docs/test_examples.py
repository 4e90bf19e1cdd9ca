"""The code of the guides: real files that run, and pages that quote them word by word."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
from PIL import Image

from tests.support.bundles import colour_image
from tests.support.finders import texture, with_spots
from tests.support.markdown import blocks, pages, written_pages
from tests.support.scripted import answers, scripted
from tests.support.served import Served
from tests.support.tree import ROOT, relative

EXAMPLES = ROOT / "docs" / "examples"
QUOTED = re.compile(r"<!-- from (\S+) -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run_example(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a file of docs/examples as its reader would."""
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def example(name: str) -> ModuleType:
    """Import a file of docs/examples."""
    spec = importlib.util.spec_from_file_location(name.removesuffix(".py"), EXAMPLES / name)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of three images, red, green and blue."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, rgb in enumerate(((200, 40, 40), (40, 180, 60), (50, 60, 190))):
        colour_image(rgb, (300, 280), seed=number).save(folder / f"{number}.png")
    return folder


@pytest.mark.slow
def test_the_example_packs_and_its_bundle_predicts(photos: Path, tmp_path: Path) -> None:
    """The model of the guide becomes a bundle that tells the three colours apart."""
    pytest.importorskip("torch")
    packed = run_example("pack_your_model.py", photos, tmp_path / "colours.andon")
    assert packed.returncode == 0, packed.stderr
    assert "compared on 3 images" in packed.stdout
    predicted = run_example("predict_folder.py", tmp_path / "colours.andon", photos)
    assert predicted.returncode == 0, predicted.stderr
    assert re.findall(r"(\d)\.png: (\w+)", predicted.stdout) == [("0", "red"), ("1", "green"), ("2", "blue")]


@pytest.mark.slow
def test_every_other_form_becomes_a_bundle_that_predicts(photos: Path, tmp_path: Path) -> None:
    """An exported program, TorchScript, ONNX and a network as it is tell the three colours apart."""
    pytest.importorskip("torch")
    packed = run_example("pack_other_forms.py", photos, tmp_path)
    assert packed.returncode == 0, packed.stderr
    assert re.findall(r"^(\w+)\.andon: (\w+) in", packed.stdout, re.MULTILINE) == [
        ("pt2", "onnx"),
        ("pt", "onnx"),
        ("onnx", "onnx"),
        ("eager", "eager"),
    ]
    for bundle in ("pt2", "pt", "onnx"):
        predicted = run_example("predict_folder.py", tmp_path / f"{bundle}.andon", photos)
        assert re.findall(r"(\d)\.png: (\w+)", predicted.stdout) == [("0", "red"), ("1", "green"), ("2", "blue")]


@pytest.mark.slow
def test_own_code_is_packed_and_trusted(photos: Path, tmp_path: Path) -> None:
    """The example says that the bundle needs trust, and tells the three colours apart with it."""
    pytest.importorskip("torch")
    packed = run_example("pack_own_code.py", photos, tmp_path / "own.andon")
    assert packed.returncode == 0, packed.stderr
    assert "--trust: it runs pack_own_code:stretched" in packed.stdout
    assert re.findall(r"(\d)\.png: (\w+)", packed.stdout) == [("0", "red"), ("1", "green"), ("2", "blue")]


@pytest.mark.slow
def test_a_bad_image_does_not_stop_the_others(colours: Path, photos: Path) -> None:
    """The example names the bad file with its code, does the others and returns 1."""
    (photos / "1.png").write_bytes(b"no image")
    predicted = run_example("predict_folder.py", colours, photos)
    assert predicted.returncode == 1
    assert re.findall(r"^(\d)\.png: (\S+)", predicted.stdout, re.MULTILINE) == [
        ("0", "red"),
        ("1", "image.format:"),
        ("2", "blue"),
    ]


@pytest.mark.slow
def test_small_things_are_found_in_a_large_image(tmp_path: Path) -> None:
    """The example packs a model of tiles, and says where the two spots of an image are, one of them at a seam."""
    pytest.importorskip("torch")
    parts = tmp_path / "parts"
    parts.mkdir()
    for seed in range(2):
        Image.fromarray(with_spots(texture(700, 600, seed), (90, 300), side=24)).save(parts / f"{seed}.png")
    image = tmp_path / "part.png"
    Image.fromarray(with_spots(texture(1500, 1100), (244, 500), (1200, 900), side=24)).save(image)
    found = run_example("find_in_large_images.py", parts, tmp_path / "spots.andon", image)
    assert found.returncode == 0, found.stderr
    assert "NotOK: spot 1.000" in found.stdout
    places = [(int(x), int(y)) for x, y in re.findall(r"^spot 1.00 at \((\d+), (\d+)\)", found.stdout, re.MULTILINE)]
    assert len(places) == 2
    assert all(min(abs(x - a) + abs(y - b) for a, b in ((244, 500), (1200, 900))) < 24 for x, y in places)


@pytest.mark.slow
def test_a_service_is_asked_about_a_folder(colours: Path, photos: Path) -> None:
    """The example waits for the service, prints what the model says of each image, and names the bad one."""
    (photos / "1.png").write_bytes(b"no image")
    with Served(colours) as service:
        asked = run_example("ask_server.py", service.url, photos)
    assert asked.returncode == 1, asked.stderr
    assert re.findall(r"^(\d)\.png: (\S+)", asked.stdout, re.MULTILINE) == [
        ("0", "red"),
        ("1", "image.format:"),
        ("2", "blue"),
    ]


@pytest.mark.slow
def test_a_service_that_is_another_one_is_told(photos: Path) -> None:
    """The example prints the error, which says what to do, and returns 3."""
    with scripted(answers(404)) as service:
        asked = run_example("ask_server.py", service.url, photos)
    assert asked.returncode == 3
    assert "[client.answer]" in asked.stderr
    assert "hint: " in asked.stderr


def test_the_recorder_of_old_answers_keeps_to_old_grammar() -> None:
    """It runs where the old model runs, on Python 3.6 too."""
    ast.parse((EXAMPLES / "record_answers.py").read_text("utf-8"), feature_version=(3, 6))


@pytest.mark.slow
def test_recorded_answers_are_held_against_the_bundle(photos: Path, tmp_path: Path) -> None:
    """The same model passes with 0; one whose weights moved fails with 1, and the image is named."""
    pytest.importorskip("torch")
    old, record = example("pack_your_model.py"), example("record_answers.py").record
    answers = tmp_path / "answers.npz"
    bundle = tmp_path / "colours.andon"
    packed = run_example("pack_your_model.py", photos, bundle)
    assert packed.returncode == 0, packed.stderr
    net = old.Colours()
    record(net, old.transform, sorted(photos.iterdir()), str(answers))
    compared = run_example("compare_answers.py", answers, bundle, photos)
    assert compared.returncode == 0, compared.stderr
    assert re.findall(r"(\d)\.png: (\w+)", compared.stdout) == [("0", "red"), ("1", "green"), ("2", "blue")]
    net.linear.weight.data.neg_()
    record(net, old.transform, [photos / "2.png"], str(answers))
    compared = run_example("compare_answers.py", answers, bundle, photos)
    assert compared.returncode == 1
    assert "2.png" in compared.stdout
    assert "DIFFERS" in compared.stdout


@pytest.mark.parametrize("page", written_pages(), ids=relative)
def test_a_quoted_example_stands_in_its_file(page: Path) -> None:
    """A block marked as taken from a file is there, word by word."""
    for name, code in QUOTED.findall(page.read_text(encoding="utf-8")):
        assert code in (ROOT / name).read_text(encoding="utf-8"), f"{name} has no longer:\n{code}"


def test_every_example_is_shown_in_a_guide() -> None:
    """No file of docs/examples is left over."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    assert [path.name for path in sorted(EXAMPLES.glob("*.py")) if f"examples/{path.name}" not in text] == []


@pytest.mark.parametrize("page", pages(), ids=relative)
def test_every_python_block_parses(page: Path) -> None:
    """What is shown as Python is Python."""
    for block in blocks(page, "python"):
        if relative(page) != "docs/reference/python.md":  # signatures, which are no statements
            compile(dedent(block.text), str(block), "exec")
