"""A bundle on another machine: the wheel alone, without torch and without the author's code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from andon.build.pack import PackReport
from tests.support.author import LABELS, Author, Net, photo

pytestmark = pytest.mark.slow
_ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def serving_venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A venv with the built wheel and its core dependencies, in the pinned versions, and nothing else."""
    folder = tmp_path_factory.mktemp("machine")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", folder, _ROOT], check=True)
    (wheel,) = folder.glob("andon-*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "venv"], check=True)
    target = ["--python", str(folder / "venv/bin/python")]
    subprocess.run([*pip, *target, "install", "-c", _ROOT / "constraints.txt", wheel], check=True)
    return folder / "venv/bin"


def run(program: Path, *arguments: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the serving machine in a folder of its own, without the author's paths."""
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    return subprocess.run(
        [program, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_the_serving_machine_answers_as_the_notebook(serving_venv: Path, packed: PackReport, tmp_path: Path) -> None:
    """It proves the bundle and gives the eager model's labels and scores for images that were not packed."""
    images = {f"{seed}.png": photo(seed, (90 + seed, 140)) for seed in range(200, 230)}
    for name, image in images.items():
        image.save(tmp_path / name)
    checked = run(serving_venv / "andon", "check", packed.path, folder=tmp_path)
    assert checked.returncode == 0, checked.stderr
    predicted = run(serving_venv / "andon", "predict", packed.path, tmp_path, "--json", folder=tmp_path)
    assert predicted.returncode == 0, predicted.stderr
    answers = {Path(item["file"]).name: item for item in json.loads(predicted.stdout)["predictions"]}
    assert answers.keys() == images.keys()
    for name, image in images.items():
        with torch.no_grad():
            expected = Net().eval()(Author()(image)[None]).softmax(1)[0]
        assert answers[name]["label"] == LABELS[int(expected.argmax())]
        assert answers[name]["score"] == pytest.approx(float(expected.max()), rel=1e-3)


def test_the_serving_machine_has_no_torch_and_needs_none(
    serving_venv: Path, packed: PackReport, tmp_path: Path
) -> None:
    """Loading and predicting import neither torch nor onnx; packing says which command brings them."""
    code = (
        "import sys, andon, numpy\n"
        f"model = andon.load({str(packed.path)!r})\n"
        "assert model.predict(numpy.zeros((60, 80, 3), numpy.uint8)).error is None\n"
        "assert not {'torch', 'onnx', 'onnxscript', 'flask'} & set(sys.modules)\n"
        "try:\n"
        "    andon.pack(None, samples=[], labels=[], out='x.andon')\n"
        "except andon.AndonError as error:\n"
        "    print(error)\n"
    )
    done = run(serving_venv / "python", "-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'pip install "andon[torch]"' in done.stdout


def test_the_wheel_holds_the_package_and_nothing_else(serving_venv: Path) -> None:
    """No tests, no data, no folder beside the package."""
    (wheel,) = serving_venv.parents[1].glob("andon-*.whl")
    names = subprocess.run([sys.executable, "-m", "zipfile", "-l", wheel], capture_output=True, text=True, check=True)
    files = [line.split()[0] for line in names.stdout.splitlines()[1:]]
    assert "andon/py.typed" in files
    assert all(name.startswith(("andon/", "andon-")) for name in files)
