"""
Which samples become golden, and whether they would notice a wrong preparation.

A set that would not is enlarged by made images that pass through the author's own code, and
refused where that does not help.
"""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from PIL import Image

from andon.build.author import Author, one_thread
from andon.build.samples import Sample, made_sample
from andon.bundle.golden import GoldenSample
from andon.bundle.input_spec import InputSpec, NoResize, Resampling
from andon.bundle.manifest import Tolerance
from andon.bundle.output_spec import OutputSpec
from andon.errors import PackError
from andon.model.prove import check_preparation
from andon.settings.limits import DEFAULT_LIMITS
from andon.tensors import PixelArray, relative_difference
from andon.vision.decode import decode, open_encoded
from andon.vision.finish import raw_difference
from andon.vision.prepare import prepare

GOLDEN_SAMPLES = 6
"""Samples taken from those of the author; more cost start-up time, fewer prove less."""
_LARGE_BYTES = 1024 * 1024
"""Encoded samples above it are taken only where there are no smaller ones."""


class Mutation(Struct, frozen=True):
    """One way in which a preparation goes wrong in the field."""

    name: str
    prepare: Callable[[Image.Image], PixelArray]
    """A decoded image to wrongly prepared pixels (H, W, C)."""
    spec: InputSpec
    """The declaration with which the wrong preparation believes to work."""


def make_golden(
    author: Author,
    samples: Sequence[Sample],
    classes: Sequence[int],
    made: Sequence[Sample],
) -> list[GoldenSample]:
    """
    Make a golden set that would notice a wrong preparation.

    Args:
        author: Answers for made images, too.
        samples: The author's own, which agree with the declaration.
        classes: For each the number of its best class, as the given model answers.
        made: Images that were made here, which agree too; taken where the author's see too little.

    Returns:
        The golden samples, a PNG and a JPEG among them where they are of 8 bits.

    Raises:
        PackError: `pack.golden`: no set was found that would notice.
        MismatchError: A sample in the other form, JPEG or PNG, is transformed otherwise than declared.
    """
    chosen = [samples[position] for position in choose(samples, classes)]
    other_form = missing_form(chosen) if author.spec.depth == 8 else []
    author.require_agreement(other_form)
    chosen += other_form
    golden = [_golden_sample(author, sample, number) for number, sample in enumerate(chosen)]
    for sample in made:
        if not (unnoticed(golden, author.spec) or _untelling(golden, author.output)):
            break
        golden.append(_golden_sample(author, sample, len(golden)))
    _require_noticing(golden, author.spec, author.output)
    return golden


def _require_noticing(golden: Sequence[GoldenSample], spec: InputSpec, output: OutputSpec) -> None:
    if blind := unnoticed(golden, spec):
        raise PackError(
            f"the golden samples would not notice {', '.join(blind)}",
            code="pack.golden",
            hint="give samples of the real size, in colour and with some detail",
        )
    if same := _untelling(golden, output):
        raise PackError(
            f"{same} for all golden samples, so they would notice no fault",
            code="pack.golden",
            hint="are the weights loaded? give samples that the model tells apart",
        )


def _golden_sample(author: Author, sample: Sample, number: int) -> GoldenSample:
    with one_thread():
        measured = author.measure(sample)
    return GoldenSample(
        name=f"golden/inputs/{number}.{sample.suffix}",
        encoded=sample.encoded,
        pixels=measured.pixels,
        model_input=measured.model_input,
        raw_output=measured.expected,
        finished=None if author.output.finish is None else measured.finished,
    )


def choose(samples: Sequence[Sample], classes: Sequence[int]) -> list[int]:
    """Choose positions of at most `GOLDEN_SAMPLES` samples: small files first, the predicted classes in turn."""
    turns: dict[int, int] = {}
    ranks = []
    for position, (sample, best) in enumerate(zip(samples, classes, strict=True)):
        turn = turns[best] = turns.get(best, -1) + 1
        ranks.append((sample.size_bytes > _LARGE_BYTES, turn, position))
    return [position for _, _, position in sorted(ranks)[:GOLDEN_SAMPLES]]


