"""
The author's transform against the declaration, sample by sample.

It says whether the two agree; why they do not is told by `diagnose`.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from andon.build.diagnose import Disagreement, diagnose
from andon.build.fit import Evidence
from andon.build.samples import Sample
from andon.build.transform import Transform, apply_transform, require_no_chance
from andon.bundle.input_spec import InputSpec
from andon.errors import ImageError, MismatchError, PackError
from andon.model.prove import MAX_GREY_LEVELS, grey_levels
from andon.settings.limits import DEFAULT_LIMITS
from andon.tensors import FloatArray, PixelArray
from andon.vision.decode import decode
from andon.vision.prepare import normalise, prepare

_WHOLE_LEVEL = 0.02
"""A recovered pixel this near to a whole grey level is one; float32 keeps it within 0.0001."""
_ALLOWED = MAX_GREY_LEVELS + _WHOLE_LEVEL
_DIAGNOSED = 2
"""Samples that a diagnosis looks at."""


class Comparison(Struct, frozen=True, kw_only=True):
    """What the author's transform and the declaration make of one sample."""

    sample: Sample
    pixels: PixelArray | None
    """The author's own pixels: `input.dtype` (H, W, C); None where his own `prepare` gives floats."""
    model_input: FloatArray
    """What the author's transform returned, or the declaration gives where there is none: float32 (C, H, W)."""
    is_whole: bool
    """Whether the author's pixels are whole grey levels, so that `pixels` is all there is to them."""
    difference: float
    """Grey levels between the author's model input and the declared one."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the author's model input."""
        _, height, width = self.model_input.shape
        return height, width


def compare(sample: Sample, transform: Transform | None, spec: InputSpec) -> Comparison:
    """
    Prepare one sample in both ways.

    Args:
        sample: The image.
        transform: The author's own; None compares the declaration with itself.
        spec: The declaration.

    Returns:
        The comparison; one that does not agree has a `difference` of more than one grey level, or
        infinity where the shapes differ.

    Raises:
        PackError: `pack.transform` or `pack.samples`.
    """
    declared_pixels = prepare_sample(sample, spec)
    declared = normalise(declared_pixels, spec)
    if transform is None:
        return Comparison(sample=sample, pixels=declared_pixels, model_input=declared, is_whole=True, difference=0.0)
    model_input = apply_transform(transform, sample)
    if model_input.shape != declared.shape:
        return Comparison(
            sample=sample, pixels=declared_pixels, model_input=model_input, is_whole=False, difference=float("inf")
        )
    levels = recover_levels(model_input, spec)
    whole = np.rint(levels)
    return Comparison(
        sample=sample,
        pixels=np.clip(whole, 0, np.iinfo(spec.dtype).max).astype(spec.dtype),
        model_input=model_input,
        is_whole=bool(np.abs(levels - whole).max() * spec.level < _WHOLE_LEVEL),
        difference=grey_levels(model_input - declared, spec),
    )


class Agreement(Struct, frozen=True, kw_only=True):
    """What came of comparing all samples."""

    worst_difference: float
    """Largest difference in grey levels, one at most."""
    sizes: frozenset[tuple[int, int]]
    """Heights and widths to which the images were prepared."""


def require_agreement(comparisons: Iterable[Comparison], transform: Transform | None, spec: InputSpec) -> Agreement:
    """
    Refuse a declaration that does not do what the transform does.

    More than one grey level on any sample is refused. So is less, where another declaration of
    kernel, channels, range or normalisation explains it exactly.

    Args:
        comparisons: One a sample, at least one; only the telling ones are kept in memory.
        transform: The author's own, called once more before the declaration is blamed.
        spec: The declaration.

    Raises:
        MismatchError: `pack.mismatch.*`, naming the sample, the stage, how far and the likely reason.
    """
    worst, sizes = 0.0, set()
    telling: list[Comparison] = []
    for comparison in comparisons:
        worst = max(worst, comparison.difference)
        sizes.add(comparison.size)
        if comparison.difference > _WHOLE_LEVEL or not comparison.is_whole:
            telling = sorted([*telling, comparison], key=lambda item: -item.difference)[:_DIAGNOSED]
    if telling and transform is not None:
        found = _reason(telling, transform, spec, thorough=worst > _ALLOWED)
        if worst > _ALLOWED or found.is_exact:
            require_no_chance(transform, telling[0].sample)
            raise _mismatch(telling[0], found)
    return Agreement(worst_difference=worst, sizes=frozenset(sizes))


def _reason(telling: Sequence[Comparison], transform: Transform, spec: InputSpec, *, thorough: bool) -> Disagreement:
    """Find why samples disagree; the orientation is tried first, because it is a matter of the file."""
    other = "stored" if spec.orientation == "exif" else "exif"
    turned = compare(telling[0].sample, transform, replace(spec, orientation=other))
    if telling[0].difference > _ALLOWED >= turned.difference:
        return Disagreement(
            code="pack.mismatch.geometry",
            stage="pixels",
            reason=f'the transform agrees if the orientation is "{other}", declared is "{spec.orientation}"',
            hint=f'declare "orientation": "{other}"',
            is_exact=True,
        )
    return diagnose([_evidence(item, spec) for item in telling], spec, thorough=thorough)


def _evidence(comparison: Comparison, spec: InputSpec) -> Evidence:
    return Evidence(image=decode(comparison.sample.encoded, spec), model_input=comparison.model_input)


def _mismatch(worst: Comparison, found: Disagreement) -> MismatchError:
    far = (
        f"up to {worst.difference:.1f} grey levels apart" if np.isfinite(worst.difference) else "not of the same shape"
    )
    return MismatchError(
        f"the transform and the declared input are {far} (stage {found.stage}); {found.reason}",
        code=found.code,
        where=worst.sample.name,
        hint=found.hint,
    )


def prepare_sample(sample: Sample, spec: InputSpec) -> PixelArray:
    """
    Prepare a sample as declared: `input.dtype` (H, W, C).

    Raises:
        PackError: `pack.samples`: the image cannot be used.
    """
    try:
        return prepare(decode(sample.encoded, spec, DEFAULT_LIMITS), spec)
    except ImageError as error:
        raise PackError(error.message, code="pack.samples", where=sample.name, hint=error.hint) from None


def recover_levels(model_input: FloatArray, spec: InputSpec) -> FloatArray:
    """
    Undo the declared normalisation.

    Args:
        model_input: float32 (C, H, W).
        spec: The declaration.

    Returns:
        float32 (H, W, C): the levels of prepared pixels, 0-255 or `spec.levels` where it fits.
    """
    mean = np.asarray(spec.mean, np.float32)
    std = np.asarray(spec.std, np.float32)
    levels: FloatArray = (model_input.transpose(1, 2, 0) * std + mean) / np.float32(spec.scale)
    if spec.dtype == "uint16":
        levels = levels / np.float32(spec.level) + np.float32(spec.levels[0])
    return levels
