"""What is found on an image, as boxes or in a map, decides about it."""

from typing import Any

import msgspec
import numpy as np
import pytest

from andon.bundle.manifest import Manifest
from andon.model.part import Part
from andon.model.places import MAX_REGIONS
from andon.model.readers import reader_for
from andon.predictions import Prediction, Verdict
from andon.vision.geometry import Window
from tests.support.bundles import colour_parts

REGION = Window(10, 20, 100, 80)
BOXES = {"kind": "boxes", "labels": ["screw", "scratch", "dent"], "activation": "none"}
MAP = {"kind": "map", "labels": ["ok", "scratch"], "activation": "softmax"}
LIMITS = {"scratch": {"low": 0.4, "high": 0.7}}


def manifest(output: dict[str, Any], decision: dict[str, Any] | None = None, **spec: Any) -> Manifest:
    """Make a manifest with an output and a decision."""
    task = "detection" if output["kind"] == "boxes" else "segmentation"
    plain = {**colour_parts()[0], "task": task, "input": spec, "output": output, "decision": decision}
    return msgspec.convert(plain, Manifest)


def read(declared: Manifest, finished: np.ndarray, region: Window = REGION) -> Prediction:
    """Read an image that is run as one."""
    reader = reader_for(declared, region)
    prepared = (region.height, region.width)
    reader.add(Part(window=region, prepared=prepared, finished=np.asarray(finished, np.float32)))
    return reader.prediction()


def boxes(*rows: list[float], decision: dict[str, Any] | None = None) -> Prediction:
    """Read rows of boxes."""
    return read(manifest(BOXES, decision), np.array(rows).reshape(len(rows), 7))


def plane(*places: tuple[slice, slice, float], shape: tuple[int, int] = (20, 25)) -> np.ndarray:
    """Make a map of two labels that add up to 1, in which the second has some scores somewhere."""
    scores = np.zeros(shape)
    for rows, columns, score in places:
        scores[rows, columns] = score
    return np.stack([1 - scores, scores])


class TestBoxes:
    """A detection."""

    def test_a_box_says_what_and_where(self) -> None:
        """In pixels of the image, the best first; each label has the score of its best box."""
        found = boxes([10, 10, 30, 20, 0, 0.8, 0], [50, 50, 60.123, 60, 0, 0, 0.9], [52, 52, 70, 70, 0, 0.5, 0])
        assert [(box.label, box.index, box.x, box.y, box.width, box.height) for box in found.boxes] == [
            ("dent", 2, 60, 70, 10.12, 10),
            ("scratch", 1, 20, 30, 20, 10),
            ("scratch", 1, 62, 72, 18, 18),
        ]
        assert (found.label, found.index, found.score) == ("dent", 2, pytest.approx(0.9))
        assert found.scores == pytest.approx((0, 0.8, 0.9))
        assert (found.verdict, found.map) == (Verdict.Undefined, None)

    def test_nothing_found_is_no_label(self) -> None:
        """And good, where it is to be decided."""
        found = boxes([10, 10, 30, 20, 0, 0.1, 0])
        assert (found.label, found.index, found.score, found.scores, found.boxes) == (None, None, None, (0, 0, 0), ())
        assert found.verdict is Verdict.Undefined
        decided = boxes([10, 10, 30, 20, 0, 0.1, 0], decision={})
        assert (decided.label, decided.verdict, decided.reasons) == (None, Verdict.OK, ("no bad label was found",))

    def test_thresholds_count_for_the_best_box_of_a_label(self) -> None:
        """Doubt, or presence, with its place; a label without thresholds is present where it is found."""
        row = [10, 10, 30, 20, 0, 0.5, 0]
        decision = {"thresholds": LIMITS}
        doubt = boxes(row, decision=decision)
        assert doubt.verdict is Verdict.NotDecidable
        assert doubt.reasons == ("scratch 0.500 is between its thresholds 0.4 and 0.7, in 20 x 10 pixels at (20, 30)",)
        assert boxes([*row[:5], 0.3, 0], decision=decision).verdict is Verdict.OK
        assert boxes([*row[:5], 0.75, 0], decision=decision).verdict is Verdict.NotOK
        both = boxes(row, [50, 50, 60, 60, 0, 0, 0.3], decision=decision)
        assert both.verdict is Verdict.NotOK
        assert both.reasons[0].startswith("dent 0.300 was found, in 10 x 10 pixels")

    def test_a_good_thing_hides_no_bad_one(self) -> None:
        """The label is that of the best bad box, though a good one scores more."""
        rows = [10, 10, 30, 20, 0.99, 0, 0], [50, 50, 60, 60, 0, 0.5, 0]
        found = boxes(*rows, decision={"ok_labels": ["screw"]})
        assert (found.label, found.verdict) == ("scratch", Verdict.NotOK)
        assert [box.label for box in found.boxes] == ["screw", "scratch"]
        good = boxes(rows[0], decision={"ok_labels": ["screw"]})
        assert (good.label, good.verdict) == ("screw", Verdict.OK)


