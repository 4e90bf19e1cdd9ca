"""Tests of the forms in which predictions are written."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from andon.cli.forms import CsvForm, Form, JsonForm, TableForm, WithMaps, best, total_ms
from andon.errors import ImageError
from andon.model.failed import failed_prediction
from andon.model.load import load
from andon.model.model import Model
from andon.predictions import Box, Prediction, ScoreMap, Verdict
from tests.support.bundles import write_colours
from tests.support.finders import load_finder

GOOD = Prediction(
    label="green",
    index=1,
    score=0.7,
    scores=(0.1, 0.7, 0.2),
    verdict=Verdict.OK,
    reasons=("one", "two, three"),
    timings_ms={"decode": 1.0, "infer": 2.5},
)
BAD = failed_prediction(ImageError("not a JPEG or PNG image", code="image.format"), {"prepare": 0.25})


@pytest.fixture(scope="module")
def undecided(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The model of colours, which decides nothing."""
    return load(write_colours(tmp_path_factory.mktemp("c") / "c.andon"))


@pytest.fixture(scope="module")
def deciding(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Model]:
    """The model of colours with a decision."""
    return load(write_colours(tmp_path_factory.mktemp("c") / "c.andon", decision={"ok_labels": ["green"]}))


def written(form: Form, capsys: pytest.CaptureFixture[str], *predictions: Prediction) -> str:
    """Write predictions of the images 0.png, 1.png ... and give all of it."""
    for number, prediction in enumerate(predictions):
        form.add(f"{number}.png", prediction)
    form.end()
    return capsys.readouterr().out


