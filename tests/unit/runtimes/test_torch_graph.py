"""Scaling stands in front of the author's network, and its answer is found in what it returns."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from andon.runtimes.torch_graph import find_scores, normalising

SCORES = torch.tensor([[1.0, 2.0]])


def as_it_is(answer: Any) -> torch.Tensor:
    """Take the answer."""
    found: torch.Tensor = answer
    return found


def test_images_become_model_inputs() -> None:
    """Height and width come last, and each channel has its factor and its shift."""
    factor, shift = torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1), torch.full((1, 3, 1, 1), -1.0)
    image = torch.tensor([10, 20, 30], dtype=torch.uint8).expand(1, 4, 5, 3)
    found = normalising(nn.Identity(), factor, shift, as_it_is)(image)
    assert found.shape == (1, 3, 4, 5)
    assert found[0, :, 0, 0].tolist() == [9, 39, 89]


def test_model_inputs_stay_as_they_are() -> None:
    """Where there is neither factor nor shift."""
    model_input = torch.rand(1, 3, 4, 5)
    assert torch.equal(normalising(nn.Identity(), None, None, as_it_is)(model_input), model_input)


def test_the_weights_have_the_names_of_the_contract() -> None:
    """Those that an eager artifact is stored under; the graph is in evaluation mode."""
    one = torch.ones(1, 1, 1, 1)
    graph = normalising(nn.Linear(2, 2).train(), one, one, as_it_is)
    assert set(graph.state_dict()) == {"factor", "shift", "model.weight", "model.bias"}
    assert not any(part.training for part in graph.modules())
    assert set(normalising(nn.ReLU(), None, None, as_it_is).state_dict()) == set()


@pytest.mark.parametrize(
    "answer", [SCORES, (SCORES,), [SCORES], {"logits": SCORES, "loss": None}, SimpleNamespace(logits=SCORES)]
)
def test_scores_are_found(answer: object) -> None:
    """Alone, as the only one of a tuple, or by their name."""
    assert find_scores(answer) is SCORES


@pytest.mark.parametrize("answer", [None, 1.0, (), (SCORES, SCORES), [[SCORES]], {"scores": SCORES}, "logits"])
def test_which_of_several_counts_is_not_guessed(answer: object) -> None:
    """Nothing is found."""
    assert find_scores(answer) is None