class TestMap:
    """A segmentation, or an anomaly map."""

    def test_regions_are_found_in_the_image(self) -> None:
        """With the score of their best cell, in pixels: a cell is 4 x 4 of them."""
        found = read(manifest(MAP, {"ok_labels": ["ok"]}), plane((slice(2, 4), slice(5, 10), 0.6), (3, 7, 0.9)))
        assert [(box.label, box.x, box.y, box.width, box.height) for box in found.boxes] == [("scratch", 30, 28, 20, 8)]
        assert (found.label, found.score, found.verdict) == ("scratch", pytest.approx(0.9), Verdict.NotOK)
        assert found.scores == pytest.approx((0.1, 0.9))

    def test_a_good_part_has_the_good_label_with_its_lowest_score(self) -> None:
        """Nowhere is the bad one more likely than not."""
        found = read(manifest(MAP, {"ok_labels": ["ok"]}), plane((slice(2, 4), slice(5, 10), 0.4)))
        assert (found.label, found.score, found.verdict, found.boxes) == ("ok", pytest.approx(0.6), Verdict.OK, ())
        assert found.scores == pytest.approx((0.6, 0.4))

    def test_regions_begin_where_doubt_does(self) -> None:
        """At the low threshold; one that reaches the high one makes the part bad."""
        decision = {"ok_labels": ["ok"], "thresholds": LIMITS}
        found = read(manifest(MAP, decision), plane((slice(2, 4), slice(5, 10), 0.45)))
        assert (found.verdict, len(found.boxes)) == (Verdict.NotDecidable, 1)
        found = read(manifest(MAP, decision), plane((slice(2, 4), slice(5, 10), 0.45), (15, 20, 0.8), (2, 0, 0.39)))
        assert [(box.x, box.score) for box in found.boxes] == [(90, pytest.approx(0.8)), (30, pytest.approx(0.45))]
        assert found.verdict is Verdict.NotOK
        assert found.reasons == (
            "scratch 0.800 reaches its high threshold 0.7, in 4 x 4 pixels at (90, 80), and in 1 more place",
        )

    def test_an_anomaly_map_needs_no_good_label(self) -> None:
        """One label that is found or not."""
        output = {"kind": "map", "labels": ["anomalous"], "activation": "sigmoid"}
        good, bad = np.full((1, 20, 25), 0.2), np.full((1, 20, 25), 0.7)
        found = read(manifest(output, {}), good)
        assert (found.label, found.score, found.verdict) == (None, None, Verdict.OK)
        assert found.scores == pytest.approx((0.2,))
        found = read(manifest(output, {}), bad)
        assert (found.label, found.verdict) == ("anomalous", Verdict.NotOK)
        assert [(box.x, box.y, box.width, box.height) for box in found.boxes] == [(10, 20, 100, 80)]

    def test_the_map_is_there_in_python(self) -> None:
        """As the graph gave it, with where it lies; it is not part of what is sent."""
        scores = plane((3, 7, 0.9))
        found = read(manifest(MAP), scores)
        assert found.map is not None
        assert np.array_equal(found.map.scores, scores.astype(np.float32))
        assert (found.map.x, found.map.y, found.map.step_x, found.map.step_y) == (10, 20, 4, 4)
        assert "map" not in found.as_json()
        assert msgspec.json.encode(found.as_json())

    def test_no_more_regions_are_told_than_can_be_read(self) -> None:
        """The best ones, in a map that is all noise."""
        scores = np.zeros((60, 60))
        scores[::2, ::2] = np.linspace(0.5, 1, 900).reshape(30, 30)
        found = read(manifest(MAP, {"ok_labels": ["ok"]}), np.stack([1 - scores, scores]))
        assert len(found.boxes) == MAX_REGIONS
        assert found.boxes[0].score == 1

    def test_the_maps_of_tiles_are_laid_over_each_other(self) -> None:
        """A place that two of them show is one region."""
        declared = manifest(MAP, {"ok_labels": ["ok"]}, tiles={"size": [80, 60], "overlap": 20})
        reader = reader_for(declared, REGION)
        for x in (10, 50):
            inside = slice(55 - x, 65 - x)
            part = plane((slice(30, 40), inside, 0.9), shape=(80, 60))
            window = Window(x, 20, 60, 80)
            reader.add(Part(window=window, prepared=(80, 60), finished=part.astype(np.float32)))
        found = reader.prediction()
        assert [(box.x, box.y, box.width, box.height) for box in found.boxes] == [(55, 50, 10, 10)]
        assert found.scores == pytest.approx((0.1, 0.9))
