"""Tests of what the author's own code is asked, and of what is refused of its answers."""

import msgspec
import numpy as np
import pytest
import torch

from andon.build.author import Author as Truth
from andon.build.author import (
    Measured,
    common_size,
    evaluating,
    one_thread,
    require_logits,
    require_same_output,
    require_scores,
)
from andon.build.samples import read_samples
from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import MismatchError, PackError, RuntimeFault
from andon.tensors import FloatArray, UInt8Array
from tests.support.author import INPUT, LABELS, Author, Net, photos

SPEC = msgspec.convert(INPUT, InputSpec)


def measured(raw_output: list[float]) -> Measured:
    """Make a measured sample with given raw outputs."""
    output = np.array(raw_output, np.float32)
    pixels = np.zeros((2, 2, 3), np.uint8)
    return Measured(
        sample=read_samples(photos(1))[0],
        pixels=pixels,
        model_input=pixels.transpose(2, 0, 1).astype(np.float32),
        raw_output=output,
        expected=output,
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
    item = Truth(Net().eval(), Author(), SPEC).measure(sample)
    with torch.no_grad():
        expected = Net().eval()(Author()(sample.open())[None])[0].numpy()
    assert np.array_equal(item.raw_output, expected)
    assert item.expected is item.raw_output


def test_fractions_of_grey_levels_are_told_from_the_pixels() -> None:
    """Where the author's pixels are no whole levels, the graph is held to the model of the rounded ones."""
    (sample,) = read_samples(photos(1))
    truth = Truth(Net().eval(), lambda image: Author()(image) + 0.003, SPEC)
    item = truth.measure(sample)
    assert not np.array_equal(item.expected, item.raw_output)


def test_a_copy_is_made_only_where_it_must() -> None:
    """A float32 model on the CPU is used as it is, any other is copied."""
    net = Net()
    with evaluating(net) as used:
        assert used is net
    with evaluating(net.double()) as used:
        assert used is not net
        assert next(used.parameters()).dtype == torch.float32
    with pytest.raises(PackError), evaluating("net"):  # type: ignore[arg-type] # on purpose
        pass


def test_the_number_of_threads_comes_back() -> None:
    """Golden samples are made in one thread; afterwards the author has all."""
    before = torch.get_num_threads()
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == before


def test_samples_must_come_to_one_size() -> None:
    """A graph takes one size; the hint says how to get there."""
    assert common_size({(2, 2)}) == (2, 2)
    with pytest.raises(PackError) as caught:
        common_size({(2, 2), (2, 3)})
    assert "exact or letterbox" in caught.value.hint


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
        require_scores(measured(raw_output), OutputSpec(labels=tuple(LABELS)))
    assert caught.value.where == "sample 0"


def test_the_exported_model_is_held_to_the_eager_one() -> None:
    """Within the tolerance it passes; beyond it, or failing, it is named with the stage."""
    item = measured([1.0, 2.0])
    assert require_same_output(item, FakeSession([1.0, 2.001]), Tolerance()) == pytest.approx(5e-4, rel=1e-3)
    for answer in ([1.0, 2.1], [1.0, float("nan")], RuntimeFault("no", code="runtime.run")):
        with pytest.raises(MismatchError, match="stage raw output"):
            require_same_output(item, FakeSession(answer), Tolerance())


def test_a_label_that_hangs_on_fractions_is_refused() -> None:
    """The exported model may agree on rounded pixels and yet name another label than the author's."""
    item = msgspec.structs.replace(measured([2.0, 1.0]), expected=np.array([1.0, 2.0], np.float32))
    with pytest.raises(MismatchError, match="stage label"):
        require_same_output(item, FakeSession([1.0, 2.0]), Tolerance())
