"""Tests of `andon predict`."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest

import andon
from tests.support.bundles import colour_graph, write_colours
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]


def test_a_folder_is_predicted_into_a_table(run: Run, colours: Path, parts: Path) -> None:
    """One row an image, sorted, with the label that `andon.load` gives too."""
    ran = run("predict", colours, parts)
    model = andon.load(colours)
    paths = [parts / "B.JPG", parts / "a.png", parts / "later" / "c.jpeg"]
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[:2] for line in ran.out.splitlines()[1:]] == [
        [str(path), model.predict(path).label] for path in paths
    ]


def test_json_and_csv_hold_the_same_answers(run: Run, colours: Path, parts: Path) -> None:
    """Labels and scores agree between the forms."""
    document = json.loads(run("predict", colours, parts, "--json").out)
    rows = list(csv.DictReader(io.StringIO(run("predict", colours, parts, "--csv").out)))
    assert len(rows) == 3
    assert [(row["file"], row["label"]) for row in rows] == [
        (item["file"], item["label"]) for item in document["predictions"]
    ]
    assert [float(row["score"]) for row in rows] == pytest.approx(
        [item["score"] for item in document["predictions"]], rel=1e-5
    )
    assert document["model"]["digest"] == andon.load(colours).digest


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_bad_images_are_told_at_the_end_and_the_others_are_done(
    run: Run, colours: Path, parts: Path, form: tuple[str, ...]
) -> None:
    """Their names and reasons go to stderr, and the exit code is 1."""
    ran = run("predict", colours, parts / "notes.txt", parts / "a.png", parts / "gone.png", *form)
    assert ran.code == 1
    assert "red" in ran.out
    assert ran.err.splitlines() == [
        "2 of 3 images could not be used:",
        f"  {parts}/notes.txt: [image.format] not an image of a format that is taken",
        f"  {parts}/gone.png: [image.missing] cannot be read: No such file or directory",
    ]


def test_only_the_best_labels_are_shown_as_many_as_asked_for(run: Run, colours: Path, parts: Path) -> None:
    """`--top` counts in every form."""
    image = parts / "a.png"
    assert len(run("predict", colours, image, "--top", 3).out.splitlines()) == 4
    (item,) = json.loads(run("predict", colours, image, "--top", 2, "--json").out)["predictions"]
    assert [entry["label"] for entry in item["top"]] == ["red", "blue"]
    assert run("predict", colours, image, "--top", 2, "--csv").out.startswith("file,label,score,label_2,score_2,")


def test_the_runtime_is_the_one_asked_for(run: Run, colours: Path, parts: Path) -> None:
    """The null runtime gives every label the same score."""
    (item,) = json.loads(run("predict", colours, parts / "a.png", "--runtime", "null", "--json").out)["predictions"]
    assert item["scores"] == pytest.approx([1 / 3] * 3)


def test_images_run_in_batches_of_the_size_asked_for(run: Run, colours: Path, parts: Path) -> None:
    """The time of a batch is the same for all images in it; with one image a batch each has its own."""

    def times(size: int) -> set[float]:
        ran = run("predict", colours, parts, "--batch", size, "--json", "--threads", 1)
        return {item["timings_ms"]["infer"] for item in json.loads(ran.out)["predictions"]}

    assert len(times(3)) == 1
    assert len(times(1)) == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--json", "--csv"), "--json and --csv exclude each other"),
        (("--top", "0"), "--top"),
        (("--batch", "0"), "--batch"),
        (("--threads", "0"), "--threads"),
        (("--sideways",), "No such option: --sideways"),
    ],
)
def test_wrong_use_is_told_before_anything_is_done(
    run: Run, colours: Path, parts: Path, arguments: tuple[str, ...], said: str
) -> None:
    """The exit code is 2, nothing is on stdout, and the option is named."""
    ran = run("predict", colours, parts, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert said in ran.err


def test_a_folder_without_images_is_wrong_use(run: Run, colours: Path, tmp_path: Path) -> None:
    """It is told before the bundle is loaded."""
    ran = run("predict", colours, tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert "the folder holds no image" in ran.err


def test_a_bundle_that_does_not_prove_itself_predicts_nothing(run: Run, parts: Path, tmp_path: Path) -> None:
    """The exit code is 1, the reason is told, and no answer is given."""
    import numpy as np

    bundle = write_colours(tmp_path / "c.andon", colour_graph(np.zeros((3, 3), np.float32)))
    ran = run("predict", bundle, parts)
    assert (ran.code, ran.out) == (1, "")
    assert "ProofError [proof.failed]" in ran.err
