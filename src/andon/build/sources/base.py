"""
The contract of a source: a model as its author gave it, and the artifacts that can be made of it.

It answers for itself, as it was given, and that answer is the truth which every artifact is held
to. `tests/contracts/test_sources.py` holds every source to the sentences below.
"""

from typing import Literal, Protocol

from msgspec import Struct

from andon.build.graph_input import GraphInput
from andon.bundle.input_spec import InputSpec
from andon.tensors import FloatArray

Form = Literal["onnx", "pt2", "torchscript", "eager"]
"""What an artifact can be, as in `artifacts[].format`."""
Layout = Literal["NCHW", "NHWC"]
"""The order of axes in which a given graph takes images."""


class Made(Struct, frozen=True, kw_only=True):
    """One artifact that was made of a source."""

    data: bytes
    """Takes images as its `GraphInput` says, normalises pixels inside, gives the raw outputs in float32 (N, ...)."""
    dynamic_batch: bool = True
    """False where it takes exactly one image."""
    factory: str | None = None
    """Installed Python that builds the network; of an eager artifact."""
    note: str = ""
    """What the author should know; empty for nothing."""


class Source(Protocol):
    """A model that was opened. It is used in the mode of evaluation, on the CPU."""

    forms: tuple[Form, ...]
    """What can be made of it."""

    usual_forms: tuple[Form, ...]
    """What `pack` makes without being asked, first the one that is preferred."""

    package: str
    """The distribution package that made it answer, whose version is recorded: `torch` or `onnx`."""

    def require_fit(self, spec: InputSpec, size: tuple[int, int]) -> None:
        """
        Refuse a declaration that the model cannot be behind, before anything is run.

        Args:
            spec: The declaration.
            size: Height and width in pixels to which it prepares images.

        Raises:
            PackError: `pack.input`: the model says of itself that it takes another number of
                channels or another size, or normalises itself and the declaration does so too.
                A model that says nothing of itself takes everything here, and fails in `answer`.
        """
        ...

    def answer(self, model_input: FloatArray) -> FloatArray:
        """
        Ask the given model about one image.

        Args:
            model_input: What the author's transform returns: float32 (C, H, W), C order; not changed.

        Returns:
            Its raw output: float32 (...), often (K,), C order, a copy; it may hold numbers that are
            not finite. The same for the same model input, as far as the model itself is so.

        Raises:
            PackError: `pack.model`: it fails, or answers with something else than one tensor of
                floats for one image; `where` is the line of the author's code, or empty.
        """
        ...

    def make(self, form: Form, wanted: GraphInput) -> Made:
        """
        Make an artifact.

        Args:
            form: One of `forms`.
            wanted: What it is to take.

        Returns:
            The artifact; equal arguments give equal bytes, without paths or names of this machine.
            Where several images at once are not possible, an artifact for one, and a note.

        Raises:
            PackError: `pack.export`: it is not possible; the operator or the reason, the line of the
                author's code where there is one, and the way out. `pack.weights`: the factory of
                an eager model builds another network.
        """
        ...
