"""Tests of the choice of golden samples, and of what they notice."""

import functools
import io

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from andon.build.author import Author as Truth
from andon.build.golden_set import GOLDEN_SAMPLES, choose, make_golden, mutations, unnoticed
from andon.build.samples import noise, read_samples
from andon.build.sources.torch_reference import answer_of
from andon.bundle.golden import GoldenSample
from andon.bundle.input_spec import InputSpec
from andon.bundle.output_spec import OutputSpec
from andon.errors import PackError
from andon.model.steps import Steps
from tests.support.author import INPUT, LABELS, Author, Net, photos
from tests.support.pictures import deep_photo


def truth(spec: InputSpec | None = None, *, transform: object = None) -> Truth:
    """Give the author's code for the declaration."""
    reference = functools.partial(answer_of, Net().eval())
    steps = Steps(spec or msgspec.convert(INPUT, InputSpec), OUTPUT)
    return Truth(reference, transform or Author(), steps)  # type: ignore[arg-type] # a fake


OUTPUT = OutputSpec(labels=tuple(LABELS))
MADE = [noise((73, 89))]


def golden_of(images: list[Image.Image], author: Truth) -> list[GoldenSample]:
    """Make the golden set of some images."""
    samples = read_samples(images)
    return make_golden(author, samples, [author.measure(sample).best for sample in samples], MADE)


def test_every_mutation_is_noticed_by_photos() -> None:
    """Channels, kernel, one pixel of crop, mean and std: a set of photos sees each."""
    author = truth()
    golden = golden_of(photos(), author)
    assert len(list(mutations(author.spec))) == 6
    assert unnoticed(golden, author.spec) == []


def test_pillow_s_kernel_in_place_of_opencv_s_is_noticed() -> None:
    """The usual fault of a pipeline that was trained with OpenCV and is served with Pillow."""
    resize = {"mode": "exact", "size": [64, 64], "interpolation": "bicubic"}
    of_pillow, of_opencv = (
        {mutation.name for mutation in mutations(msgspec.convert({"resize": {**resize, **extra}}, InputSpec))}
        for extra in ({}, {"antialias": False})
    )
    assert of_opencv - of_pillow == {"Pillow's kernel instead of OpenCV's"}
    area = {**resize, "interpolation": "area", "antialias": False}
    assert len(list(mutations(msgspec.convert({"resize": area}, InputSpec)))) == 7


@pytest.mark.parametrize(
    "image",
    [
        Image.new("RGB", (131, 97), (128, 128, 128)),
        Image.new("RGB", (64, 64), (10, 200, 30)),
        photos(1)[0].convert("L"),
    ],
)
def test_blind_samples_are_enlarged_by_made_ones(image: Image.Image) -> None:
    """Flat and grey images notice little alone; the set that is made of them notices all."""
    author = truth()
    (sample,) = read_samples([image])
    comparison = author.compare(sample)
    alone = GoldenSample(
        name="x",
        encoded=sample.encoded,
        pixels=comparison.pixels,
        model_input=comparison.model_input,
        raw_output=np.zeros(4, np.float32),
    )
    assert unnoticed([alone], author.spec)
    assert unnoticed(golden_of([image], author), author.spec) == []


def test_a_set_that_stays_blind_is_refused() -> None:
    """Where no made image may join it, a set of flat images proves nothing."""
    author = truth()
    samples = read_samples([Image.new("RGB", (80, 80), (90, 90, 90))])
    with pytest.raises(PackError) as caught:
        make_golden(author, samples, [author.measure(samples[0]).best], [])
    assert caught.value.code == "pack.golden"
    assert "would not notice" in caught.value.message


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
@pytest.mark.parametrize("count", [1, 2])
def test_one_image_is_enough(form: str, count: int) -> None:
    """Its copy in the other form tells nothing new, so a made image joins them; so it does for the same image twice."""
    buffer = io.BytesIO()
    photos(1)[0].save(buffer, form)
    golden = golden_of([Image.open(io.BytesIO(buffer.getvalue()))] * count, truth())
    assert len({sample.raw_output.tobytes() for sample in golden}) > 1


def test_the_predicted_classes_take_turns() -> None:
    """The choice covers the classes before it repeats one, and is bounded."""
    samples = read_samples(photos(20))
    best = [truth().measure(sample).best for sample in samples]
    chosen = choose(samples, best)
    classes = [best[position] for position in chosen]
    present = set(best)
    assert len(chosen) == GOLDEN_SAMPLES
    assert set(classes[: len(present)]) == present


def deep_sample(seed: int) -> Image.Image:
    """Make a grey picture of 12 bits."""
    return Image.fromarray(np.roll(deep_photo(64, 48, 12), 7 * seed, axis=1))


def deep_transform(image: Image.Image) -> torch.Tensor:
    """Scale the levels 100 to 3900 to 0-1."""
    return torch.from_numpy(((np.asarray(image).clip(100, 3900) - 100) / 3800).astype(np.float32)[np.newaxis])


def test_a_deep_set_notices_lost_bits_and_another_range() -> None:
    """The two faults of pipelines for 16 bits; only files that have all bits are in it."""
    spec = InputSpec(color="L", depth=12, range=(100, 3900))
    net = torch.nn.Sequential(torch.nn.AvgPool2d(16), torch.nn.Flatten())
    output = OutputSpec(labels=tuple(map(str, range(12))))
    author = Truth(functools.partial(answer_of, net), deep_transform, Steps(spec, output))
    samples = read_samples(map(deep_sample, range(3)))
    golden = make_golden(author, samples, [author.measure(sample).best for sample in samples], [])
    names = [mutation.name for mutation in mutations(spec)]
    assert names[-2:] == ["another range", "levels clipped to 8 bits"]
    assert "channels in the other order" not in names
    assert unnoticed(golden, spec) == []
    assert {sample.name.rpartition(".")[2] for sample in golden} == {"png"}
    assert {sample.pixels.dtype for sample in golden if sample.pixels is not None} == {np.dtype("uint16")}


def test_own_code_that_gives_the_same_for_all_is_refused() -> None:
    """It is not looked at then: another version of it would not be noticed."""
    output = OutputSpec(labels=tuple(LABELS), finish="steps:finish")
    samples = read_samples(photos())
    reference = functools.partial(answer_of, Net().eval())
    for answer, words in ((lambda _: np.full(4, 0.25), "steps:finish gives the same"), (np.tanh, "")):
        author = Truth(reference, Author(), Steps(truth().spec, output, finish=lambda raw, f=answer: np.abs(f(raw))))
        classes = [author.measure(sample).best for sample in samples]
        if not words:
            assert make_golden(author, samples, classes, MADE)[0].finished is not None
            continue
        with pytest.raises(PackError, match=words) as caught:
            make_golden(author, samples, classes, MADE)
        assert caught.value.code == "pack.golden"