def test_the_table_has_a_row_for_each_image(undecided: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """An image that failed shows its error code; without a decision there is no column of verdicts."""
    lines = written(TableForm(undecided, 1), capsys, GOOD, BAD).splitlines()
    assert [line.split() for line in lines] == [
        ["file", "label", "score", "ms"],
        ["0.png", "green", "0.700", "3.5"],
        ["1.png", "[image.format]", "-", "0.2"],
    ]


def test_the_table_of_a_bundle_that_decides_shows_verdicts(deciding: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """They stand beside the best label only, and a failed image has one too."""
    lines = written(TableForm(deciding, 2), capsys, GOOD, BAD).splitlines()
    assert [line.split() for line in lines] == [
        ["file", "label", "score", "verdict", "ms"],
        ["0.png", "green", "0.700", "OK", "3.5"],
        ["blue", "0.200"],
        ["1.png", "[image.format]", "-", "NotDecidable", "0.2"],
    ]


@pytest.mark.parametrize("predictions", [(), (GOOD,), (BAD, GOOD)])
def test_the_json_is_one_document_of_the_shape_of_an_http_answer(
    undecided: Model, capsys: pytest.CaptureFixture[str], predictions: tuple[Prediction, ...]
) -> None:
    """Also of no image at all; each prediction is as `as_json` gives it, with its file."""
    assert json.loads(written(JsonForm(undecided, None), capsys, *predictions)) == {
        "predictions": json.loads(
            json.dumps([{"file": f"{n}.png", **prediction.as_json()} for n, prediction in enumerate(predictions)])
        ),
        "model": {"name": "colours", "version": undecided.version, "digest": undecided.digest},
    }


def test_the_json_is_written_as_it_goes(undecided: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing of an image is kept once its prediction is written."""
    form = JsonForm(undecided, None)
    form.add("0.png", GOOD)
    assert '"label":"green"' in capsys.readouterr().out
    form.add("1.png", GOOD)
    assert capsys.readouterr().out.count('"label":"green"') == 1


def test_the_best_labels_are_added_to_the_json_on_request(undecided: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """With their names, so that nobody needs the list of labels."""
    document = json.loads(written(JsonForm(undecided, 2), capsys, GOOD, BAD))
    assert [item["top"] for item in document["predictions"]] == [
        [{"label": "green", "score": 0.7}, {"label": "blue", "score": 0.2}],
        [],
    ]


@pytest.mark.parametrize("top", [1, 3, 5])
def test_every_line_of_the_csv_has_the_cells_of_its_heading(
    undecided: Model, capsys: pytest.CaptureFixture[str], top: int
) -> None:
    """Also for an image that failed, and where more labels are asked for than there are."""
    heading, good, bad = csv.reader(io.StringIO(written(CsvForm(undecided, top), capsys, GOOD, BAD)))
    assert len(heading) == len(good) == len(bad) == 5 + 2 * top
    first = dict(zip(heading, good, strict=True))
    assert (first["file"], first["label"], first["score"], first["verdict"]) == ("0.png", "green", "0.7", "OK")
    assert (first["reasons"], first["error"], first["ms"]) == ("one; two, three", "", "3.500")
    assert first.get("label_3", "red") == "red"
    second = dict(zip(heading, bad, strict=True))
    assert (second["label"], second["error"], second["verdict"]) == ("", "image.format", "NotDecidable")


def test_scores_that_are_equal_keep_the_label_of_the_prediction_first(undecided: Model) -> None:
    """Two scores that both round to 1.0 do not make another label the best."""
    saturated = Prediction(label="blue", index=2, score=1.0, scores=(1.0, 0.2, 1.0))
    assert list(best(undecided, saturated, 2)) == [("blue", 1.0), ("red", 1.0)]


def test_no_more_labels_are_given_than_there_are(undecided: Model) -> None:
    """And none for a failed image."""
    assert len(list(best(undecided, GOOD, 10))) == 3
    assert list(best(undecided, BAD, 10)) == []


def test_the_time_of_an_image_is_the_sum_of_its_parts() -> None:
    """Decode, prepare, infer and finish, as far as it came."""
    assert total_ms(GOOD) == 3.5
    assert total_ms(BAD) == 0.25


SPOT = Box(label="spot", index=0, score=0.9, x=1, y=2, width=3, height=4)
FOUND = Prediction(label="spot", index=0, score=0.9, scores=(0.9,), verdict=Verdict.NotOK, boxes=(SPOT, SPOT))
NOTHING = Prediction(scores=(0.0,), verdict=Verdict.OK, reasons=("no bad label was found",))


@pytest.fixture(scope="module")
def finder(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model that finds spots."""
    return load_finder(tmp_path_factory.mktemp("finder"), "map")


def test_the_table_of_a_bundle_that_finds_places_counts_them(finder: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nothing is found there is no label; a failed image has none either."""
    lines = written(TableForm(finder, 1), capsys, FOUND, NOTHING, BAD).splitlines()
    assert [line.split() for line in lines] == [
        ["file", "label", "score", "places", "verdict", "ms"],
        ["0.png", "spot", "0.900", "2", "NotOK", "0.0"],
        ["1.png", "none", "-", "0", "OK", "0.0"],
        ["2.png", "[image.format]", "-", "-", "NotDecidable", "0.2"],
    ]


def test_boxes_are_in_csv_and_in_json(finder: Model, capsys: pytest.CaptureFixture[str]) -> None:
    """As a JSON list in a cell of a column of its own; nothing found is no label and an empty list."""
    found, nothing = csv.DictReader(io.StringIO(written(CsvForm(finder, 1), capsys, FOUND, NOTHING)))
    assert len(json.loads(found["boxes"])) == 2
    assert json.loads(found["boxes"])[0]["x"] == 1
    assert (nothing["label"], nothing["score"], nothing["boxes"]) == ("", "", "[]")
    document = json.loads(written(JsonForm(finder, None), capsys, FOUND, NOTHING))
    assert [len(item["boxes"]) for item in document["predictions"]] == [2, 0]


def test_the_label_of_an_image_comes_first(undecided: Model) -> None:
    """Though another score is higher: a bad thing comes before a good one."""
    prediction = Prediction(label="red", index=0, score=0.4, scores=(0.4, 0.9, 0.1))
    assert list(best(undecided, prediction, 2)) == [("red", 0.4), ("green", 0.9)]


def test_maps_are_written_beside_another_form(
    finder: Model, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """For each image that has one; the form is as without."""
    score_map = ScoreMap(scores=np.zeros((1, 2, 2), np.float32), x=0, y=0, step_x=1, step_y=1)
    with_map = Prediction(label="spot", index=0, score=0.9, scores=(0.9,), boxes=(SPOT, SPOT), map=score_map)
    form = WithMaps(TableForm(finder, 1), tmp_path / "maps", finder.labels)
    table = written(form, capsys, with_map, BAD)
    assert table == written(TableForm(finder, 1), capsys, with_map, BAD)
    assert [path.name for path in (tmp_path / "maps").iterdir()] == ["0.png.0-spot.png"]
