"""The scores of tiles become those of the part, and one bad tile makes the part bad."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.bundle.output_spec import DecisionSpec, Threshold
from andon.decide import decide
from andon.model.part import Part
from andon.model.scores import MAX_TILES_TOLD, MeanReader, WholeReader, WorstReader
from andon.predictions import Prediction, Verdict
from andon.vision.geometry import Window

LABELS = ("ok", "scratch", "dent")
OK = DecisionSpec(ok_labels=("ok",))
LIMITED = DecisionSpec(ok_labels=("ok",), thresholds={"scratch": Threshold(low=0.3, high=0.6)})
SEVERITY = [Verdict.OK, Verdict.NotDecidable, Verdict.NotOK]


def read(
    kind: type[WholeReader],
    *tiles: Sequence[float],
    decision: DecisionSpec | None = OK,
    labels: Sequence[str] = LABELS,
) -> Prediction:
    """Read the scores of tiles that stand beside each other."""
    reader = kind(labels, decision)
    for number, scores in enumerate(tiles):
        window = Window(100 * number, 0, 120, 80)
        reader.add(Part(window=window, prepared=(1, 1), finished=np.array(scores, np.float32)))
    return reader.prediction()


def test_a_whole_image_has_its_best_label() -> None:
    """As it always was; no box says where, for it is everywhere."""
    found = read(WholeReader, (0.2, 0.7, 0.1))
    assert (found.label, found.index, found.verdict, found.boxes) == ("scratch", 1, Verdict.NotOK, ())
    assert found.scores == pytest.approx((0.2, 0.7, 0.1))
    assert found.score == found.scores[1]


def test_raw_outputs_tell_equal_scores_apart() -> None:
    """Two scores that became 1, of which the second was higher."""
    reader = WholeReader(("a", "b"), None)
    reader.add(Part(window=Window(0, 0, 1, 1), prepared=(1, 1), finished=np.ones(2, np.float32), best=1))
    assert reader.prediction().label == "b"


class TestWorst:
    """The worst tile decides."""

    def test_one_bad_tile_makes_the_part_bad(self) -> None:
        """However many good ones there are; it is told where, and each bad label has its best score."""
        found = read(WorstReader, *[(0.98, 0.01, 0.01)] * 50, (0.1, 0.85, 0.05), (0.6, 0.1, 0.3))
        assert (found.label, found.verdict) == ("scratch", Verdict.NotOK)
        assert found.scores == pytest.approx((0.1, 0.85, 0.3))
        assert [(box.label, box.x, box.y, box.width, box.height) for box in found.boxes] == [
            ("scratch", 5000, 0, 120, 80)
        ]
        assert found.boxes[0].score == found.score == pytest.approx(0.85)
        assert found.reasons == ("scratch has the best score, 0.850, in 120 x 80 pixels at (5000, 0)",)

    def test_a_part_of_good_tiles_is_good(self) -> None:
        """Though a bad label of one tile has more than the good label of another: no tile is bad by itself."""
        found = read(WorstReader, (0.55, 0.45, 0.0), (0.4, 0.3, 0.3))
        assert decide(found.scores, LABELS, OK)[0] is Verdict.NotOK
        assert (found.label, found.verdict, found.boxes) == ("ok", Verdict.OK, ())
        assert found.score == pytest.approx(0.4)
        assert found.reasons == ("no bad label reaches its threshold in any of 2 tiles",)

    def test_good_labels_have_the_scores_of_the_tile_that_is_least_good(self) -> None:
        """Two kinds of good surface side by side are no doubt about either."""
        decision, labels = DecisionSpec(ok_labels=("bright", "dark")), ("bright", "dark", "scratch")
        found = read(WorstReader, (0.9, 0.05, 0.05), (0.1, 0.75, 0.15), labels=labels, decision=decision)
        assert (found.label, found.verdict) == ("dark", Verdict.OK)
        assert found.scores == pytest.approx((0.1, 0.75, 0.15))

    def test_what_is_present_weighs_more_than_doubt(self) -> None:
        """Whatever the scores are; all labels are told, with the best place of each and how many more there are."""
        found = read(
            WorstReader, (0.5, 0.5, 0), (0.41, 0.59, 0), (0.3, 0.25, 0.45), (0.0, 0.35, 0.65), decision=LIMITED
        )
        assert (found.label, found.verdict) == ("dent", Verdict.NotOK)
        assert [(box.label, box.x) for box in found.boxes] == [
            ("dent", 300),
            ("dent", 200),
            ("scratch", 100),
            ("scratch", 0),
        ]
        assert found.reasons == (
            "dent has the best score, 0.650, in 120 x 80 pixels at (300, 0), and in 1 more place",
            "scratch 0.590 is between its thresholds 0.3 and 0.6, in 120 x 80 pixels at (100, 0), and in 2 more places",
        )

    def test_doubt_in_one_tile_is_doubt_about_the_part(self) -> None:
        """With the label that is in doubt."""
        found = read(WorstReader, (0.9, 0.1, 0), (0.65, 0.35, 0), decision=LIMITED)
        assert (found.label, found.verdict) == ("scratch", Verdict.NotDecidable)

    def test_independent_scores_need_no_good_label(self) -> None:
        """Then a label is present from 0.5 on, or from its threshold."""
        nothing = DecisionSpec()
        assert read(WorstReader, [0.1], [0.49], labels=("bad",), decision=nothing).verdict is Verdict.OK
        found = read(WorstReader, [0.1], [0.51], labels=("bad",), decision=nothing)
        assert (found.verdict, found.score) == (Verdict.NotOK, pytest.approx(0.51))

    def test_without_a_decision_each_label_has_its_best_score(self) -> None:
        """Nothing is judged, so no tile is worse than another."""
        found = read(WorstReader, (0.7, 0.3), (0.2, 0.8), labels=("a", "b"), decision=None)
        assert (found.label, found.verdict, found.boxes) == ("b", Verdict.Undefined, ())
        assert found.scores == pytest.approx((0.7, 0.8))

    def test_no_more_tiles_are_told_than_can_be_read(self) -> None:
        """The worst ones."""
        tiles = [(0.1, 0.5 + number / 10_000, 0) for number in range(MAX_TILES_TOLD + 50)]
        found = read(WorstReader, *tiles)
        assert len(found.boxes) == MAX_TILES_TOLD
        assert found.boxes[0].x == 100 * (len(tiles) - 1)

    @given(st.lists(st.lists(st.floats(0.015625, 1, width=32), min_size=3, max_size=3), min_size=1, max_size=8))
    def test_the_part_is_as_bad_as_its_worst_tile(self, drawn: list[list[float]]) -> None:
        """For any scores that a softmax gives, with and without thresholds."""
        tiles = [tuple(np.array(scores) / sum(scores)) for scores in drawn]
        for decision in (OK, LIMITED):
            alone = [read(WholeReader, scores, decision=decision).verdict for scores in tiles]
            found = read(WorstReader, *tiles, decision=decision)
            assert found.verdict is max(alone, key=SEVERITY.index)
            assert len(found.boxes) == sum(verdict is not Verdict.OK for verdict in alone)
            assert found.score == found.scores[found.index or 0]
            assert found.label == LABELS[found.index or 0]


class TestMean:
    """All tiles decide together."""

    def test_the_average_is_judged(self) -> None:
        """One tile that looks bad is no bad texture; and no tile is told by itself."""
        found = read(MeanReader, (0.9, 0.1, 0), (0.9, 0.1, 0), (0.3, 0.7, 0))
        assert (found.label, found.verdict, found.boxes) == ("ok", Verdict.OK, ())
        assert found.scores == pytest.approx((0.7, 0.3, 0))

    def test_bad_on_average_is_bad(self) -> None:
        """Though no tile is sure."""
        assert read(MeanReader, (0.45, 0.55, 0), (0.48, 0.52, 0)).verdict is Verdict.NotOK
