"""A model by its import name, with weights that are read without executing anything."""

import importlib
import pickle
import sys
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from andon.build.whole_module import read_whole_module
from andon.errors import AndonError, PackError, UsageError, missing_extra

if TYPE_CHECKING:
    from torch import Tensor, nn

_WRAPPERS = ("state_dict", "model_state_dict", "model")
"""Keys under which training scripts commonly keep the state dict of the model."""


def import_callable(name: str) -> Callable[..., Any]:
    """
    Import `module:name`, from the current folder too.

    Raises:
        UsageError: `usage.import`: not of that form, not found, not callable, or failing on import.
    """
    module_name, _, attribute = name.partition(":")
    if not module_name or not attribute:
        raise UsageError(
            f"expected module:name, got {name!r}", code="usage.import", hint="for example train:build_model"
        )
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found: Any = importlib.import_module(module_name)
        for part in attribute.split("."):
            found = getattr(found, part)
    except AndonError:
        raise
    except Exception as error:
        # The author's module may raise anything while it is imported.
        raise UsageError(
            f"cannot import {name}: {type(error).__name__}: {error}",
            code="usage.import",
            hint=f"looked in {folder} too",
        ) from error
    if not callable(found):
        raise UsageError(f"{name} is a {type(found).__name__}, expected a function or a class", code="usage.import")
    return found  # type: ignore[no-any-return] # any callable will do


def load_model(factory: str, weights: str | Path | None) -> "nn.Module":
    """
    Call a factory and load weights into the model that it returns.

    Args:
        factory: `module:name` of a callable that takes no arguments and returns an `nn.Module`.
        weights: A `.safetensors` file, or a state dict written by `torch.save`, which is read with
            `weights_only=True`; also under the key `state_dict`, `model_state_dict` or `model`,
            and with the prefix `module.` of a data-parallel training. Or a module that was saved
            whole, of which only the weights are read. None for a factory that brings its own.

    Returns:
        The model on the CPU, with exactly these weights.

    Raises:
        UsageError: `usage.import`.
        PackError: `pack.model`: the factory fails or returns something else; `pack.weights`: the
            file is unreadable, holds more than tensors, or does not fit the model.
        EnvironmentFault: `environment.extra`: torch is not installed.
    """
    require_torch()
    from torch import nn

    build = import_callable(factory)
    try:
        model = build()
    except Exception as error:
        # The author's code may raise anything.
        raise PackError(f"{factory}() failed: {type(error).__name__}: {error}", code="pack.model") from error
    if not isinstance(model, nn.Module):
        raise PackError(
            f"{factory}() returned a {type(model).__name__}, expected an nn.Module",
            code="pack.model",
            hint="name a function without arguments that builds the network",
        )
    if weights is not None:
        _load_into(model, read_state_dict(Path(weights)), Path(weights).name)
    return model


def require_torch() -> None:
    """Raise `EnvironmentFault` where torch or what its exporter needs is absent."""
    from importlib.util import find_spec

    for library in ("torch", "onnx", "onnxscript"):
        if find_spec(library) is None:
            raise missing_extra(library, "torch", "packing a PyTorch model")


def read_state_dict(path: Path) -> dict[str, "Tensor"]:
    """
    Read tensors by name; nothing in the file is executed.

    Raises:
        PackError: `pack.weights`.
    """
    try:
        if path.suffix == ".safetensors":
            return _read_safetensors(path)
        return _read_checkpoint(path)
    except OSError as error:
        raise PackError(f"cannot be read: {error.strerror or error}", code="pack.weights", where=str(path)) from None


def _read_safetensors(path: Path) -> dict[str, "Tensor"]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(path.read_bytes())
    except SafetensorError as error:
        raise PackError(f"not a safetensors file: {error}", code="pack.weights", where=str(path)) from None


def _read_checkpoint(path: Path) -> dict[str, "Tensor"]:
    import torch

    try:
        with warnings.catch_warnings():
            # torch warns of formats that it then refuses.
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        return _read_whole_module(path)
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        raise PackError(f"not a PyTorch file: {str(error)[:200]}", code="pack.weights", where=str(path)) from None
    return _find_state_dict(content, path)


def _read_whole_module(path: Path) -> dict[str, "Tensor"]:
    """Read what a training saved with all its classes, without running any of them."""
    try:
        return read_whole_module(path)
    except ValueError as error:
        raise PackError(
            f"holds more than tensors, and is not loaded because it could execute code: {error}",
            code="pack.weights",
            where=str(path),
            hint="where you trained: torch.save(model.state_dict(), 'weights.pt'); see the guide on old checkpoints",
        ) from None


def _find_state_dict(content: object, path: Path) -> dict[str, "Tensor"]:
    for candidate in (content, *(content.get(key) for key in _WRAPPERS if isinstance(content, Mapping))):
        if _is_state_dict(candidate):
            return candidate  # type: ignore[return-value] # just asked
    found = (
        f"the keys {sorted(map(str, content))[:8]}" if isinstance(content, Mapping) else f"a {type(content).__name__}"
    )
    raise PackError(
        f"expected a state dict, found {found}",
        code="pack.weights",
        where=str(path),
        hint="where you trained: torch.save(model.state_dict(), 'weights.pt')",
    )


def _is_state_dict(content: object) -> bool:
    from torch import Tensor

    return (
        isinstance(content, Mapping)
        and bool(content)
        and all(isinstance(key, str) and isinstance(value, Tensor) for key, value in content.items())
    )


def _load_into(model: "nn.Module", state: dict[str, "Tensor"], where: str) -> None:
    if all(name.startswith("module.") for name in state):
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    wanted = model.state_dict()
    problems = [
        *(f"{name} is absent" for name in wanted if name not in state),
        *(f"{name} is left over" for name in state if name not in wanted),
        *(
            f"{name} has the shape {tuple(state[name].shape)}, the model has {tuple(wanted[name].shape)}"
            for name in wanted
            if name in state and state[name].shape != wanted[name].shape
        ),
    ]
    if problems:
        more = f" and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise PackError(
            f"the weights do not fit the model: {'; '.join(problems[:3])}{more}",
            code="pack.weights",
            where=where,
            hint="build the model with the arguments that it was trained with, the number of classes first",
        )
    model.load_state_dict(state)
