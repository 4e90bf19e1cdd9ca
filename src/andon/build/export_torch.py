"""
A normalised graph becomes an artifact that torch itself runs: a program of `torch.export`, TorchScript or weights.

Equal graphs give equal bytes, and nothing of this machine or process is in them: stack traces and
the names of files are left out, and what torch counts while a process runs is counted anew.
"""

import inspect
import io
import re
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from andon.build.explain_export import explain_tracing
from andon.build.export import quiet_exporter
from andon.bundle.json_text import quoted
from andon.errors import AndonError, PackError, first_line
from andon.named_code import import_own_code
from andon.runtimes.torch_archive import without_pickles

if TYPE_CHECKING:
    import torch
    from torch import nn

_TRACES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn", "from_node")
"""What torch notes at each node of where it comes from: paths, and names of the author's classes."""
_MANGLED = re.compile(rb"___torch_mangle_([0-9]+)")
_LEFT_OUT = re.compile(r".*\.debug_pkl|[^/]+/\.data/serialization_id")
_WEIGHTS_HINT = "the factory is called without arguments, and must build the network that the weights are of"


def export_pt2(graph: "nn.Module", example: "torch.Tensor", *, dynamic_batch: bool = True) -> bytes:
    """
    Write a graph as `torch.export.save` does.

    Args:
        graph: As `normalised_graph` gives it.
        example: Two images of its dtype and layout, or one where the batch is not free.
        dynamic_batch: Whether the number of images is free.

    Returns:
        An archive without example inputs, of which nothing is pickled.

    Raises:
        PackError: `pack.export`, with the reason and the line of the author's code; `pack.model`
            where the model returns no tensor.
    """
    import torch

    batch = {"image": {0: torch.export.Dim("batch", min=1)}} if dynamic_batch else None
    written = io.BytesIO()
    with quiet_exporter(), torch.no_grad():
        try:
            program = torch.export.export(graph, (example,), dynamic_shapes=batch)
            _forget_traces(program.graph_module)
            torch.export.save(program, written)
        except Exception as error:
            # torch.export raises classes of several private modules, and whatever the model raises.
            raise explain_tracing(error) from error
    try:
        return without_pickles(written.getvalue(), "the exported program")
    except AndonError as error:
        raise PackError(
            f"the exported program cannot be kept: {error.message}",
            code="pack.export",
            hint="the model may hold something else than tensors and numbers as a constant",
        ) from error


def _forget_traces(module: "torch.fx.GraphModule") -> None:
    """Forget where nodes come from, in the graph and in those of its branches."""
    import torch

    for part in module.modules():
        for node in part.graph.nodes if isinstance(part, torch.fx.GraphModule) else ():
            for key in _TRACES:
                node.meta.pop(key, None)


def export_torchscript(graph: "nn.Module", example: "torch.Tensor") -> bytes:
    """
    Write a graph as TorchScript, its weights frozen; a script inside of it keeps its branches and loops.

    Args:
        graph: As `normalised_graph` gives it.
        example: Two images of its dtype and layout, or one where it takes no more.

    Raises:
        PackError: `pack.export`, with the reason and the line of the author's code; `pack.model`
            where the model returns no tensor.
    """
    import torch

    written = io.BytesIO()
    with quiet_exporter(), torch.no_grad():
        try:
            traced: Any = torch.jit.trace(graph, (example,), check_trace=False)  # type: ignore[no-untyped-call] # it has no types
            torch.jit.save(torch.jit.freeze(traced), written)
        except Exception as error:
            # torch raises classes of several private modules, and whatever the model raises.
            raise explain_tracing(error) from error
    return _counted_anew(written.getvalue())


def _counted_anew(data: bytes) -> bytes:
    """Write TorchScript without its debug information, and with its classes numbered from 0 on."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist() if not _LEFT_OUT.fullmatch(name)}
    text = {name for name in members if name.endswith((".py", "/data.pkl"))}
    found = {int(number) for name in text for number in _MANGLED.findall(name.encode() + members[name])}
    numbers = {old: new for new, old in enumerate(sorted(found))}

    def renamed(content: bytes) -> bytes:
        return _MANGLED.sub(lambda match: b"___torch_mangle_%d" % numbers[int(match[1])], content)

    anew = io.BytesIO()
    with zipfile.ZipFile(anew, "w") as written:
        for name, content in members.items():
            # Names of classes stand in text, in the code as in the pickle, without a length before them.
            is_text = name in text
            member = zipfile.ZipInfo(renamed(name.encode()).decode() if is_text else name)
            written.writestr(member, renamed(content) if is_text else content)
    return anew.getvalue()


def export_eager(graph: "nn.Module", factory: str) -> bytes:
    """
    Write the weights of a graph for the network that a factory builds.

    Args:
        graph: As `normalised_graph` gives it; its child `model` is the author's network.
        factory: Installed Python, `package.module:function`, that builds this network when it is called
            without arguments.

    Returns:
        A safetensors file of the state dict.

    Raises:
        PackError: `pack.weights`: the factory cannot be imported, fails, or builds another network.
    """
    from safetensors.torch import save

    weights = {name: tensor.detach().clone().contiguous() for name, tensor in graph.state_dict().items()}
    own = {name.removeprefix("model."): tensor for name, tensor in weights.items() if name.startswith("model.")}
    _require_fitting(_built(factory), own, factory)
    return save(weights)


def _built(factory: str) -> "nn.Module":
    """Call the factory."""
    import torch

    try:
        network = import_own_code(factory)()
        if not isinstance(network, torch.nn.Module):
            raise PackError(
                f"the factory {factory} gives a {type(network).__name__}, expected an nn.Module", code="pack.weights"
            )
        inspect.signature(network.forward).bind(None)
    except AndonError as error:
        raise PackError(error.message, code="pack.weights", hint=error.hint or _WEIGHTS_HINT) from error
    except (Exception, SystemExit) as error:
        # The author's code may raise anything.
        raise PackError(
            f"the factory {factory} cannot be used: {type(error).__name__}: {first_line(Exception(str(error)))}",
            code="pack.weights",
            hint=_WEIGHTS_HINT,
        ) from error
    return network


def _require_fitting(network: "nn.Module", weights: "Mapping[str, torch.Tensor]", factory: str) -> None:
    """Refuse weights that do not fit the built network strictly."""
    wanted = network.state_dict()
    problems = [
        *(f"{quoted(name)} is only in the network of the factory" for name in wanted if name not in weights),
        *(f"{quoted(name)} is only in the given model" for name in weights if name not in wanted),
        *(
            f"{quoted(name)} is {tuple(weights[name].shape)}, that of the factory {tuple(wanted[name].shape)}"
            for name in wanted
            if name in weights and weights[name].shape != wanted[name].shape
        ),
    ]
    if problems:
        raise PackError(
            f"the factory {factory} builds another network: {problems[0]}"
            + (f", and {len(problems) - 1} more" if len(problems) > 1 else ""),
            code="pack.weights",
            hint=_WEIGHTS_HINT,
        )
