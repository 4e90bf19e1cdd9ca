"""Tests of what the author's own code is asked, and of what is refused of its answers."""

import functools
from typing import Any

import msgspec
import numpy as np
import pytest
import torch

from andon.build.author import Author as Truth
from andon.build.author import (
    Measured,
    common_size,
    highest_scores,
    one_thread,
    require_logits,
    require_pixels,
    require_same_output,
    require_scores,
)
from andon.build.samples import read_samples
from andon.build.sources.torch_reference import answer_of
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Tolerance
from andon.bundle.output_spec import BoxesSpec, OutputSpec
from andon.errors import MismatchError, PackError, RuntimeFault
from andon.model.steps import Steps
from andon.tensors import FloatArray, UInt8Array
from tests.support.author import INPUT, LABELS, Author, Net, photos

OUTPUT = OutputSpec(labels=("a", "b"))
STEPS = Steps(msgspec.convert(INPUT, InputSpec), OutputSpec(labels=tuple(LABELS)))
SAMPLE = read_samples(photos(1))[0]


def measured(raw_output: Any) -> Measured:
    """Make a measured sample with given raw outputs."""
    output = np.array(raw_output, np.float32)
    pixels = np.zeros((2, 2, 3), np.uint8)
    return Measured(
        sample=SAMPLE,
        pixels=pixels,
        model_input=pixels.transpose(2, 0, 1).astype(np.float32),
        raw_output=output,
        expected=output,
        finished=output,
        best=int(output.argmax()) if output.size else 0,
    )


class FakeSession:
    """Answers what it is told to."""

    input_shape = None

    def __init__(self, answer: list[float] | RuntimeFault) -> None:
        self.answer = answer

    def run(self, batch: UInt8Array) -> FloatArray:
        """Give the answer for each image."""
        if isinstance(self.answer, RuntimeFault):
            raise self.answer
        return np.array([self.answer] * len(batch), np.float32)


def test_the_eager_model_is_asked_about_the_authors_own_input() -> None:
    """What is measured is the model behind the transform, not behind the declaration."""
    (sample,) = read_samples(photos(1))
    item = Truth(functools.partial(answer_of, Net().eval()), Author(), STEPS).measure(sample)
    with torch.no_grad():
        expected = Net().eval()(Author()(sample.open())[None])[0].numpy()
    assert np.array_equal(item.raw_output, expected)
    assert item.expected is item.raw_output


def test_fractions_of_grey_levels_are_told_from_the_pixels() -> None:
    """Where the author's pixels are no whole levels, the graph is held to the model of the rounded ones."""
    (sample,) = read_samples(photos(1))
    truth = Truth(functools.partial(answer_of, Net().eval()), lambda image: Author()(image) + 0.003, STEPS)
    item = truth.measure(sample)
    assert not np.array_equal(item.expected, item.raw_output)


def test_the_number_of_threads_comes_back() -> None:
    """Golden samples are made in one thread; afterwards the author has all."""
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_samples_must_come_to_one_size() -> None:
    """A graph takes one size; the hint says how to get there."""
    assert common_size({(2, 2)}, STEPS.spec) == (2, 2)
    with pytest.raises(PackError) as caught:
        common_size({(2, 2), (2, 3)}, STEPS.spec)
    assert caught.value.code == "pack.input"
    assert "exact or letterbox" in caught.value.hint


def test_own_code_must_bring_samples_to_one_size_by_itself() -> None:
    """No declaration could do it for it."""
    with pytest.raises(PackError) as caught:
        common_size({(2, 2), (2, 3)}, InputSpec(prepare="steps:prepare"))
    assert caught.value.code == "pack.prepare"
    assert caught.value.hint == "let steps:prepare bring all images to one size"


def finishing(answer: Any, **output: Any) -> Truth:
    """Give an author whose own `finish` answers this."""
    declared = OutputSpec(labels=tuple(LABELS), finish="steps:finish", **output)
    steps = Steps(STEPS.spec, declared, finish=lambda _: np.array(answer))
    return Truth(functools.partial(answer_of, Net().eval()), Author(), steps)


