"""
Which samples become golden, and whether they would notice a wrong preparation.

A set that would not is enlarged by made images that pass through the author's own code, and
refused where that does not help.
"""

import functools
import io
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from PIL import Image

from andon.build.author import Author, Measured, one_thread
from andon.build.compare import makes_grey, require_agreement
from andon.build.transform import Sample
from andon.bundle.golden import GoldenSample
from andon.bundle.manifest import InputSpec, NoResize, Tolerance
from andon.errors import PackError
from andon.model.prove import check_preparation
from andon.settings import DEFAULT_LIMITS
from andon.tensors import FloatArray, UInt8Array, relative_difference
from andon.vision.decode import decode, open_encoded
from andon.vision.prepare import prepare

GOLDEN_SAMPLES = 6
"""Samples taken from those of the author; more cost start-up time, fewer prove less."""
_LARGE_BYTES = 1024 * 1024
"""Encoded samples above it are taken only where there are no smaller ones."""


_FLIPPED = "channels in the other order"


class Mutation(Struct, frozen=True):
    """One way in which a preparation goes wrong in the field."""

    name: str
    prepare: Callable[[Image.Image], UInt8Array]
    """A decoded image to wrongly prepared pixels (H, W, C)."""
    spec: InputSpec
    """The declaration with which the wrong preparation believes to work."""


def make_golden(
    author: Author, measured: Sequence[Measured], tolerance: Tolerance
) -> tuple[list[GoldenSample], tuple[str, ...]]:
    """
    Make a golden set that would notice a wrong preparation.

    Args:
        author: Answers for the images that are made here, too.
        measured: All samples, as the author's code answers for them.
        tolerance: Of the raw outputs.

    Returns:
        The golden samples, a PNG and a JPEG among them, and what could not be proven.

    Raises:
        PackError: `pack.golden`: no set was found that would notice.
        MismatchError: The transform and the declaration differ on an image that was made here.
    """
    samples = [measured[position].sample for position in choose(measured)]
    if (other_form := missing_form(samples)) is not None:
        samples.append(other_form)
    golden = [_golden_sample(author, sample, number) for number, sample in enumerate(samples)]
    notes: tuple[str, ...] = ()
    if unnoticed(golden, author.spec):
        sample, notes = _agreeing_probe(author, measured[0].pixels.shape)
        golden.append(_golden_sample(author, sample, len(golden)))
    blind = [name for name in unnoticed(golden, author.spec) if not (notes and name == _FLIPPED)]
    if blind:
        raise PackError(
            f"the golden samples would not notice {', '.join(blind)}",
            code="pack.golden",
            hint="give samples of the real size, in colour and with some detail",
        )
    require_telling_outputs([sample.raw_output for sample in golden], tolerance)
    return golden, notes


def _golden_sample(author: Author, sample: Sample, number: int) -> GoldenSample:
    comparison = author.compare(sample)
    require_agreement([comparison], author.spec)
    with one_thread():
        expected = author.measure_compared(comparison).expected
    return GoldenSample(
        name=f"golden/inputs/{number}.{sample_suffix(sample)}",
        encoded=sample.encoded,
        pixels=comparison.pixels,
        model_input=comparison.model_input,
        raw_output=expected,
    )


def _agreeing_probe(author: Author, shape: tuple[int, ...]) -> tuple[Sample, tuple[str, ...]]:
    """Make a probe in colour, or a grey one for a transform that makes every image grey."""
    exact = isinstance(author.spec.resize, NoResize)
    coloured = probe(shape, grey=False, exact=exact)
    if author.has_transform and makes_grey(author.compare(coloured)):
        note = "the transform makes images grey, so nothing proves the order of the channels"
        return probe(shape, grey=True, exact=exact), (note,)
    return coloured, ()


def choose(measured: Sequence[Measured]) -> list[int]:
    """Choose positions of at most `GOLDEN_SAMPLES` samples: small files first, the predicted classes in turn."""
    turns: dict[int, int] = {}
    ranks = []
    for position, item in enumerate(measured):
        best = int(item.raw_output.argmax())
        turn = turns[best] = turns.get(best, -1) + 1
        ranks.append((len(item.sample.encoded) > _LARGE_BYTES, turn, position))
    return [position for _, _, position in sorted(ranks)[:GOLDEN_SAMPLES]]


