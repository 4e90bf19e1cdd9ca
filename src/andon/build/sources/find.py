"""Which source a model is: by its type as an object, by its content as a file, never by its name."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from andon.build.sources.base import Layout, Source
from andon.build.sources.exported import ExportedSource, read_program
from andon.build.sources.module import ModuleSource, evaluating
from andon.build.sources.onnx_model import OnnxSource, read_onnx, require_onnx
from andon.build.sources.torchscript import TorchScriptSource, read_script
from andon.build.weights import require_torch
from andon.errors import PackError
from andon.runtimes.torch_archive import kind_of

_ZIP = b"PK\x03\x04"
_CHECKPOINT_HINT = (
    "name the function that builds the network: andon pack MODULE:FACTORY --weights {name}; "
    "for modules that were saved whole see the guide on old checkpoints"
)


@contextlib.contextmanager
def opened(model: object, *, factory: str | None = None, layout: Layout | None = None) -> Iterator[Source]:
    """
    Open a model, and leave it as it was.

    Args:
        model: An `nn.Module`, a `torch.jit.ScriptModule`, a `torch.export.ExportedProgram`, or the
            path of a file that holds TorchScript, an exported program or an ONNX model.
        factory: Installed Python that builds the network of an `nn.Module`.
        layout: The order of axes that an ONNX graph takes; None to see it from its shape.

    Raises:
        PackError: `pack.model`: it is none of these, or one that cannot be used; `pack.argument`:
            factory or layout do not go with it.
        EnvironmentFault: `environment.extra`: torch, or the library for ONNX files, is not installed.
    """
    if isinstance(model, str | os.PathLike):
        with _opened_file(Path(model), layout) as source:
            _require_use(source, factory, layout)
            yield source
        return
    require_torch()
    import torch

    # What torch.compile gives would be compiled for every size and mode on the way.
    model = getattr(model, "_orig_mod", model)
    if isinstance(model, torch.export.ExportedProgram):
        program = ExportedSource(model)
        _require_use(program, factory, layout)
        yield program
    elif isinstance(model, torch.nn.Module):
        with evaluating(model) as network:
            found: Source
            if isinstance(network, torch.jit.ScriptModule):
                found = TorchScriptSource(network)
            else:
                found = ModuleSource(network, factory)
            _require_use(found, factory, layout)
            yield found
    else:
        raise PackError(
            f"expected an nn.Module, TorchScript, an exported program or a path, got {type(model).__name__}",
            code="pack.model",
            hint="build the network and load its weights first: network.load_state_dict(...)",
        )


@contextlib.contextmanager
def _opened_file(path: Path, layout: Layout | None) -> Iterator[Source]:
    data = _read(path)
    kind = kind_of(data)
    if kind in ("pt2", "old pt2"):
        require_torch()
        yield ExportedSource(read_program(data, path))
    elif kind == "torchscript":
        require_torch()
        with evaluating(read_script(data, path)) as script:
            yield TorchScriptSource(script)  # type: ignore[arg-type] # evaluating gives what it is given
    elif kind is not None or _is_safetensors(data):
        raise PackError(
            f"the file holds {_IN_WORDS.get(str(kind), 'weights')}, not a network; nothing of it was run",
            code="pack.model",
            where=str(path),
            hint=_CHECKPOINT_HINT.format(name=path.name),
        )
    elif data.startswith(_ZIP):
        raise PackError(
            "the file is cut off, or a zip archive of something else than a model",
            code="pack.model",
            where=str(path),
            hint="save or copy it again",
        )
    elif path.suffix == ".py":
        raise PackError(
            "this is Python code, not a model",
            code="pack.model",
            where=str(path),
            hint=f"name the function in it that builds the network: {path.stem}:build_model",
        )
    else:
        require_onnx()
        yield OnnxSource(read_onnx(data, path), layout)


_IN_WORDS = {"checkpoint": "what torch.save writes of weights or of whole modules", "pickle": "a pickle"}


def _is_safetensors(data: bytes) -> bool:
    return data[8:9] == b"{" and int.from_bytes(data[:8], "little") <= len(data)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        hint = "in Python, import the module and pass the network itself" if ":" in path.name else ""
        raise PackError(
            f"the model cannot be read: {error.strerror}", code="pack.model", where=str(path), hint=hint
        ) from None


def _require_use(source: Source, factory: str | None, layout: Layout | None) -> None:
    """Refuse what would be passed over."""
    if factory is not None and not isinstance(source, ModuleSource):
        raise PackError(
            "a factory goes with an nn.Module only: it builds the network again where the bundle is loaded",
            code="pack.argument",
        )
    if layout is not None and not isinstance(source, OnnxSource):
        raise PackError("a layout goes with an ONNX file only: PyTorch takes (N, C, H, W)", code="pack.argument")
