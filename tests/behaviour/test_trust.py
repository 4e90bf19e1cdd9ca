"""A bundle that needs trust, at every door: refused without, served with, as people type it."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from andon.bundle.archive import write_bundle
from andon.bundle.manifest import Manifest
from tests.support.andon_serve import ANDON, AndonServe
from tests.support.bundles import colour_image, colour_parts, declared_files, encode
from tests.support.gunicorn import Gunicorn
from tests.support.program import ServerProgram
from tests.support.tree import ROOT

pytest.importorskip("torch", reason="the library of the runtime torch is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]
GREEN = encode(colour_image((40, 180, 60)), "JPEG")
INSTALLED = {"PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
"""Where the factory of the eager artifact is found, as if its package were installed."""


def write(kind: str, folder: Path) -> Path:
    """Write the bundle of colours with nothing but an artifact for torch."""
    from tests.support.colour_network import FACTORY, colour_artifact

    declared = {"name": kind, "format": kind, "path": f"artifacts/{kind}/model"}
    manifest, members = colour_parts(
        artifacts=[declared | ({"factory": FACTORY} if kind == "eager" else {})],
        executions=[{"artifact": kind, "runtime": "torch"}],
    )
    del members["artifacts/onnx/model.onnx"]
    members[declared["path"]] = colour_artifact(kind)
    path = folder / "colours.andon"
    write_bundle(path, msgspec.convert({**manifest, "files": declared_files(members)}, Manifest), members)
    return path


@pytest.fixture(scope="module", params=["pt2", "torchscript", "eager"])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of each form that torch runs."""
    return write(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def eager(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of the form that runs most of the author's code."""
    return write("eager", tmp_path_factory.mktemp("eager"))


def andon(*words: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Type a command of Andon's."""
    return subprocess.run(
        [str(ANDON), *map(str, words)],
        env={**os.environ, **INSTALLED},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def asks(server: ServerProgram) -> str:
    """Ask for the label of a green image."""
    return server.ask("POST", "/run", GREEN, {"Content-Type": "image/jpeg"}).body.decode()


@pytest.mark.parametrize("words", [["check"], ["predict"]], ids=lambda words: words[0])
def test_a_command_wants_the_flag(bundle: Path, words: Sequence[str], tmp_path: Path) -> None:
    """The error names the flag; with it the golden samples are reproduced, and images answered."""
    (tmp_path / "part.jpg").write_bytes(GREEN)
    images = ["part.jpg"] if words == ["predict"] else []
    refused = andon(*words, bundle, *images, folder=tmp_path)
    assert refused.returncode == 1
    assert "bundle.trust" in refused.stderr
    assert "--trust" in refused.stderr
    done = andon(*words, bundle, *images, "--trust", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("green" if images else "holds") in done.stdout


def test_inspect_says_what_would_run(bundle: Path, tmp_path: Path) -> None:
    """It runs nothing, so it needs no flag."""
    shown = andon("inspect", bundle, folder=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "needed to load it" in shown.stdout


def test_a_service_wants_the_flag(eager: Path) -> None:
    """Without it the service does not become ready, and says so; with it, it answers."""
    with AndonServe(str(eager), environment=INSTALLED, waits=False) as refused:
        assert refused.wait_until_it_ends() != 0
    assert "bundle.trust" in refused.log
    with AndonServe(str(eager), "--trust", environment=INSTALLED) as service:
        assert "green" in asks(service)


@pytest.mark.parametrize("mode", [[], ["--preload"]], ids=["after-fork", "preload"])
def test_gunicorn_wants_the_argument(eager: Path, mode: list[str], tmp_path: Path) -> None:
    """Without it gunicorn stops with the reason in its log; with it each worker has a torch of its own."""
    with Gunicorn(*mode, f'andon.wsgi:create_app("{eager}")', folder=tmp_path, environment=INSTALLED) as refused:
        assert refused.wait_until_it_ends() == 3
    assert "bundle.trust" in refused.log
    application = f'andon.wsgi:create_app("{eager}", trust=True)'
    with Gunicorn("-w", "2", *mode, application, folder=tmp_path, environment=INSTALLED) as service:
        service.wait_until_it_serves()
        assert {asks(service) for _ in range(4)} == {"result : green"}
