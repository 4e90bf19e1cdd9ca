"""Tests of a model as an `nn.Module`."""

import numpy as np
import pytest
import torch

from andon.build.graph_input import GraphInput
from andon.build.sources.module import ModuleSource, evaluating, wrong_inputs
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from tests.support.author import Net


def test_a_copy_is_made_only_where_it_must() -> None:
    """A float32 network on the CPU is used as it is, any other is copied."""
    net = Net()
    with evaluating(net) as used:
        assert used is net
    with evaluating(net.double()) as used:
        assert used is not net
        assert next(used.parameters()).dtype == torch.float32


def test_every_part_comes_back_in_its_own_mode() -> None:
    """A training may keep some layers in the mode of evaluation; so they stay, also after an error."""
    net = Net().train()
    net.head.eval()
    with pytest.raises(ZeroDivisionError), evaluating(net) as used:
        1 / sum(module.training for module in used.modules())
    assert net.body.training
    assert not net.head.training


class _Masked(Net):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * mask


class _Named(Net):
    def forward(self, *, image: torch.Tensor) -> torch.Tensor:
        return super().forward(image)


class _Optional(Net):
    def forward(self, x: torch.Tensor, scale: float = 2.0, *, flip: bool = False) -> torch.Tensor:
        return super().forward(x) * scale


@pytest.mark.parametrize(("network", "names"), [(_Masked(), "2 inputs (x, mask)"), (_Named(), "1 inputs (image)")])
def test_a_forward_that_wants_more_than_images_is_refused(network: Net, names: str) -> None:
    """Each input is named, and the way out told."""
    with pytest.raises(PackError) as caught:
        ModuleSource(network)
    assert names in caught.value.message
    assert "wrap it" in caught.value.hint


def test_arguments_with_defaults_are_no_obstacle() -> None:
    """They keep their defaults."""
    image = np.zeros((3, 56, 56), np.float32)
    plain = ModuleSource(Net().eval()).answer(image)
    assert np.allclose(ModuleSource(_Optional().eval()).answer(image), 2 * plain)


def test_an_eager_artifact_is_offered_with_a_factory_only() -> None:
    """Without it nobody could build the network again."""
    assert "eager" not in ModuleSource(Net()).forms
    assert "eager" in ModuleSource(Net(), "tests.support.author:Net").forms


def test_a_model_without_inputs_is_named_so() -> None:
    """There is nothing to list."""
    assert "0 inputs (none)" in wrong_inputs([]).message


def test_an_eager_network_is_run_image_by_image() -> None:
    """One that looks at the values of a batch would answer otherwise for several."""
    source = ModuleSource(Net().eval(), "tests.support.author:Net")
    made = source.make("eager", GraphInput(InputSpec(), (56, 56)))
    assert (made.dynamic_batch, made.factory) == (False, "tests.support.author:Net")
    assert "one by one" in made.note
    assert source.make("onnx", GraphInput(InputSpec(), (56, 56))).dynamic_batch