def missing_form(samples: Sequence[Sample]) -> Sample | None:
    """Encode the first sample in the form, JPEG or PNG, that none of them has, so that both decoders are proven."""
    forms = {sample_suffix(sample) for sample in samples}
    for suffix, form in (("jpg", "JPEG"), ("png", "PNG")):
        if suffix not in forms:
            image = open_encoded(samples[0].encoded, DEFAULT_LIMITS)
            return made_sample(
                image.convert("L" if image.mode in ("1", "L") else "RGB"), form, f"{samples[0].name} as {form}"
            )
    return None


def sample_suffix(sample: Sample) -> str:
    """Give `jpg` or `png`, by the first bytes."""
    return "jpg" if sample.encoded.startswith(b"\xff\xd8") else "png"


def made_sample(image: Image.Image, form: str, name: str) -> Sample:
    """Encode an image that was made here; JPEG at quality 90."""
    buffer = io.BytesIO()
    image.save(buffer, form, **({"quality": 90} if form == "JPEG" else {}))
    return Sample(name=name, encoded=buffer.getvalue())


def probe(shape: tuple[int, ...], *, grey: bool, exact: bool) -> Sample:
    """
    Make an image that notices most mistakes: coarse and fine noise of an odd size.

    Args:
        shape: Height and width of the model input in pixels, first.
        grey: Give all channels the same noise.
        exact: Make it of that very size, for a declaration that does not resize.
    """
    height, width = shape[:2] if exact else (shape[0] * 5 // 4 + 3, shape[1] * 3 // 2 + 5)
    random = np.random.default_rng(0)
    channels = 1 if grey else 3
    coarse = random.integers(0, 256, (height // 8 + 1, width // 8 + 1, channels)).repeat(8, 0).repeat(8, 1)
    fine = random.integers(0, 256, (height, width, channels))
    noise = ((2 * coarse[:height, :width] + fine) // 3).astype(np.uint8)
    image = Image.fromarray(np.broadcast_to(noise, (height, width, 3)).copy())
    return made_sample(image, "PNG", "noise that was made for the proof")


def mutations(spec: InputSpec) -> Iterator[Mutation]:
    """List the wrong preparations that make sense for a declaration."""
    if spec.channels == 3:
        flipped = replace(spec, color="BGR" if spec.color == "RGB" else "RGB")
        yield Mutation(_FLIPPED, lambda image: prepare(image, flipped), flipped)
    if not isinstance(spec.resize, NoResize):
        kernel = "bicubic" if spec.resize.interpolation == "bilinear" else "bilinear"
        resampled = replace(spec, resize=replace(spec.resize, interpolation=kernel))
        yield Mutation(
            f"{kernel} instead of {spec.resize.interpolation}", lambda image: prepare(image, resampled), resampled
        )
    for axis, name in ((0, "down"), (1, "right")):
        yield Mutation(f"one pixel {name}", functools.partial(_rolled, spec, axis), spec)
    shifted = replace(spec, mean=tuple(value + 4 * spec.scale for value in spec.mean))
    yield Mutation("another mean", lambda image: prepare(image, spec), shifted)
    widened = replace(spec, std=tuple(value * 1.05 for value in spec.std))
    yield Mutation("another std", lambda image: prepare(image, spec), widened)


def _rolled(spec: InputSpec, axis: int, image: Image.Image) -> UInt8Array:
    """Prepare with the crop one pixel off; the edge that is missing is taken from the other side."""
    return np.roll(prepare(image, spec), 1, axis)


def unnoticed(golden: Sequence[GoldenSample], spec: InputSpec) -> list[str]:
    """Name the mutations that no golden sample would notice."""
    images = [decode(sample.encoded, spec, DEFAULT_LIMITS) for sample in golden]
    return [
        mutation.name
        for mutation in mutations(spec)
        if not any(
            next(check_preparation(sample, mutation.prepare(image), mutation.spec), None)
            for sample, image in zip(golden, images, strict=True)
        )
    ]


def require_telling_outputs(raw_outputs: Sequence[FloatArray], tolerance: Tolerance) -> None:
    """
    Refuse a model that answers the same whatever the image: no proof could see a fault of it.

    Raises:
        PackError: `pack.golden`.
    """
    first, *others = raw_outputs
    if others and all(relative_difference(output, first) <= tolerance.relative for output in others):
        raise PackError(
            "the model gives the same raw outputs for all golden samples, so they would notice no fault",
            code="pack.golden",
            hint="are the weights loaded? give samples that the model tells apart",
        )
