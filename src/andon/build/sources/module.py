"""A model as an `nn.Module`: the training's own network."""

import contextlib
import copy
import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

from andon.build.graph_input import GraphInput
from andon.build.sources.base import Form, Made
from andon.build.sources.torch_forms import make_batched, writer
from andon.build.sources.torch_reference import answer_of, takes_batches
from andon.bundle.input_spec import InputSpec
from andon.errors import PackError
from andon.tensors import FloatArray

if TYPE_CHECKING:
    from torch import nn


_EAGER_ONE_AT_A_TIME = (
    "the eager artifact runs several images one by one, which is slower: Python in a network may look at all of a batch"
)


class ModuleSource:
    """
    A network in evaluation mode, float32, on the CPU, as `evaluating` gives it.

    Args:
        network: Takes float32 (N, C, H, W).
        factory: Installed Python that builds the network without its weights, `package.module:function`; None where
            nobody has named it.
    """

    usual_forms: tuple[Form, ...] = ("onnx",)
    package = "torch"

    def __init__(self, network: "nn.Module", factory: str | None = None) -> None:
        _require_one_input(network)
        self.forms: tuple[Form, ...] = ("onnx", "pt2", "torchscript", *(("eager",) if factory else ()))
        self._network = network
        self._factory = factory

    def require_fit(self, spec: InputSpec, size: tuple[int, int]) -> None:
        """Return: a network says nothing of the images that it takes."""

    def answer(self, model_input: FloatArray) -> FloatArray:
        """Run the network."""
        return answer_of(self._network, model_input)

    def make(self, form: Form, wanted: GraphInput) -> Made:
        """Trace the network, and write it in the wanted form."""
        write = writer(form, self._network, wanted, factory=self._factory)
        if form == "eager":
            data = write(dynamic_batch=False)
            return Made(data=data, dynamic_batch=False, factory=self._factory, note=_EAGER_ONE_AT_A_TIME)
        return make_batched(write, several=takes_batches(self._network, wanted))


@contextlib.contextmanager
def evaluating(model: "nn.Module") -> Iterator["nn.Module"]:
    """Give a module in evaluation mode, float32, on the CPU; the author's own is left as it was."""
    import torch

    tensors = [*model.parameters(), *model.buffers()]
    if any(t.device.type != "cpu" or (t.is_floating_point() and t.dtype != torch.float32) for t in tensors):
        model = copy.deepcopy(model).cpu().float()
    # A frozen script has forgotten its mode, which is that of evaluation.
    modes = [(module, getattr(module, "training", False)) for module in model.modules()]
    try:
        yield model.eval()
    finally:
        for module, training in modes:
            module.training = training


def _require_one_input(network: "nn.Module") -> None:
    """Refuse a forward that needs more than images, or does not take them."""
    parameters = list(inspect.signature(network.forward).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is inspect.Parameter.empty
        and parameter.kind in (*positional, inspect.Parameter.KEYWORD_ONLY)
    ]
    takes_any = any(p.kind in (*positional, inspect.Parameter.VAR_POSITIONAL) for p in parameters)
    if len(needed) > 1 or not takes_any:
        raise wrong_inputs(needed)


def wrong_inputs(names: list[str]) -> PackError:
    """Make the error for a model that takes not just one tensor of images."""
    return PackError(
        f"the model takes {len(names)} inputs ({', '.join(names) or 'none'}), expected one: a tensor of images",
        code="pack.model",
        hint="wrap it in a module whose forward takes the images only, and fills in the rest",
    )
