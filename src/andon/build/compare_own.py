"""
The author's own `prepare` as a service runs it, against what a notebook makes of the same file.

The code is the same; what it is given is not: a service decodes the image and brings it to the
declared color first, a notebook hands over what `PIL.Image.open` returns.
"""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from andon.build.compare import Agreement, Comparison
from andon.build.samples import Sample
from andon.build.transform import Transform, apply_transform
from andon.bundle.input_spec import InputSpec
from andon.errors import AndonError, MismatchError, PackError, RuntimeFault
from andon.model.prove import MAX_GREY_LEVELS, grey_levels
from andon.model.steps import Steps
from andon.tensors import FloatArray, InputArray
from andon.vision.prepare import normalise

_EXACT = 0.02
"""Grey levels within which two model inputs are the same; what is left is the rounding of float32."""
_CONVERT = "let it begin with image.convert(...)"


def own_transform(steps: Steps) -> Transform:
    """Give the author's own `prepare` as a notebook calls it, on the declared region, normalisation behind it."""

    def transform(image: Image.Image) -> FloatArray:
        try:
            return _model_input(steps.prepare(_region(image, steps.spec)), steps.spec)
        except RuntimeFault as error:
            raise _fails_in_notebook(error, image.mode, steps.spec) from error

    return transform


def _region(image: Image.Image, spec: InputSpec) -> Image.Image:
    """Cut out what the code is given of the image: the declared region, where there is one."""
    roi = spec.roi
    return image if roi is None else image.crop((roi.x, roi.y, roi.x + roi.width, roi.y + roi.height))


def compare_own(sample: Sample, transform: Transform, steps: Steps) -> Comparison:
    """
    Prepare one sample as a service does, and as a notebook does.

    Args:
        sample: The image.
        transform: The author's own, or `own_transform`.
        steps: With the author's own `prepare`.

    Returns:
        The comparison; where shapes differ its `difference` is infinity. Of floats there are no pixels.

    Raises:
        PackError: `pack.prepare`: the code fails on the image; `pack.samples`: it cannot be decoded;
            `pack.transform`.
    """
    prepared = _prepared(sample, steps)
    served, model_input = _model_input(prepared, steps.spec), apply_transform(transform, sample)
    is_alike = model_input.shape == served.shape
    difference = grey_levels(model_input - served, steps.spec) if is_alike else float("inf")
    return Comparison(
        sample=sample,
        pixels=None if prepared.dtype == np.float32 else prepared,  # type: ignore[arg-type] # by its dtype
        model_input=model_input,
        is_whole=prepared.dtype == np.float32 or difference < _EXACT,
        difference=difference,
    )


def require_own_agreement(comparisons: Iterable[Comparison], spec: InputSpec) -> Agreement:
    """
    Refuse code that makes something else of an image in a service than in a notebook.

    Args:
        comparisons: As `compare_own` gives them, one a sample.
        spec: Names the code and the color.

    Raises:
        MismatchError: `pack.mismatch.prepare`, naming the sample and how far apart they are.
    """
    worst, sizes = 0.0, set()
    for comparison in comparisons:
        if not comparison.difference <= MAX_GREY_LEVELS:
            raise _mismatch(comparison, spec)
        worst = max(worst, comparison.difference)
        sizes.add(comparison.size)
    return Agreement(worst_difference=worst, sizes=frozenset(sizes))


def _fails_in_notebook(error: RuntimeFault, mode: str, spec: InputSpec) -> PackError:
    served = "L" if spec.color in ("L", "LLL") else "RGB"
    if mode == served or spec.depth > 8:
        return PackError(error.message, code="pack.prepare", hint=error.hint)
    return PackError(
        f"for what PIL.Image.open gives, an image of mode {mode}, {error.message}",
        code="pack.prepare",
        hint=error.hint or f"a service gives it the mode {served}: let it begin with image.convert({served!r})",
    )


def _mismatch(comparison: Comparison, spec: InputSpec) -> MismatchError:
    is_alike = np.isfinite(comparison.difference)
    far = f"{comparison.difference:.1f} grey levels apart" if is_alike else "not of the same shape"
    return MismatchError(
        f"{spec.prepare} makes something else of the image as a service decodes it, in {spec.color}, than the notebook "
        f"makes of what PIL.Image.open gives: they are {far} (stage model input)",
        code="pack.mismatch.prepare",
        where=comparison.sample.name,
        hint='let it begin with image.convert(...), and declare that "color" and, where it turns images, '
        '"orientation": "exif"',
    )


def _prepared(sample: Sample, steps: Steps) -> InputArray:
    """Prepare a sample as a service does."""
    try:
        return steps.prepare(steps.decode_sample(sample.encoded))
    except RuntimeFault as error:
        raise PackError(error.message, code="pack.prepare", where=sample.name, hint=error.hint) from error
    except AndonError as error:
        raise PackError(error.message, code="pack.samples", where=sample.name, hint=error.hint) from error


def _model_input(prepared: InputArray, spec: InputSpec) -> FloatArray:
    """Give what the network sees: floats as they are, pixels normalised as declared."""
    return prepared if prepared.dtype == np.float32 else normalise(prepared, spec)  # type: ignore[return-value, arg-type] # by its dtype
