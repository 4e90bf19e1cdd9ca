"""Tests of models by import name, and of weights that are read without executing anything."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from andon.build.weights import import_callable, load_model, read_state_dict
from andon.errors import PackError, UsageError
from tests.support.author import Net

FACTORY = "tests.support.author:Net"


def _saved(path: Path, content: object) -> Path:
    torch.save(content, path)
    return path


def _with_state(net: torch.nn.Module, state: dict[str, torch.Tensor]) -> torch.nn.Module:
    net.load_state_dict(state)
    return net


def test_weights_come_from_every_usual_form(tmp_path: Path) -> None:
    """Safetensors, a state dict, one inside a checkpoint, a whole module and data-parallel are the same."""
    state = {name: tensor + 1 for name, tensor in Net().state_dict().items()}
    save_file(state, tmp_path / "a.safetensors")
    files = [
        tmp_path / "a.safetensors",
        _saved(tmp_path / "b.pt", state),
        _saved(tmp_path / "c.pth", {"state_dict": state, "epoch": 3}),
        _saved(tmp_path / "whole.pt", _with_state(Net(), state)),
        _saved(tmp_path / "d.pt", {"model": {f"module.{name}": tensor for name, tensor in state.items()}}),
    ]
    for file in files:
        loaded = load_model(FACTORY, file).state_dict()
        assert all(torch.equal(loaded[name], state[name]) for name in state)


class _Trap:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_a_pickle_is_refused_and_not_executed(tmp_path: Path) -> None:
    """What could run code is named as such, with the way out, and has not run."""
    sprung = tmp_path / "sprung"
    plain = tmp_path / "plain.pt"
    plain.write_bytes(pickle.dumps(_Trap(sprung)))
    for file in (
        plain,
        _saved(tmp_path / "inside.pt", {"state_dict": _Trap(sprung)}),
    ):
        with pytest.raises(PackError) as caught:
            load_model(FACTORY, file)
        assert caught.value.code == "pack.weights"
        assert "state_dict" in caught.value.hint
    assert not sprung.exists()


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
@pytest.mark.parametrize("content", [b"", b"no weights at all", bytes(range(256)) * 8])
def test_a_foreign_file_is_refused(name: str, content: bytes, tmp_path: Path) -> None:
    """Neither torch's nor safetensors' own errors come through."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PackError) as caught:
        read_state_dict(tmp_path / name)
    assert caught.value.code == "pack.weights"


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """The path is named."""
    with pytest.raises(PackError, match=r"nowhere\.pt"):
        read_state_dict(tmp_path / "nowhere.pt")


def test_weights_that_do_not_fit_are_listed(tmp_path: Path) -> None:
    """Absent, left over and misshapen tensors are named, not guessed away."""
    state = Net().state_dict()
    del state["head.bias"]
    state["extra"] = torch.zeros(1)
    state["head.weight"] = torch.zeros(9, 24)
    with pytest.raises(PackError) as caught:
        load_model(FACTORY, _saved(tmp_path / "x.pt", state))
    for words in ("head.bias is absent", "extra is left over", "(9, 24), the model has (4, 24)"):
        assert words in caught.value.message


@pytest.mark.parametrize(
    "name", ["train", "train:", ":build", "no_such_module:build", "tests.support.author:no_such_name"]
)
def test_an_import_that_fails_says_what_was_tried(name: str) -> None:
    """The name is repeated, and the exit code is that of wrong use."""
    with pytest.raises(UsageError) as caught:
        import_callable(name)
    assert caught.value.code == "usage.import"
    assert name in caught.value.message


def test_the_current_folder_is_looked_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training script beside the shell's prompt is found."""
    (tmp_path / "my_training_script.py").write_text("def build():\n    return 7\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert import_callable("my_training_script:build")() == 7


@pytest.mark.parametrize("factory", ["tests.support.author:photos", "tests.support.author:photo"])
def test_a_factory_that_gives_no_model_is_refused(factory: str) -> None:
    """One that returns something else, and one that fails, are told."""
    with pytest.raises(PackError) as caught:
        load_model(factory, None)
    assert caught.value.code == "pack.model"
