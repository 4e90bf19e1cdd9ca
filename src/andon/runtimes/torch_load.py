"""
The bytes of an artifact become a module of torch that takes one batch of images: one function a form.

Each of them can run code of the author's: whether he is trusted has been asked before. Python's
unpickler is never asked all the same.
"""

import inspect
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace
from safetensors import SafetensorError

from andon.bundle.json_text import one_line, quoted
from andon.bundle.manifest import Artifact
from andon.errors import RuntimeFault, first_line
from andon.named_code import import_own_code
from andon.runtimes.ports import Port
from andon.runtimes.torch_archive import require_torchscript, without_pickles
from andon.runtimes.torch_graph import find_scores, normalising

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram


class LoadedGraph(Struct, frozen=True, kw_only=True):
    """What can be run, and what it says of itself."""

    module: "Callable[[torch.Tensor], object]"
    takes_one: bool
    """Whether it takes exactly one image."""
    ports: tuple[tuple[Port, ...], tuple[Port, ...]] | None = None
    """What it says of its inputs and outputs; None where it says nothing."""

    @property
    def input_shape(self) -> tuple[int, int, int] | None:
        """One image as the graph takes it; None where any size will do, or nothing is known."""
        return None if self.ports is None or not self.ports[0] else self.ports[0][0].image_shape


Load = Callable[[Artifact, bytes, "torch.device"], LoadedGraph]
"""Loads an artifact's bytes onto a device."""


def load_pt2(artifact: Artifact, data: bytes, device: "torch.device") -> LoadedGraph:
    """
    Load a program of `torch.export`.

    Raises:
        RuntimeFault: `runtime.load`: it is damaged, or holds something pickled.
    """
    plain = without_pickles(data, artifact.path)
    with _refusing("torch.export", artifact):
        program = read_program(plain, device)
        module = program.module()
    values = {node.name: node.meta.get("val") for node in program.graph.nodes}
    signature = program.graph_signature
    inputs = tuple(_port(name, values.get(str(name))) for name in signature.user_inputs)
    outputs = tuple(_brought_to_float32(_port(name, values.get(str(name)))) for name in signature.user_outputs)
    takes_one = not artifact.dynamic_batch or (bool(inputs) and inputs[0].takes_one)
    return LoadedGraph(module=module, takes_one=takes_one, ports=(inputs, outputs))


def read_program(plain: bytes, device: "torch.device") -> "ExportedProgram":
    """
    Read a program of `torch.export` onto a device, quietly.

    Args:
        plain: As `without_pickles` writes it.
        device: Where its tensors are to be.

    Raises:
        Exception: torch's own, of many private classes; `first_cause` of it says most.
    """
    from torch.export.passes import move_to_device_pass

    # `torch.export.load` swallows the reason where it fails, and then tries a form that it would unpickle.
    from torch.export.pt2_archive._package import load_pt2 as load_archive

    with _quiet_torch():
        (program,) = load_archive(io.BytesIO(plain)).exported_programs.values()
        return move_to_device_pass(program, str(device))