@pytest.mark.parametrize(
    ("answer", "output"),
    [
        ([0.1, 0.2, 0.3, 1.01], {}),
        ([-0.01, 0.2, 0.3, 0.4], {}),
        ([[9, 9, 20, 20, 0.1, 0.2, 0.3, 2.5]], {"kind": "boxes"}),
        ([[[0.1]], [[0.2]], [[-1]], [[0.9]]], {"kind": "map"}),
    ],
)
def test_scores_of_own_code_must_be_ratios(answer: Any, output: dict[str, Any]) -> None:
    """Thresholds are; the corners of boxes need not be. The error names the code and the sample."""
    with pytest.raises(PackError, match=r"steps:finish gives scores from .* expected 0 to 1") as caught:
        finishing(answer, **output).measure(SAMPLE)
    assert (caught.value.code, caught.value.where) == ("pack.finish", SAMPLE.name)
    assert "softmax or a sigmoid" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "output", "best"),
    [
        ([0.1, 1.000001, 0.3, 0], {}, 1),
        ([[9, 9, 20, 20, 0.1, 0.2, 1, 0]], {"kind": "boxes"}, 2),
        ([[[0.1]], [[0.2]], [[0.3]], [[0.9]]], {"kind": "map"}, 3),
    ],
)
def test_the_best_class_is_that_of_own_code(answer: Any, output: dict[str, Any], best: int) -> None:
    """Whatever the raw output says; sums may be rounded."""
    assert finishing(answer, **output).measure(SAMPLE).best == best


def test_own_code_may_find_no_box() -> None:
    """There is nothing then that could be out of range."""
    assert finishing(np.zeros((0, 8)), kind="boxes").measure(SAMPLE).finished.shape == (0, 8)


def test_probabilities_are_refused_where_logits_are_declared() -> None:
    """A second softmax would flatten all scores; one sample that is none lets the model pass."""
    output = OutputSpec(labels=tuple(LABELS))
    with pytest.raises(PackError, match="already ends in a softmax"):
        require_logits([measured([0.1, 0.2, 0.3, 0.4])], output)
    require_logits([measured([0.1, 0.2, 0.3, 0.4]), measured([1, 2, 3, 4])], output)


@pytest.mark.parametrize("raw_output", [[1.0, 2.0], [1.0, 2.0, 3.0, float("nan")]])
def test_scores_are_finite_and_one_a_label(raw_output: list[float]) -> None:
    """Anything else is refused with the sample."""
    with pytest.raises(PackError) as caught:
        require_scores(np.array(raw_output, np.float32), OutputSpec(labels=tuple(LABELS)), SAMPLE)
    assert caught.value.where == "sample 0"


def test_the_exported_model_is_held_to_the_eager_one() -> None:
    """Within the tolerance it passes; beyond it, or failing, it is named with the stage."""
    item = measured([1.0, 2.0])
    assert require_same_output(item, FakeSession([1.0, 2.001]), Tolerance(), OUTPUT) == pytest.approx(5e-4, rel=1e-3)
    for answer in ([1.0, 2.1], [1.0, float("nan")], RuntimeFault("no", code="runtime.run")):
        with pytest.raises(MismatchError, match="stage raw output"):
            require_same_output(item, FakeSession(answer), Tolerance(), OUTPUT)


def test_a_label_that_hangs_on_fractions_is_refused() -> None:
    """The exported model may agree on rounded pixels and yet name another label than the author's."""
    item = msgspec.structs.replace(measured([2.0, 1.0]), expected=np.array([1.0, 2.0], np.float32))
    with pytest.raises(MismatchError, match="stage label"):
        require_same_output(item, FakeSession([1.0, 2.0]), Tolerance(), OUTPUT)


KINDS = {
    "boxes": OutputSpec(labels=("a", "b"), kind="boxes", activation="none"),
    "map": OutputSpec(labels=("a", "b"), kind="map", activation="none"),
}
ANSWERS = {"boxes": np.full((3, 6), 0.5), "map": np.full((2, 4, 5), 0.5)}


@pytest.mark.parametrize("kind", KINDS)
def test_boxes_and_maps_have_the_shape_of_their_kind(kind: str) -> None:
    """Any number of rows, or any size; the message says what was expected."""
    require_scores(ANSWERS[kind], KINDS[kind], SAMPLE)
    with pytest.raises(PackError, match=rf"expected \(1, .*\) for 2 labels and the output kind {kind!r}"):
        require_scores(ANSWERS[kind][:, :5] if kind == "boxes" else ANSWERS[kind][:1], KINDS[kind], SAMPLE)


