"""A batch that fails is taken apart, so that only the guilty image errs."""

from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import AndonError, ImageError, RuntimeFault
from andon.model.batch import Graph, prepared_size
from andon.model.steps import Steps

Answer = Callable[[np.ndarray], np.ndarray]


class FakeSession:
    """Answers as a test wants, and notes the sizes of batches."""

    def __init__(self, answer: Answer, input_shape: tuple[int, int, int] | None = None) -> None:
        self._answer = answer
        self.input_shape = input_shape
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Answer."""
        self.batches.append(len(batch))
        return self._answer(batch)


def lightest(batch: np.ndarray) -> np.ndarray:
    """Answer two numbers an image; fail where one of them is black."""
    if (batch.max(axis=(1, 2, 3)) == 0).any():
        raise RuntimeFault("it is black", code="runtime.run")
    return np.stack([batch.max(axis=(1, 2, 3)), batch.min(axis=(1, 2, 3))], axis=1).astype(np.float32)


def graph(answer: Answer = lightest, *, shape: tuple[int, int, int] | None = None, **output: object) -> Graph:
    """Make a graph of two labels."""
    spec = OutputSpec(labels=("a", "b"), **output)  # type: ignore[arg-type] # of the test
    return Graph(FakeSession(answer, shape), Steps(InputSpec(color="L"), spec))


def grey(level: int, side: int = 4) -> np.ndarray:
    """Make prepared pixels."""
    return np.full((side, side, 1), level, np.uint8)


def codes(found: list[np.ndarray | AndonError]) -> list[object]:
    """Give the first number of each answer, or the code of its error."""
    return [answer.code if isinstance(answer, AndonError) else float(answer[0]) for answer in found]


def test_only_the_guilty_image_errs() -> None:
    """The others are run alone, and answered."""
    assert codes(graph().run([grey(5), grey(0), grey(7)])) == [5, "runtime.run", 7]


def test_images_of_several_sizes_are_run_one_by_one() -> None:
    """And none at all is not run."""
    session = FakeSession(lightest)
    mixed = Graph(session, Steps(InputSpec(color="L"), OutputSpec(labels=("a", "b"))))
    assert codes(mixed.run([grey(5), grey(6, side=8)])) == [5, 6]
    assert mixed.run([]) == []
    assert session.batches == [1, 1]


def test_an_answer_of_another_shape_is_an_error_of_each() -> None:
    """As many numbers as labels are wanted; of a map any size."""
    assert (
        codes(graph(lambda batch: np.zeros((len(batch), 3), np.float32)).run([grey(1)] * 2)) == ["runtime.output"] * 2
    )
    map_graph = graph(lambda batch: np.full((len(batch), 2, 5, 6), 9, np.float32), kind="map")
    (found,) = map_graph.run([grey(1)])
    assert not isinstance(found, AndonError)
    assert found.shape == (2, 5, 6)
    assert codes(graph(lambda batch: np.zeros((len(batch), 2, 0, 6), np.float32), kind="map").run([grey(1)])) == [
        "runtime.output"
    ]
    (found,) = graph(lambda batch: np.zeros((len(batch), 0, 6), np.float32), kind="boxes").run([grey(1)])
    assert not isinstance(found, AndonError)


def test_numbers_that_are_not_finite_are_an_error_of_their_image() -> None:
    """The other is answered."""

    def answer(batch: np.ndarray) -> np.ndarray:
        found = lightest(batch)
        found[found == 7] = np.nan
        return found

    assert codes(graph(answer).run([grey(5), grey(7)])) == [5, "runtime.output"]


def test_an_image_of_another_size_than_the_graph_takes_is_refused() -> None:
    """By the shape after preparing."""
    assert graph(shape=(4, 4, 1)).prepare(Image.new("L", (4, 4))).shape == (4, 4, 1)
    with pytest.raises(ImageError) as caught:
        graph(shape=(4, 4, 1)).prepare(Image.new("L", (5, 4)))
    assert caught.value.code == "image.shape"


def test_finishing_tells_the_best_of_equal_scores() -> None:
    """By the raw output; of a map there is no such position."""
    scores, best = graph().finish(np.array([100, 101], np.float32))
    assert (scores.shape, best) == ((2,), 1)
    assert graph(kind="map").finish(np.zeros((2, 3, 3), np.float32))[1] is None


def test_the_size_of_prepared_images_of_both_layouts() -> None:
    """Pixels, and floats of the author's own code."""
    assert prepared_size(np.zeros((4, 5, 3), np.uint8)) == (4, 5)
    assert prepared_size(np.zeros((4, 5, 1), np.uint16)) == (4, 5)
    assert prepared_size(np.zeros((3, 4, 5), np.float32)) == (4, 5)
