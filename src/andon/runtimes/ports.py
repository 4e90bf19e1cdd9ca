"""
What a graph takes and gives, in the same words for every library, and whether that is images to raw outputs.

It knows no library: a runtime whose library can describe its graph makes `Port`s of that description.
"""

from collections.abc import Sequence

from msgspec import Struct

from andon.bundle.manifest import Artifact
from andon.errors import RuntimeFault
from andon.tensors import sides_in_words


class Port(Struct, frozen=True, kw_only=True):
    """One input or output of a graph."""

    name: str
    dtype: str
    """As numpy calls it; in the library's own words where it is no tensor of such numbers."""
    shape: tuple[int | None, ...] | None
    """Every axis with its length, None where that is open; None as a whole where not even their number is known."""

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.name}: {self.dtype} of any shape"
        return f"{self.name}: {self.dtype} ({sides_in_words(self.shape)})"

    @property
    def takes_one(self) -> bool:
        """Whether the batch axis, which is the first, has the fixed length 1."""
        return bool(self.shape) and self.shape is not None and self.shape[0] == 1

    @property
    def image_shape(self) -> tuple[int, int, int] | None:
        """The axes of one image after the batch axis; None where one of them is open."""
        if self.shape is None or len(self.shape) != 4:
            return None
        _, first, second, third = self.shape
        return None if first is None or second is None or third is None else (first, second, third)


def require_images_to_outputs(
    inputs: Sequence[Port], outputs: Sequence[Port], artifact: Artifact, output_shape: tuple[int | None, ...] | None
) -> None:
    """
    Refuse a graph that takes anything but a batch of images, or gives anything but what the output declares.

    Args:
        inputs: Those of the graph that need a value.
        outputs: All of the graph's.
        artifact: Its layout and dtype are those that the input must have.
        output_shape: Of one image, as in `SessionOptions`.

    Raises:
        RuntimeFault: `runtime.load`, listing what the graph has; which of several inputs is the
            image, and which of several outputs counts, is not guessed.
    """
    if len(inputs) != 1 or inputs[0].dtype != artifact.dtype or not _fits(inputs[0].shape, (1, None, None, None)):
        raise _unfit(f"input of {artifact.dtype} ({', '.join(artifact.layout)})", inputs, artifact.path)
    if len(outputs) != 1 or outputs[0].dtype != "float32" or not _gives(outputs[0].shape, output_shape):
        axes = sides_in_words(output_shape or (None,))
        raise _unfit(f"output of float32 (N, {axes}), as the labels want it", outputs, artifact.path)


def _gives(shape: tuple[int | None, ...] | None, wanted: tuple[int | None, ...] | None) -> bool:
    """Ask whether the graph may give raw outputs of the wanted shape for one image."""
    return wanted is None or _fits(shape, (1, *wanted))


def _fits(shape: tuple[int | None, ...] | None, wanted: tuple[int | None, ...]) -> bool:
    """Ask whether every axis of a fixed length has the wanted one; None wants any, and an open axis has no length."""
    return (
        shape is not None
        and len(shape) == len(wanted)
        and all(want is None or axis is None or axis == want for axis, want in zip(shape, wanted, strict=True))
    )


def _unfit(wanted: str, found: Sequence[Port], where: str) -> RuntimeFault:
    listed = ", ".join(map(str, found))
    return RuntimeFault(f"expected one {wanted}, the graph has {listed or 'none'}", code="runtime.load", where=where)
