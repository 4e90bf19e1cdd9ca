"""Tests of the choice of golden samples, and of what they notice."""

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.build.author import Author as Truth
from andon.build.golden_set import GOLDEN_SAMPLES, choose, make_golden, mutations, probe, unnoticed
from andon.build.transform import read_samples
from andon.bundle.manifest import InputSpec, Tolerance
from andon.errors import PackError
from tests.support.author import INPUT, Author, Net, photos


def truth(spec: InputSpec | None = None, *, transform: object = None) -> Truth:
    """Give the author's code for the declaration."""
    return Truth(Net().eval(), transform or Author(), spec or msgspec.convert(INPUT, InputSpec))  # type: ignore[arg-type] # a fake


def golden_of(images: list[Image.Image], author: Truth) -> list[object]:
    """Make the golden set of some images."""
    measured = [author.measure(sample) for sample in read_samples(images)]
    return list(make_golden(author, measured, Tolerance())[0])


def test_every_mutation_is_noticed_by_photos() -> None:
    """Channels, kernel, one pixel of crop, mean and std: a set of photos sees each."""
    author = truth()
    golden = golden_of(photos(), author)
    assert len(list(mutations(author.spec))) == 6
    assert unnoticed(golden, author.spec) == []  # type: ignore[arg-type] # golden samples


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
    from andon.bundle.golden import GoldenSample

    comparison = author.compare(sample)
    alone = GoldenSample(
        name="x",
        encoded=sample.encoded,
        pixels=comparison.pixels,
        model_input=comparison.model_input,
        raw_output=np.zeros(4, np.float32),
    )
    assert unnoticed([alone], author.spec)
    assert unnoticed(golden_of([image], author), author.spec) == []  # type: ignore[arg-type] # golden samples


def test_a_set_that_stays_blind_is_refused() -> None:
    """Where the author's transform shows nothing of the image, no set can prove anything."""

    def blank(image: Image.Image) -> object:
        return Author()(Image.new("RGB", image.size, (90, 90, 90)))

    author = truth(transform=blank)
    measured = [author.measure(sample) for sample in read_samples([Image.new("RGB", (80, 80), (90, 90, 90))])]
    with pytest.raises(PackError, match="noise that was made for the proof"):
        make_golden(author, measured, Tolerance())


def test_the_predicted_classes_take_turns() -> None:
    """The choice covers the classes before it repeats one, and is bounded."""
    author = truth()
    measured = [author.measure(sample) for sample in read_samples(photos(20))]
    chosen = choose(measured)
    classes = [int(measured[position].raw_output.argmax()) for position in chosen]
    present = {int(item.raw_output.argmax()) for item in measured}
    assert len(chosen) == GOLDEN_SAMPLES
    assert set(classes[: len(present)]) == present


def test_a_probe_is_always_the_same_image() -> None:
    """It is part of the bundle's bytes, so it must not change from run to run."""
    first, second = (probe((56, 56), grey=False, exact=False) for _ in range(2))
    assert first.encoded == second.encoded
    assert probe((30, 40), grey=False, exact=True).open().size == (40, 30)
    assert np.ptp(np.asarray(probe((30, 40), grey=True, exact=True).open()), axis=2).max() == 0
