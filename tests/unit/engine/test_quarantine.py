"""An image that has ended two workers is known again, and no other one is taken for it."""

import numpy as np
import pytest

from andon.engine.base import Job, Priority
from andon.engine.quarantine import REMEMBERED_S, Quarantine
from andon.tensors import PixelArray

PIXELS = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)


def job(image: bytes | PixelArray, model: str = "m", priority: Priority = Priority.line) -> Job:
    """Make a job."""
    return Job(model=model, image=image, priority=priority)


@pytest.mark.parametrize(
    ("image", "same"),
    [
        (b"image", b"image"),
        (b"", b""),
        (PIXELS, PIXELS.copy()),
        (PIXELS, np.ascontiguousarray(PIXELS.transpose(2, 1, 0)).transpose(2, 1, 0)),
    ],
    ids=["bytes", "nothing", "pixels", "pixels that lie otherwise"],
)
def test_the_same_image_is_known_again(image: bytes | PixelArray, same: bytes | PixelArray) -> None:
    """By what it holds, whoever sends it, and however it lies in memory."""
    quarantine = Quarantine()
    assert not quarantine.holds(job(same), 0.0)
    quarantine.add(job(image), 0.0)
    assert quarantine.holds(job(same, priority=Priority.batch), 0.0)
    assert len(quarantine) == 1


@pytest.mark.parametrize(
    "other",
    [
        job(b"imagf"),
        job(b"image "),
        job(b"image", model="n"),
        job(PIXELS.tobytes()),
        job(PIXELS.reshape(4, 2, 3)),
        job(PIXELS[::-1]),
        job(PIXELS.reshape(6, 4).view(np.uint16)),
        job(PIXELS, model="n"),
    ],
)
def test_another_image_or_another_model_is_let_through(other: Job) -> None:
    """Also one of as many bytes, or of the same bytes in another shape."""
    quarantine = Quarantine()
    quarantine.add(job(b"image"), 0.0)
    quarantine.add(job(PIXELS), 0.0)
    assert not quarantine.holds(other, 0.0)


def test_pixels_of_the_same_bytes_and_shape_but_another_depth_differ() -> None:
    """They are another image."""
    quarantine = Quarantine()
    quarantine.add(job(np.zeros((2, 2), np.uint16)), 0.0)
    assert not quarantine.holds(job(np.zeros((2, 2), np.int16)), 0.0)  # type: ignore[arg-type] # of the test


def test_the_oldest_of_a_thousand_is_forgotten() -> None:
    """So that nothing grows for ever; to send one again counts once."""
    quarantine = Quarantine()
    for _ in range(2):
        for number in range(1000):
            quarantine.add(job(b"%d" % number), 0.0)
    assert len(quarantine) == 1000
    assert quarantine.holds(job(b"0"), 0.0)
    quarantine.add(job(b"1000"), 0.0)
    assert len(quarantine) == 1000
    assert not quarantine.holds(job(b"0"), 0.0)
    assert quarantine.holds(job(b"1"), 0.0)
    assert quarantine.holds(job(b"1000"), 0.0)


def test_an_image_whose_size_nobody_has_is_not_even_looked_at() -> None:
    """It costs next to nothing then, however large it is."""
    quarantine = Quarantine()
    quarantine.add(job(b"image"), 0.0)
    read: list[bool] = []

    class Watched(np.ndarray):
        def tobytes(self, order: str = "C") -> bytes:  # type: ignore[override]
            read.append(True)
            return super().tobytes()

    assert not quarantine.holds(job(np.zeros((9, 9), np.uint8).view(Watched)), 0.0)
    assert read == []
    assert not quarantine.holds(job(np.zeros((1, 5), np.uint8).view(Watched)), 0.0)
    assert read == [True]


def test_an_image_is_kept_away_for_some_minutes() -> None:
    """What was wrong may have been mended; one that ends workers again is kept away anew."""
    quarantine = Quarantine()
    quarantine.add(job(b"first"), 0.0)
    quarantine.add(job(b"other"), 100.0)
    assert quarantine.holds(job(b"first"), REMEMBERED_S - 1)
    quarantine.add(job(b"first"), REMEMBERED_S - 1)
    assert not quarantine.holds(job(b"other"), 100.0 + REMEMBERED_S)
    assert quarantine.holds(job(b"first"), 100.0 + REMEMBERED_S)


def test_a_canary_is_never_kept_away() -> None:
    """Whether a model works must be seen."""
    quarantine = Quarantine()
    quarantine.add(job(b"image"), 0.0)
    assert not quarantine.holds(Job(model="m", image=b"image", is_canary=True), 0.0)