def first_cause(error: BaseException) -> BaseException:
    """Give the error that all others of a chain were raised from."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def load_torchscript(artifact: Artifact, data: bytes, device: "torch.device") -> LoadedGraph:
    """
    Load TorchScript, its weights frozen into the graph.

    Raises:
        RuntimeFault: `runtime.load`: it is damaged or something else, or has not one tensor as its
            input and one as its output.
    """
    import torch

    require_torchscript(data, artifact.path)
    with _refusing("TorchScript", artifact):
        module = read_torchscript(data, device)
        schema = module.forward.schema
    if len(needed_inputs(module)) != 1 or [str(answer.type) for answer in schema.returns] != ["Tensor"]:
        raise _refuse(f"expected one tensor of images and one of raw outputs, the forward is {schema}", artifact)
    with _quiet_torch(), _refusing("TorchScript", artifact):
        # On one core and EfficientNet-Lite0 a frozen graph is 1.07 (batch 1) to 1.16 times (batch 8) as fast, and
        # through `optimize_for_inference` 0.8 times as fast as that: benchmarks/torch_forms.py.
        return LoadedGraph(module=torch.jit.freeze(module.eval()), takes_one=not artifact.dynamic_batch)


def read_torchscript(data: bytes, device: "torch.device") -> Any:
    """
    Read TorchScript onto a device, quietly: torch would have everybody use torch.export.

    Raises:
        Exception: torch's own: RuntimeError, and what its C++ side lets through.
    """
    import torch

    with _quiet_torch():
        return torch.jit.load(io.BytesIO(data), map_location=device)  # type: ignore[no-untyped-call] # it has no types


def needed_inputs(script: Any) -> list[str]:
    """Name what the forward of TorchScript cannot be called without."""
    return [argument.name for argument in script.forward.schema.arguments[1:] if not argument.has_default_value()]


def load_eager(artifact: Artifact, data: bytes, device: "torch.device") -> LoadedGraph:
    """
    Build the author's network with his factory, and give it the weights.

    Raises:
        RuntimeFault: `runtime.load`: the weights are damaged or do not fit, or the factory fails or
            gives something else; where the weights are no safetensors, it is not even imported.
        EnvironmentFault: `code.import`: the factory is not installed.
    """
    from safetensors.torch import load

    try:
        tensors = load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, RuntimeError, OverflowError) as error:
        # The library checks the header; torch then refuses shapes that do not fit the data.
        raise _refuse(f"the weights are not a safetensors file: {one_line(str(error))}", artifact) from error
    factor, shift = tensors.get("factor"), tensors.get("shift")
    if (factor is None, shift is None) != (artifact.layout == "NCHW",) * 2:
        wanted = "without" if artifact.layout == "NCHW" else "with"
        raise _refuse(
            f"expected weights {wanted} the tensors factor and shift for the layout {artifact.layout}", artifact
        )
    graph = normalising(_built_network(artifact), factor, shift, _scores)
    _require_fitting_weights(graph.state_dict(), tensors, artifact)
    with _refusing("the network", artifact):
        graph.load_state_dict(tensors)
        return LoadedGraph(module=graph.float().to(device), takes_one=not artifact.dynamic_batch)


LOADS: Mapping[str, Load] = {"pt2": load_pt2, "torchscript": load_torchscript, "eager": load_eager}
"""By `artifacts[].format`."""


def _port(name: object, value: Any) -> Port:
    """Describe what a program takes or gives; its tensors have a type and lengths before they have values."""
    if not hasattr(value, "shape"):
        return Port(name=str(name), dtype=type(value).__name__, shape=None)
    # An open length is a symbol.
    lengths = tuple(length if isinstance(length, int) else None for length in value.shape)
    return Port(name=str(name), dtype=str(value.dtype).removeprefix("torch."), shape=lengths)


def _brought_to_float32(port: Port) -> Port:
    """Describe an output as the session answers with it: floats of any length become float32."""
    return replace(port, dtype="float32") if port.dtype in ("float16", "bfloat16", "float64") else port


def _shape(tensor: "torch.Tensor") -> str:
    return f"({', '.join(map(str, tensor.shape))})"


def _built_network(artifact: Artifact) -> "nn.Module":
    """Call the factory."""
    import torch

    name = str(artifact.factory)
    factory = import_own_code(name)
    try:
        network = factory()
    except (Exception, SystemExit) as error:
        # The author's code may raise anything.
        reason = f"the factory {name} failed: {type(error).__name__}: {first_line(error)}"
        raise _refuse(reason, artifact) from error
    if not isinstance(network, torch.nn.Module):
        raise _refuse(f"the factory {name} gives a {type(network).__name__}, expected an nn.Module", artifact)
    try:
        inspect.signature(network.forward).bind(None)
    except TypeError as error:
        raise _refuse(f"the network of {name} does not take one tensor of images: {error}", artifact) from error
    return network


def _require_fitting_weights(wanted: "dict[str, Any]", found: "dict[str, torch.Tensor]", artifact: Artifact) -> None:
    """Refuse weights of another network than the factory's, and say which."""
    for names, what in ((wanted.keys() - found.keys(), "lack"), (found.keys() - wanted.keys(), "have besides")):
        if names:
            raise _refuse(
                f"the weights {what} {len(names)} tensors of the network of {artifact.factory}, "
                f"among them {quoted(min(names))}",
                artifact,
            )
    for name, tensor in found.items():
        if tensor.shape != wanted[name].shape:
            raise _refuse(
                f"the weight {quoted(name)} is {_shape(tensor)}, the network of {artifact.factory} has "
                f"{_shape(wanted[name])}",
                artifact,
            )


def _scores(answer: object) -> "torch.Tensor":
    scores = find_scores(answer)
    if scores is None:
        raise RuntimeFault(
            f"the network answers with a {type(answer).__name__}, expected one tensor", code="runtime.output"
        )
    return scores


@contextmanager
def _refusing(what: str, artifact: Artifact) -> Iterator[None]:
    """Turn whatever torch raises of an artifact into `runtime.load`."""
    try:
        yield
    except Exception as error:
        # torch raises classes of many private modules, and whatever the graph raises; the first cause says most.
        raise _refuse(f"torch refuses the artifact ({what}): {first_line(first_cause(error))}", artifact) from error


@contextmanager
def _quiet_torch() -> Iterator[None]:
    """Keep torch's notes off the terminal while it loads: on deprecated forms, and on what it raises anyway."""
    loggers = [logging.getLogger(name) for name in ("torch.export", "torch._export.serde.serialize")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def _refuse(reason: str, artifact: Artifact) -> RuntimeFault:
    return RuntimeFault(reason, code="runtime.load", where=artifact.path)
