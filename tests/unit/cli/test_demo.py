"""Tests of `andon demo`, with a small bundle in place of the one that takes long to pack."""

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from andon.build.pack import PackReport
from andon.bundle.archive import read_bundle
from andon.cli.demo import example_and_images
from andon.demo import service
from andon.demo.examples import EXAMPLES, Example
from andon.errors import UsageError
from andon.programs import usable_port
from tests.support.bundles import colour_image, write_colours
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


@pytest.fixture(autouse=True)
def small_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pack the model of colours instead, and try it with a red image; give that image."""

    def pack_colours(out: Path, progress: Callable[[int, int, str], None]) -> PackReport:
        progress(0, 1, "packing")
        bundle = read_bundle(write_colours(out))
        return PackReport(
            path=out,
            digest=bundle.digest,
            manifest=bundle.manifest,
            samples=3,
            golden=3,
            worst={"pixels": 0.0},
            notes=("a small one",),
        )

    def pack_tested_colours(out: Path, progress: Callable[[int, int, str], None]) -> PackReport:
        report = pack_colours(out, progress)
        provenance = replace(report.manifest.provenance, metrics={"accuracy": 0.875, "cells": 8})
        return replace(report, manifest=replace(report.manifest, provenance=provenance))

    image = tmp_path / "red.png"
    colour_image((200, 30, 30)).save(image)
    monkeypatch.setitem(EXAMPLES, "photos", Example("the three colours", pack_colours, lambda: image))
    monkeypatch.setitem(EXAMPLES, "solar", Example("tested colours", pack_tested_colours, lambda: image))
    return image


@pytest.mark.parametrize(
    ("arguments", "name", "images"),
    [
        ([], "photos", []),
        (["photos"], "photos", []),
        (["solar"], "solar", []),
        (["solar", "a.png"], "solar", ["a.png"]),
        (["a.png", "solar"], "photos", ["a.png", "solar"]),
    ],
)
def test_the_name_of_the_example_may_stand_before_the_images(
    arguments: list[str], name: str, images: list[str]
) -> None:
    """Only there; everything after it is an image, and without a name it is `photos`."""
    assert example_and_images(arguments, check=True) == (name, images)


def test_a_folder_called_as_an_example_is_a_folder_of_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--check solar` asks `photos` about the images in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "solar").mkdir()
    assert example_and_images(["solar"], check=True) == ("photos", ["solar"])
    assert example_and_images(["solar"], check=False) == ("solar", [])


def test_an_example_that_does_not_exist_is_wrong_use() -> None:
    """So are images that nobody would be asked about."""
    with pytest.raises(UsageError, match="there is no example 'lunar', expected photos or solar"):
        example_and_images(["lunar"], check=False)


def test_how_good_an_example_is_where_it_was_tested_is_told(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the report, on stderr; the bundle is called as the example. Where nothing was tested, nothing is told."""
    monkeypatch.chdir(tmp_path)
    ran = run("demo", "solar", "--pack-only")
    assert (ran.code, Path("solar.andon").is_file()) == (0, True)
    assert "packing tested colours, into solar.andon" in ran.err
    assert "tested on images that it was not trained on\n  accuracy 0.875\n  cells 8\n" in ran.err
    assert "tested on" not in run("demo", "photos", "--pack-only").err


def test_packing_only_keeps_the_bundle(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where asked for, or as photos.andon in the working folder; nothing is served."""
    monkeypatch.chdir(tmp_path)
    ran = run("demo", "--pack-only")
    assert ran.code == 0
    assert ["digest", read_bundle("photos.andon").digest] in [line.split() for line in ran.out.splitlines()]
    assert "note: a small one" in ran.err
    assert "next: andon predict photos.andon IMAGE..." in ran.err
    document = json.loads(run("demo", "photos", "--pack-only", "-o", "b.andon", "--json").out)
    assert document["bundle"]["model"]["digest"] == read_bundle("b.andon").digest


@pytest.mark.slow
def test_the_check_prints_each_answer_and_exits_with_0(run: Run, small_example: Path, parts: Path) -> None:
    """The service is asked about the sample photo and all images, and agrees."""
    ran = run("demo", "--check", parts)
    assert ran.code == 0
    assert ran.out.splitlines()[-4:] == [
        f"{small_example}: result : red",
        f"{parts}/B.JPG: result : green",
        f"{parts}/a.png: result : red",
        f"{parts}/later/c.jpeg: result : blue",
    ]


@pytest.mark.slow
def test_the_check_fails_where_an_image_cannot_be_used(run: Run, parts: Path) -> None:
    """Its answer is printed as the others, the others are done, and the reason stands at the end."""
    ran = run("demo", "--check", parts / "notes.txt", parts / "gone.png", parts / "a.png", "--json")
    document = json.loads(ran.out)
    assert ran.code == 1
    assert document["predictions"][0]["label"] == "red"
    answers = {Path(item["file"]).name: (item["answer"], item["problem"]) for item in document["answers"]}
    assert answers["a.png"] == ("result : red", None)
    assert answers["notes.txt"][0].startswith("error : not an image of a format that is taken")
    assert "the check failed: 2 problems" in ran.err
    assert f"{parts}/notes.txt: not an image of a format that is taken" in ran.err
    assert f"{parts}/gone.png: cannot be read: No such file or directory" in ran.err


@pytest.mark.slow
def test_it_serves_until_it_is_interrupted(
    run: Run, small_example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command line of the service and one to try are told; an interrupt is how it ends, with 0."""
    seen = []

    def wait(running: service.Service) -> None:
        seen.append(running.port)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(service.Service, "wait", wait)
    port = usable_port(0)
    ran = run("demo", "--port", port, "-o", tmp_path / "kept.andon")
    assert ran.code == 0
    assert seen == [port]
    assert f"andon serve {tmp_path}/kept.andon --port {port} --probe" in ran.err
    assert f"curl -F file=@{small_example} http://127.0.0.1:{port}/run" in ran.err
    assert "red" in ran.out
    assert read_bundle(tmp_path / "kept.andon")
    assert usable_port(port) == port


def test_a_port_that_is_taken_is_told_before_packing(run: Run, tmp_path: Path) -> None:
    """The exit code is that of the environment, and nothing has been packed."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ran = run("demo", "--port", taken.getsockname()[1], "-o", tmp_path / "kept.andon")
    assert (ran.code, ran.out) == (3, "")
    assert "EnvironmentFault [environment.port]" in ran.err
    assert not (tmp_path / "kept.andon").exists()


@pytest.mark.parametrize("arguments", [("--check", "--pack-only"), ("picture.png",), ("--check", "no*.png")])
def test_wrong_use_is_told_before_packing(run: Run, arguments: tuple[str, ...]) -> None:
    """The exit code is 2, and nothing is on stdout."""
    ran = run("demo", *arguments)
    assert (ran.code, ran.out) == (2, "")
