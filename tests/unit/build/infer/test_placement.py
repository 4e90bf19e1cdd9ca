"""Tests of where declarations put an image, and of the sizes that tell roundings apart."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.build.infer.placement import differing_size, placement, sizes_around, telling_sizes
from andon.bundle.input_spec import InputSpec, ShorterSide
from andon.vision.prepare import prepare

SIZES = sizes_around(64)
SHORT = {"mode": "shorter_side", "size": 64}
BOX = {"mode": "letterbox", "size": [64, 80]}


def declared(**fields: Any) -> InputSpec:
    """Make a declaration from plain data."""
    return msgspec.convert(fields, InputSpec)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"resize": SHORT}, {"resize": {**SHORT, "rounding": "nearest"}}),
        ({"crop": {"size": [40, 44]}}, {"crop": {"size": [40, 44], "offset": "floor"}}),
        ({"resize": BOX}, {"resize": {**BOX, "rounding": "floor"}}),
        ({"resize": BOX}, {"resize": {**BOX, "offset": "nearest"}}),
        ({"resize": BOX}, {"resize": {**BOX, "position": "top_left"}}),
        ({"resize": BOX}, {"resize": {**BOX, "enlarge": False}}),
    ],
)
def test_two_declarations_are_told_apart_by_an_image_of_the_size_that_is_found(one: Any, other: Any) -> None:
    """At that size, and only at such sizes, they prepare noise differently."""
    first, second = declared(**one), declared(**other)
    size = differing_size(first, second, SIZES)
    assert size is not None
    random = np.random.default_rng(0)
    for width, height in (size, *SIZES[:20]):
        image = Image.fromarray(random.integers(0, 256, (height, width, 3), np.uint8))
        is_same = prepare(image, first).tobytes() == prepare(image, second).tobytes()
        assert is_same == (placement(first, (width, height)) == placement(second, (width, height)))


def test_equal_declarations_differ_nowhere() -> None:
    """A crop of the whole is no crop."""
    square = {"mode": "exact", "size": [32, 32]}
    assert differing_size(declared(resize=square), declared(resize=square, crop={"size": [32, 32]}), SIZES) is None


def test_an_absurd_size_is_placed_nowhere() -> None:
    """It is no reason to tell declarations apart."""
    assert placement(declared(resize=SHORT), (1, 60_000)) == (None,)


def kept_in_proportion(side: int, to: int, of: int) -> int:
    """Round a side as Pillow's thumbnail does for upright images."""
    below = side * to // of or 1
    return min(below, below + 1, key=lambda n: abs(of / side - to / n)) if below * of != side * to else below


@pytest.mark.parametrize(
    ("spec", "rival"),
    [
        (declared(resize={**SHORT, "rounding": "nearest"}), lambda side, to, of: int(side * to / of + 0.5)),
        (declared(resize={**BOX, "rounding": "nearest"}), lambda side, to, of: int(side * to / of + 0.5)),
        (declared(resize={**BOX, "rounding": "nearest"}), lambda side, to, of: math.ceil(side * to / of - 0.5)),
        (declared(resize={**BOX, "rounding": "nearest"}), kept_in_proportion),
        (declared(resize={**BOX, "rounding": "floor"}), lambda side, to, of: side * to // of),
        (declared(resize=SHORT), lambda side, to, of: int(side * (to / of))),
        (declared(resize=SHORT), lambda side, to, of: int(to / (of / side))),
        (declared(resize={**SHORT, "size": 112}), lambda side, to, of: int(side * (to / of))),
        (declared(resize={**SHORT, "size": 112}), lambda side, to, of: int(to * (side / of))),
    ],
)
def test_another_way_to_round_sides_shows_at_a_size(spec: InputSpec, rival: Any) -> None:
    """Half up or down instead of half to even, a thumbnail's rule, exact truncation for that of a factor, and back."""
    assert any(resized(spec, size, rival) != placement(spec, size)[0] for size in telling_sizes(spec, SIZES, []))


def resized(spec: InputSpec, size: tuple[int, int], rival: Any) -> tuple[int, int]:
    """Resize with other arithmetic."""
    if isinstance(spec.resize, ShorterSide):
        to, of = spec.resize.size, min(size)
    else:
        to, of = (80, size[0]) if 80 * size[1] <= 64 * size[0] else (64, size[1])
    return max(1, rival(size[0], to, of)), max(1, rival(size[1], to, of))


def test_a_side_that_is_not_enlarged_is_no_tie() -> None:
    """An image that is left as it is tells nothing of rounding, so another one is asked about."""
    spec = declared(resize={**BOX, "enlarge": False})
    left = [(width, height) for width in range(1, 81) for height in range(1, 65)]
    shrunk = [size for size in telling_sizes(spec, SIZES, left) if size not in left]
    assert any(resized(spec, size, kept_in_proportion) != placement(spec, size)[0] for size in shrunk)
    assert any(
        resized(spec, size, lambda side, to, of: int(side * to / of + 0.5)) != placement(spec, size)[0]
        for size in shrunk
    )


def test_offsets_are_tried_at_both_odd_remainders() -> None:
    """Half to even goes down at one and up at the other; a crop that rounds half up shows at the first."""
    spec = declared(crop={"size": [40, 44]})
    spares = {(width - 44) % 4 for width, _ in telling_sizes(spec, SIZES, []) if width > 44}
    assert {1, 3} <= spares


def test_nothing_is_asked_twice() -> None:
    """Sizes that have been asked tell what they tell."""
    spec = declared(resize={**BOX, "rounding": "floor"})
    assert telling_sizes(spec, SIZES, telling_sizes(spec, SIZES, [])) == []
