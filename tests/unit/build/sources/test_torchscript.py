"""Tests of a model as TorchScript."""

from pathlib import Path

import numpy as np
import pytest
import torch

from andon.build.sources.torchscript import TorchScriptSource, read_script
from andon.errors import PackError
from tests.support.author import Net
from tests.support.given import Branching, scripted, traced, write_script

pytestmark = pytest.mark.slow


class _Masked(torch.nn.Module):
    def forward(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return x * mask


def test_a_script_that_wants_more_than_images_is_refused() -> None:
    """Its inputs are named."""
    with pytest.warns(DeprecationWarning, match="script"):
        script = torch.jit.script(_Masked())
    with pytest.raises(PackError, match=r"2 inputs \(x, mask\)"):
        TorchScriptSource(script)


def test_both_sides_of_a_branch_are_run() -> None:
    """A script keeps its branch on values, as the network itself has it."""
    source = TorchScriptSource(scripted())
    net = Branching().eval()
    for level in (-3.0, 3.0):
        image = np.full((3, 56, 56), level, np.float32)
        with torch.no_grad():
            expected = net(torch.from_numpy(image)[None])[0].numpy()
        assert np.allclose(source.answer(image), expected, atol=1e-5)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Half precision and the mode of training are brought to what is packed by `opened`, not here."""
    path = write_script(traced(), tmp_path / "net.pt")
    image = np.ones((3, 56, 56), np.float32)
    found = TorchScriptSource(read_script(path.read_bytes(), path)).answer(image)
    with torch.no_grad():
        assert np.allclose(found, Net().eval()(torch.from_numpy(image)[None])[0].numpy(), atol=1e-6)


def test_a_damaged_file_says_what_to_do(tmp_path: Path) -> None:
    """Nothing of torch's own errors comes through."""
    data = write_script(traced(), tmp_path / "net.pt").read_bytes()
    with pytest.raises(PackError) as caught:
        read_script(data[:-99], tmp_path / "net.pt")
    assert caught.value.code == "pack.model"
    assert "torch.jit.save" in caught.value.hint
