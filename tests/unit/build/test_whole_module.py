"""Weights come out of a module that was saved whole, in both formats of torch.save, and nothing of the file is run."""

import importlib
import pickle
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from andon.build.whole_module import read_whole_module

MODULE = "training_of_2019"
FORMATS = {"zip": True, "legacy": False}
"""By name: whether torch writes the format of 1.6 and later, or that of torch 1.3."""


SOURCE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.head = nn.Linear(4, 2)
        self.head.bias.requires_grad = False
        self.same = self.head
        self.activation = torch.nn.functional.relu
        self.register_buffer("mean", torch.arange(3.0))
        self.register_buffer("cache", torch.zeros(5), persistent=False)
        self.small = nn.Parameter(torch.ones(2, 3).half().t())
        self.register_parameter("absent", None)
"""


@pytest.fixture
def gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], nn.Module]:
    """A network whose module is there while it is saved, and gone afterwards."""
    (tmp_path / f"{MODULE}.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    make: Callable[[], nn.Module] = importlib.import_module(MODULE).Net
    return make


def saved(path: Path, content: object, form: str) -> Path:
    """Write a file as `torch.save` of that time did."""
    torch.save(content, path, _use_new_zipfile_serialization=FORMATS[form])
    return path


@pytest.fixture(params=FORMATS)
def save(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Any], Path]:
    """Save something in one of the formats, and forget the module of the training."""

    def save_and_forget(content: Any) -> Path:
        path = saved(tmp_path / "whole.pth", content, request.param)
        (tmp_path / f"{MODULE}.py").unlink()
        del sys.modules[MODULE]
        return path

    return save_and_forget


def test_the_state_dict_is_that_of_the_module(gone: Callable[[], nn.Module], save: Callable[[Any], Path]) -> None:
    """Names, types, shapes and numbers; shared layers twice, unsaved buffers not at all."""
    net = gone()
    wanted = net.state_dict()
    found = read_whole_module(save(net))
    assert set(found) == set(wanted)
    for name, tensor in wanted.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


@pytest.mark.parametrize("wrap", [lambda net: {"epoch": 3, "net": net}, lambda net: [1, {"a": {"b": net}}][1]])
def test_the_module_is_found_in_a_checkpoint(
    gone: Callable[[], nn.Module], save: Callable[[Any], Path], wrap: Callable[[nn.Module], Any]
) -> None:
    """Beside numbers, and however deep in dictionaries."""
    net = gone()
    assert set(read_whole_module(save(wrap(net)))) == set(net.state_dict())


def test_two_modules_are_not_guessed_among(gone: Callable[[], nn.Module], save: Callable[[Any], Path]) -> None:
    """Their classes are named."""
    with pytest.raises(ValueError, match=r"2 modules in it: training_of_2019\.Net, training_of_2019\.Net"):
        read_whole_module(save({"net": gone(), "ema": gone()}))


@pytest.mark.parametrize("form", FORMATS)
def test_a_state_dict_is_no_module(form: str, tmp_path: Path) -> None:
    """It is read elsewhere."""
    with pytest.raises(ValueError, match="there is no module in it"):
        read_whole_module(saved(tmp_path / "x.pth", nn.Linear(2, 2).state_dict(), form))


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_of_the_file_is_run(form: str, tmp_path: Path) -> None:
    """A hostile call beside the weights stays undone, and the weights are read all the same."""
    net = nn.Linear(2, 2)
    net.trap = Trap(tmp_path / "sprung")  # type: ignore[assignment] # as hostile as it looks
    path = saved(tmp_path / "hostile.pth", net, form)
    assert set(read_whole_module(path)) == {"weight", "bias"}
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("form", FORMATS)
def test_damaged_files_are_refused(form: str, tmp_path: Path) -> None:
    """Cut off anywhere or changed in any byte, a file is read or refused with ValueError, and nothing else happens."""
    path = saved(tmp_path / "sound.pth", nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), form)
    data = path.read_bytes()
    rng = random.Random(0)  # noqa: S311 -- a test that repeats itself
    refused = 0
    for _ in range(300):
        damaged = bytearray(data[: rng.randrange(len(data))] if rng.random() < 0.5 else data)
        for _ in range(rng.randrange(1, 4)):
            if damaged:
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        path.write_bytes(damaged)
        try:
            found = read_whole_module(path)
        except ValueError:
            refused += 1
        else:
            assert all(isinstance(tensor, torch.Tensor) for tensor in found.values())
    assert refused > 100


@pytest.mark.parametrize("content", [b"", b"text", pickle.dumps({"a": 1}), b"PK\x03\x04"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    """Whatever they begin with."""
    (tmp_path / "x.pth").write_bytes(content)
    with pytest.raises(ValueError, match="file"):
        read_whole_module(tmp_path / "x.pth")
