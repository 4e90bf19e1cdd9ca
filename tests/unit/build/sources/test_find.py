"""Tests of telling what a model is."""

import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from andon.build.sources.exported import ExportedSource
from andon.build.sources.find import opened
from andon.build.sources.module import ModuleSource
from andon.build.sources.onnx_model import OnnxSource
from andon.build.sources.torchscript import TorchScriptSource
from andon.errors import EnvironmentFault, PackError
from tests.support.author import Net
from tests.support.given import exported, graph, scripted, traced, write_onnx, write_program, write_script


@pytest.mark.slow
def test_an_object_is_told_by_its_type() -> None:
    """TorchScript is an `nn.Module` too, and yet its own source."""
    for model, kind in ((Net(), ModuleSource), (scripted(), TorchScriptSource), (exported(), ExportedSource)):
        with opened(model) as source:
            assert type(source) is kind


class Compiled(torch.nn.Module):
    """What torch.compile gives, as far as it is looked at: it keeps the network, and is slow to call."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self._orig_mod = network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Stand for minutes of a compiler."""
        raise AssertionError("compiles")


def test_a_compiled_network_is_taken_as_it_was_before() -> None:
    """It would be compiled again for every size of a batch."""
    with opened(Compiled(Net())) as source:
        assert isinstance(source, ModuleSource)
        assert source.answer(np.zeros((3, 56, 56), np.float32)).shape == (4,)


@pytest.mark.parametrize("given", [Net, Net().state_dict(), lambda images: images])
def test_what_is_no_model_yet_is_told_how_to_become_one(given: object) -> None:
    """A class, weights alone, a function."""
    with pytest.raises(PackError) as caught, opened(given):
        pass
    assert caught.value.code == "pack.model"
    assert "load_state_dict" in caught.value.hint


@pytest.mark.slow
def test_a_file_is_told_by_its_content(tmp_path: Path) -> None:
    """Whatever its name says."""
    files = {
        TorchScriptSource: write_script(traced(), tmp_path / "net.onnx"),
        ExportedSource: write_program(exported(), tmp_path / "net.pt"),
        OnnxSource: write_onnx(graph(), tmp_path / "net.pt2"),
    }
    for kind, path in files.items():
        with opened(path) as source:
            assert type(source) is kind
        with opened(str(path)) as source:
            assert type(source) is kind


class _Trap:
    """Leaves a trace where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def _weights(path: Path) -> None:
    torch.save(Net().state_dict(), path)


def _whole(path: Path) -> None:
    torch.save({"model": _Trap(path.with_suffix(".mark"))}, path)


def _whole_old(path: Path) -> None:
    torch.save(_Trap(path.with_suffix(".mark")), path, _use_new_zipfile_serialization=False)


def _pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(_Trap(path.with_suffix(".mark"))))


def _safetensors(path: Path) -> None:
    save_file(Net().state_dict(), path)


@pytest.mark.parametrize("write", [_weights, _whole, _whole_old, _pickle, _safetensors])
def test_weights_and_pickles_are_refused_unread(write: Any, tmp_path: Path) -> None:
    """The hint names the factory and the guide; nothing in the file was run."""
    path = tmp_path / "net.pt"
    write(path)
    with pytest.raises(PackError) as caught, opened(path):
        pass
    assert caught.value.code == "pack.model"
    assert "nothing of it was run" in caught.value.message
    assert "--weights net.pt" in caught.value.hint
    assert "old checkpoints" in caught.value.hint
    assert not path.with_suffix(".mark").exists()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no ONNX model"),
        (b"rubbish" * 99, "neither TorchScript"),
        (b"PK\x03\x04" + b"0" * 99, "cut off"),
        (b"<?xml version='1.0'?><net/>", "neither TorchScript"),
    ],
)
def test_rubbish_is_refused(content: bytes, words: str, tmp_path: Path) -> None:
    """The file is named, and what it could have been."""
    path = tmp_path / "net.pt2"
    path.write_bytes(content)
    with pytest.raises(PackError) as caught, opened(path):
        pass
    assert caught.value.where == str(path)
    assert words in caught.value.message
    assert caught.value.hint


def test_a_training_script_is_not_a_model(tmp_path: Path) -> None:
    """The hint says how to name the function in it."""
    (tmp_path / "train.py").write_text("def build_model(): ...")
    with pytest.raises(PackError, match="Python code") as caught, opened(tmp_path / "train.py"):
        pass
    assert "train:build_model" in caught.value.hint


@pytest.mark.parametrize("path", ["gone.pt2", ".", "train:build_model"])
def test_a_file_that_is_not_there_is_named(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A function by its name is for the command line; in Python it is imported."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PackError) as caught, opened(path):
        pass
    assert caught.value.where == path
    assert bool(caught.value.hint) == (":" in path)


@pytest.mark.parametrize("model", [5, None, b"net.onnx", Net])
def test_what_is_no_model_is_refused(model: object) -> None:
    """A class in place of an object, too."""
    with (
        pytest.raises(PackError, match=r"expected an nn\.Module, TorchScript, an exported program or a path"),
        opened(model),
    ):
        pass


def test_what_would_be_passed_over_is_refused(tmp_path: Path) -> None:
    """A factory for a file, and a layout for PyTorch, mean a misunderstanding."""
    path = write_onnx(graph(), tmp_path / "net.onnx")
    with pytest.raises(PackError, match=r"factory goes with an nn\.Module") as caught, opened(path, factory="a:b"):
        pass
    assert caught.value.code == "pack.argument"
    with pytest.raises(PackError, match="layout goes with an ONNX file"), opened(Net(), layout="NCHW"):
        pass


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the command that installs it."""
    path = write_onnx(graph(), tmp_path / "net.onnx")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "onnx" else sys)
    with pytest.raises(EnvironmentFault, match="andon\\[torch\\]"), opened(path):
        pass