def missing_form(samples: Sequence[Sample]) -> list[Sample]:
    """Encode the first sample in the form, JPEG or PNG, that none of them has, so that both decoders are proven."""
    suffixes = {sample.suffix for sample in samples}
    forms = [form for suffix, form in (("jpg", "JPEG"), ("png", "PNG")) if suffix not in suffixes]
    image = open_encoded(samples[0].encoded, DEFAULT_LIMITS)
    image = image.convert("L" if image.mode in ("1", "L") else "RGB")
    return [made_sample(image, form, f"{samples[0].name} as {form}") for form in forms]


def mutations(spec: InputSpec) -> Iterator[Mutation]:
    """List the wrong preparations that make sense for a declaration."""
    if spec.color in ("RGB", "BGR"):
        flipped = replace(spec, color="BGR" if spec.color == "RGB" else "RGB")
        yield Mutation("channels in the other order", lambda image: prepare(image, flipped), flipped)
    if not isinstance(spec.resize, NoResize):
        kernel = "bicubic" if spec.resize.interpolation == "bilinear" else "bilinear"
        resampled = replace(spec, resize=replace(spec.resize, interpolation=kernel))
        yield Mutation(
            f"{kernel} instead of {spec.resize.interpolation}", lambda image: prepare(image, resampled), resampled
        )
        yield from _other_library(spec, spec.resize)
    for axis, name in ((0, "down"), (1, "right")):
        yield Mutation(f"one pixel {name}", functools.partial(_rolled, spec, axis), spec)
    shifted = replace(spec, mean=tuple(value + 4 * spec.scale for value in spec.mean))
    yield Mutation("another mean", lambda image: prepare(image, spec), shifted)
    widened = replace(spec, std=tuple(value * 1.05 for value in spec.std))
    yield Mutation("another std", lambda image: prepare(image, spec), widened)
    if spec.dtype == "uint16":
        low, high = spec.levels
        cut = replace(spec, range=(low, high - (high - low) // 20))
        yield Mutation("another range", lambda image: prepare(image, spec), cut)
        yield Mutation("levels clipped to 8 bits", lambda image: prepare(image, spec).clip(0, 255), spec)


def _other_library(spec: InputSpec, resize: Resampling) -> Iterator[Mutation]:
    """Give Pillow's kernel where OpenCV's is declared; the other way round needs OpenCV, which may not be there."""
    if not resize.antialias:
        kernel = "box" if resize.interpolation == "area" else resize.interpolation
        widened = replace(spec, resize=replace(resize, interpolation=kernel, antialias=True))
        yield Mutation("Pillow's kernel instead of OpenCV's", lambda image: prepare(image, widened), widened)


def _rolled(spec: InputSpec, axis: int, image: Image.Image) -> PixelArray:
    """Prepare with the crop one pixel off; the edge that is missing is taken from the other side."""
    return np.roll(prepare(image, spec), 1, axis)


def unnoticed(golden: Sequence[GoldenSample], spec: InputSpec) -> list[str]:
    """Name the mutations that no golden sample would notice; of the author's own `prepare` none are known."""
    if spec.prepare is not None:
        return []
    images = [decode(sample.encoded, spec, DEFAULT_LIMITS) for sample in golden]
    return [
        mutation.name
        for mutation in mutations(spec)
        if not any(
            next(check_preparation(sample, mutation.prepare(image), mutation.spec), None)
            for sample, image in zip(golden, images, strict=True)
        )
    ]


def _untelling(golden: Sequence[GoldenSample], output: OutputSpec) -> str:
    """Say what is the same for all, raw outputs or what own code makes of them; empty if nothing is."""
    first, *others = golden
    allowed = Tolerance().relative
    if all(raw_difference(other.raw_output, first.raw_output, output) <= allowed for other in others):
        return "the model gives the same raw outputs"
    if first.finished is None:
        return ""
    finished = (other.finished for other in others if other.finished is not None)
    is_same = all(relative_difference(other, first.finished) <= allowed for other in finished)
    return f"{output.finish} gives the same" if is_same else ""
