"""
Golden samples: what the author's own transform and eager model made of a few images.

They are stored as `golden/inputs/N.png|jpg` and `golden/expected.safetensors` with the tensors
`N.pixels` (uint8, H W C), `N.model_input` (float32, C H W) and `N.raw_output` (float32, K).
It knows nothing of how they are made or compared.
"""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from andon.bundle.archive import Bundle
from andon.bundle.manifest import EXPECTED_MEMBER
from andon.errors import BundleError
from andon.tensors import FloatArray, UInt8Array


class GoldenSample(Struct, frozen=True, kw_only=True):
    """One image and what is expected of it at each stage."""

    name: str
    """The member that holds the encoded image."""
    encoded: bytes
    """PNG or JPEG bytes."""
    pixels: UInt8Array
    """Prepared pixels before scaling: uint8 (H, W, C), 0-255, channels in the order of `input.color`."""
    model_input: FloatArray
    """What the author's transform returned: float32 (C, H, W)."""
    raw_output: FloatArray
    """What the author's eager model answered: float32 (K,), before the activation."""


def encode_golden(samples: Sequence[GoldenSample]) -> dict[str, bytes]:
    """Give the members that hold these samples."""
    tensors = {}
    for number, sample in enumerate(samples):
        for stage in ("pixels", "model_input", "raw_output"):
            tensors[f"{number}.{stage}"] = np.ascontiguousarray(getattr(sample, stage))
    members = {sample.name: sample.encoded for sample in samples}
    return {**members, EXPECTED_MEMBER: save_tensors(tensors)}


def decode_golden(bundle: Bundle) -> list[GoldenSample]:
    """
    Read the golden samples of a bundle.

    Raises:
        BundleError: `bundle.golden`: a tensor is absent, left over, of the wrong type or shape, or
            holds numbers that are not finite.
    """
    where = f"{bundle.where} › {EXPECTED_MEMBER}"
    try:
        tensors = load_tensors(bundle.members[EXPECTED_MEMBER])
    except (SafetensorError, ValueError, KeyError) as error:
        raise BundleError(f"not a safetensors file: {error}", code="bundle.golden", where=where) from None

    def take(name: str, dtype: type, ndim: int) -> np.ndarray:
        tensor = tensors.pop(name, None)
        if tensor is None:
            raise BundleError(f"the tensor {name!r} is absent", code="bundle.golden", where=where)
        if tensor.dtype != dtype or tensor.ndim != ndim or not np.isfinite(tensor).all():
            raise BundleError(
                f"the tensor {name!r} is {tensor.dtype} with {tensor.ndim} axes, "
                f"expected finite {np.dtype(dtype)} with {ndim}",
                code="bundle.golden",
                where=where,
            )
        return tensor

    samples = [
        GoldenSample(
            name=name,
            encoded=bundle.members[name],
            pixels=take(f"{number}.pixels", np.uint8, 3),
            model_input=take(f"{number}.model_input", np.float32, 3),
            raw_output=take(f"{number}.raw_output", np.float32, 1),
        )
        for number, name in enumerate(bundle.manifest.golden.inputs)
    ]
    if tensors:
        raise BundleError(f"there are tensors of no sample: {sorted(tensors)[:3]}", code="bundle.golden", where=where)
    for sample in samples:
        _require_consistent_shapes(sample, bundle, where)
    return samples


def _require_consistent_shapes(sample: GoldenSample, bundle: Bundle, where: str) -> None:
    height, width, channels = sample.pixels.shape
    expected = (
        ("pixels", sample.pixels.shape, (height, width, bundle.manifest.input.channels)),
        ("model_input", sample.model_input.shape, (channels, height, width)),
        ("raw_output", sample.raw_output.shape, (len(bundle.manifest.output.labels),)),
    )
    for stage, found, wanted in expected:
        if found != wanted:
            raise BundleError(
                f"{stage} of {sample.name} has the shape {found}, the manifest asks for {wanted}",
                code="bundle.golden",
                where=where,
            )