@pytest.mark.parametrize("kind", KINDS)
def test_scores_of_places_are_ratios(kind: str) -> None:
    """Thresholds are for 0-1; corners of boxes are not scores."""
    answer = ANSWERS[kind].copy()
    answer[0, 0] = 0.75 if kind == "map" else 200
    require_logits([measured(answer)], KINDS[kind])
    answer[-1, -1] = 1.5
    with pytest.raises(PackError, match=r"the scores go from 0\.5 to 1\.5"):
        require_logits([measured(answer)], KINDS[kind])


def test_the_highest_score_of_each_label_stands_for_a_map() -> None:
    """So that not every map is kept while others are compared."""
    answer = ANSWERS["map"].copy()
    answer[1, 2, 3] = 0.9
    assert highest_scores(answer.astype(np.float32), KINDS["map"]).tolist() == pytest.approx([0.5, 0.9])
    own = OutputSpec(labels=("a", "b"), kind="map", finish="own.code:finish")
    assert highest_scores(answer.astype(np.float32), own).shape == (40,)


def test_a_score_that_differs_is_seen_beside_corners() -> None:
    """Of hundreds of pixels, which are compared by themselves."""
    answer = np.array([[100, 100, 400, 300, 0.2, 0.8]])
    item = measured(answer)
    other = answer.copy()
    other[0, 5] = 0.7
    with pytest.raises(MismatchError, match=r"0\.1[23]"):
        require_same_output(item, FakeSession(other.tolist()), Tolerance(), KINDS["boxes"])


@pytest.mark.parametrize(
    ("shape", "order", "hint"),
    [
        ((6, 40), "rows", '"order": "columns"'),
        ((40, 6), "columns", '"order": "rows"'),
        ((40, 7), "rows", "multiply the scores by it"),
        ((7, 40), "columns", "multiply the scores by it"),
        ((40, 9), "rows", ""),
    ],
)
def test_boxes_of_another_form_are_refused_with_what_they_may_be(shape: tuple[int, int], order: Any, hint: str) -> None:
    """Turned, or with a number that says whether there is a thing at all; else the shapes alone are told."""
    output = OutputSpec(labels=("a", "b"), kind="boxes", boxes=BoxesSpec(order=order))
    with pytest.raises(PackError, match="the model returns the shape") as caught:
        require_scores(np.ones(shape, np.float32), output, SAMPLE)
    assert caught.value.hint == hint if not hint else hint in caught.value.hint


def test_rows_that_end_in_the_number_of_a_label_are_told() -> None:
    """Detectors that suppress by themselves are often exported so."""
    with pytest.raises(PackError) as caught:
        require_scores(np.ones((40, 6), np.float32), OutputSpec(labels=("a", "b", "c"), kind="boxes"), SAMPLE)
    assert "without suppression" in caught.value.hint


def test_boxes_in_fractions_are_refused() -> None:
    """All of them would lie in the first pixel; none at all, and one box in pixels, are fine."""
    output = OutputSpec(labels=("a",), kind="boxes")
    rows = np.array([[0.1, 0.2, 0.9, 1.01, 5]], np.float32)
    with pytest.raises(PackError, match="fractions, where pixels"):
        require_pixels([measured(rows), measured(rows)], output)
    require_pixels([measured(rows), measured(rows * 100)], output)
    require_pixels([measured(rows * 0), measured(rows[:0])], output)
    require_pixels([measured([0.5])], OUTPUT)


def test_own_code_that_gives_boxes_in_fractions_is_named() -> None:
    """It is what makes the boxes, whatever the model answers with."""
    rows = np.array([[0.1, 0.2, 0.9, 1.01, 0.5]], np.float32)
    with pytest.raises(PackError, match="fractions, where pixels") as caught:
        require_pixels([measured(rows)], OutputSpec(labels=("a",), kind="boxes", finish="steps:finish"))
    assert caught.value.code == "pack.finish"
    assert caught.value.hint.startswith("let steps:finish multiply")


def test_scores_with_axes_of_one_are_told_how_to_lose_them() -> None:
    """As of a network that is all convolutions; other axes are not guessed at."""
    for shape, hint in (((2, 1, 1), "end it with flatten(1)"), ((2, 3, 1), "")):
        with pytest.raises(PackError) as caught:
            require_scores(np.zeros(shape, np.float32), OUTPUT, SAMPLE)
        assert caught.value.hint == hint
