"""
Golden samples: what the author's own transform and eager model made of a few images.

They are stored as `golden/inputs/N.png|jpg|...` and `golden/expected.safetensors` with the tensors
`N.pixels` (uint8 or uint16, H W C; absent where the author's own `prepare` gives floats),
`N.model_input` (float32, C H W), `N.raw_output` (float32, often K) and, with the author's own
`finish`, `N.finished` (float32).
It knows nothing of how they are made or compared.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from andon.bundle.archive import Bundle
from andon.bundle.json_text import one_line, quoted
from andon.bundle.manifest import EXPECTED_MEMBER
from andon.errors import BundleError
from andon.tensors import FloatArray, InputArray, UInt8Array, UInt16Array, sides_in_words


class GoldenSample(Struct, frozen=True, kw_only=True):
    """One image and what is expected of it at each stage."""

    name: str
    """The member that holds the encoded image."""
    encoded: bytes
    """PNG or JPEG bytes, or those of another format that the bundle takes."""
    pixels: UInt8Array | UInt16Array | None
    """Prepared pixels before scaling: `input.dtype` (H, W, C), channels in the order of `input.color`; None where
    the author's own `prepare` gives floats."""
    model_input: FloatArray
    """What the author's transform returned: float32 (C, H, W)."""
    raw_output: FloatArray
    """What the author's eager model answered: float32 `output.shape`, before the activation."""
    finished: FloatArray | None = None
    """What the author's own `finish` made of it; None where there is none."""

    @property
    def graph_input(self) -> InputArray:
        """What the graph takes: the pixels, or the model input where there are none."""
        return self.model_input if self.pixels is None else self.pixels


def encode_golden(samples: Sequence[GoldenSample]) -> dict[str, bytes]:
    """Give the members that hold these samples."""
    tensors = {}
    for number, sample in enumerate(samples):
        for stage in ("pixels", "model_input", "raw_output", "finished"):
            if (tensor := getattr(sample, stage)) is not None:
                tensors[f"{number}.{stage}"] = np.ascontiguousarray(tensor)
    members = {sample.name: sample.encoded for sample in samples}
    return {**members, EXPECTED_MEMBER: save_tensors(tensors)}


def decode_golden(bundle: Bundle) -> list[GoldenSample]:
    """
    Read the golden samples of a bundle.

    Returns:
        The samples in the order of `golden.inputs`.

    Raises:
        BundleError: `bundle.golden`: a tensor is absent, left over, of the wrong type or shape, or
            holds numbers that are not finite.
    """
    tensors = _Tensors(bundle)
    samples = [
        _decode_sample(number, name, bundle, tensors) for number, name in enumerate(bundle.manifest.golden.inputs)
    ]
    tensors.require_all_taken()
    return samples


def _decode_sample(number: int, name: str, bundle: Bundle, tensors: "_Tensors") -> GoldenSample:
    spec, output = bundle.manifest.input, bundle.manifest.output
    sides: tuple[int | None, int | None] = (None, None)
    pixels = None
    if spec.prepare is None or f"{number}.pixels" in tensors:
        pixels = tensors.take(f"{number}.pixels", spec.dtype, (*sides, spec.channels))
        sides = pixels.shape[:2]
    return GoldenSample(
        name=name,
        encoded=bundle.members[name],
        pixels=pixels,
        model_input=tensors.take(f"{number}.model_input", "float32", (spec.channels, *sides)),
        raw_output=tensors.take(f"{number}.raw_output", "float32", output.shape),
        finished=None if output.finish is None else tensors.take(f"{number}.finished", "float32", None),
    )


class _Tensors:
    """The tensors of `expected.safetensors`, each of which must be asked for once."""

    def __init__(self, bundle: Bundle) -> None:
        self._where = f"{bundle.where} › {EXPECTED_MEMBER}"
        try:
            self._tensors = load_tensors(bundle.members[EXPECTED_MEMBER])
        except KeyError as error:
            raise self._refuse(f"it holds a tensor of the type {error.args[0]}, which NumPy does not know") from None
        except (SafetensorError, ValueError, TypeError, OverflowError) as error:
            # The library checks the header; NumPy then refuses shapes that are too large for it.
            raise self._refuse(f"not a safetensors file: {one_line(str(error))}") from None

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    def take(self, name: str, dtype: str, shape: tuple[int | None, ...] | None) -> NDArray[Any]:
        """Hand out a finite tensor of this type and shape; None stands for any number from 1 on, or any shape."""
        tensor = self._tensors.pop(name, None)
        if tensor is None:
            raise self._refuse(f"the tensor {name!r} is absent")
        if tensor.dtype != dtype or not _fits(tensor.shape, shape):
            expected = sides_in_words(shape or (None,))
            raise self._refuse(
                f"the tensor {name!r} is {tensor.dtype} {tensor.shape}, expected {dtype} ({expected}) by the manifest"
            )
        if not np.isfinite(tensor).all():
            raise self._refuse(f"the tensor {name!r} holds numbers that are not finite")
        return tensor

    def require_all_taken(self) -> None:
        """Refuse tensors that belong to no sample."""
        if self._tensors:
            raise self._refuse(
                f"{len(self._tensors)} tensors belong to no sample, among them {quoted(min(self._tensors))}"
            )

    def _refuse(self, reason: str) -> BundleError:
        return BundleError(reason, code="bundle.golden", where=self._where, hint="pack the model again")


def _fits(found: tuple[int, ...], expected: tuple[int | None, ...] | None) -> bool:
    return expected is None or (
        len(found) == len(expected)
        and all(side > 0 and wanted in (None, side) for side, wanted in zip(found, expected, strict=True))
    )
