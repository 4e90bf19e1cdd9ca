"""
Which of the declarations worth trying does what the transform does, to the pixel: asked with noise of odd sizes.

Where two are left that differ at some size, an image of that size is made, until there are none.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from PIL import Image

from andon.build.candidates import known_kernels
from andon.build.fit import Values
from andon.build.infer.hypotheses import Layout
from andon.build.infer.made import Size, Studio
from andon.build.infer.oracle import Oracle
from andon.build.infer.placement import differing_size, placement, sizes_around, telling_sizes
from andon.build.infer.refusal import declaration, not_found
from andon.build.infer.values import ValueMap
from andon.build.samples import Sample
from andon.bundle.input_spec import InputSpec, Letterbox, NoResize
from andon.errors import ImageError, PackError
from andon.model.prove import MAX_GREY_LEVELS
from andon.vision.decode import decode
from andon.vision.opencv import has_opencv
from andon.vision.prepare import prepare

ALLOWED = MAX_GREY_LEVELS + 0.02
"""Grey levels that a declaration may be off; the surplus is the noise of float32."""
EXACT = 0.02
"""Grey levels within which it is the same."""
_OTHER_GREY = 4
"""Grey levels that rounding three channels before they become grey may make."""
_MAX_QUESTIONS = 12
"""Images that are made to tell survivors apart, and as many to see that the last one rounds as the transform does."""
_MAX_PAIRS = 60
"""Pairs of survivors that are looked at for one image."""
_TELLING = "telling kernels and roundings apart with noise"


class Survivor(Struct, frozen=True, kw_only=True):
    """A declaration that agrees with the transform so far."""

    spec: InputSpec
    worst: float = 0.0
    """Grey levels that it is off at most."""
    squares: float = 0.0
    """Mean squares of what it is off, added up over the images."""


def eliminate(
    oracle: Oracle,
    studio: Studio,
    values: ValueMap,
    tried: Sequence[InputSpec],
    *,
    sizes: Sequence[Size],
    likely: Sequence[Size],
) -> Survivor:
    """
    Find the declaration that agrees with the transform on all noise.

    Args:
        oracle: The transform.
        studio: Makes the noise.
        values: What the transform makes of grey levels.
        tried: The declarations worth trying, simple ones first.
        sizes: Of the first images.
        likely: Sizes of the author's samples, at which survivors must not differ either.

    Raises:
        PackError: `pack.input`: none agrees, or several do and differ.
    """
    return _Elimination(oracle, studio, values).run([Survivor(spec=spec) for spec in tried], sizes, likely)


def every_kernel(values: ValueMap, layout: Layout) -> Iterator[InputSpec]:
    """Give the declarations that share a layout, with each kernel of both libraries."""
    resize, crop = layout
    if isinstance(resize, NoResize):
        yield replace(values.spec, resize=resize, crop=crop)
        return
    for antialias, kernel_name in known_kernels():
        yield replace(values.spec, resize=replace(resize, interpolation=kernel_name, antialias=antialias), crop=crop)


class _Elimination:
    """Asks about one image after the other, and keeps what agrees."""

    def __init__(self, oracle: Oracle, studio: Studio, values: ValueMap) -> None:
        self._oracle = oracle
        self._studio = studio
        self._values = values
        self._asked: list[Size] = []

    def run(self, left: list[Survivor], sizes: Sequence[Size], likely: Sequence[Size]) -> Survivor:
        """Find the one that is left."""
        for size in sizes:
            left = self._agreeing(left, size)
        searched = sizes_around(self._studio.side, likely)
        for _ in range(_MAX_QUESTIONS):
            pairs = itertools.islice(itertools.combinations(left, 2), _MAX_PAIRS)
            telling = (differing_size(one.spec, other.spec, searched) for one, other in pairs)
            if (asked := next((size for size in telling if size is not None), None)) is None:
                break
            left = self._agreeing(left, asked)
            searched.remove(asked)
        if not self._asked:
            raise not_found("it takes no image that is made here, so nothing could be compared")
        chosen = [_best(left)]
        for size in telling_sizes(chosen[0].spec, searched, self._asked)[:_MAX_QUESTIONS]:
            chosen = self._agreeing(chosen, size)
        return chosen[0]

    def _agreeing(self, left: list[Survivor], size: Size) -> list[Survivor]:
        """Keep what agrees on one more image; what treats it alike is compared once."""
        sample = self._studio.noise(size)
        if size in self._asked or (answer := self._oracle.try_ask(sample, _TELLING)) is None:
            return left
        levels = self._values.levels(answer)
        image = decode(sample.encoded, self._values.spec)
        known: dict[object, tuple[float, float]] = {}
        kept = []
        for survivor in left:
            treatment = (kernel(survivor.spec), pads(survivor.spec), placement(survivor.spec, size))
            if treatment not in known:
                known[treatment] = _off(image, survivor.spec, levels)
            worst, square = known[treatment]
            if worst <= ALLOWED:
                kept.append(replace(survivor, worst=max(survivor.worst, worst), squares=survivor.squares + square))
        if not kept:
            raise self._none_agrees(left, sample, image, levels)
        self._asked.append(size)
        return kept

    def _none_agrees(self, left: list[Survivor], sample: Sample, image: Image.Image, levels: Values) -> PackError:
        guess = min(left, key=lambda survivor: _off(image, survivor.spec, levels)[1]).spec
        worst, _ = _off(image, guess, levels)
        far = f"{worst:.0f} grey levels off" if np.isfinite(worst) else "of another size"
        if self._asked:
            width, height = self._asked[-1]
            held = f"{len(self._asked)} images such as one of {width} x {height}"
            rule = "it rounds sizes otherwise, or treats some images differently"
            reason = f"what agrees on {held} is {far} on this one: {rule}"
        else:
            step = (
                'grey is made after the resize, or otherwise than by Pillow; begin it with image.convert("L")'
                if guess.color in ("L", "LLL") and worst <= _OTHER_GREY
                else "there is a step that cannot be declared, such as a crop before the resize, a second resize, "
                "a blur or a curve"
            )
            reason = f"of {len(left)} declarations with {_libraries()} the nearest is {far}: {step}"
        return not_found(reason, where=sample.name, guess=guess if np.isfinite(worst) else None)


def _libraries() -> str:
    if has_opencv():
        return "all kernels of Pillow and OpenCV"
    return "all kernels of Pillow (and none of OpenCV, which is not installed)"


def _best(left: Sequence[Survivor]) -> Survivor:
    """Give the first that agrees exactly, else the one that is nearest by far."""
    exact = [survivor for survivor in left if survivor.worst < EXACT]
    first, *others = exact or sorted(left, key=lambda survivor: survivor.squares)
    for other in others:
        is_near = other.squares < 2 * first.squares
        if not exact and is_near and (kernel(first.spec), pads(first.spec)) != (kernel(other.spec), pads(other.spec)):
            raise not_found(
                "two declarations agree with it to about one grey level, and neither exactly; the other one is "
                f"input={declaration(other.spec)}",
                guess=first.spec,
            )
    return first


def _off(image: Image.Image, spec: InputSpec, levels: Values) -> tuple[float, float]:
    """Give the worst grey level and the mean square by which a declaration is off; infinity for another shape."""
    try:
        prepared = prepare(image, spec)
    except ImageError:
        return np.inf, np.inf
    if prepared.transpose(2, 0, 1).shape != levels.shape:
        return np.inf, np.inf
    grey = prepared.transpose(2, 0, 1) * 1.0
    if spec.dtype == "uint16":
        grey = (grey - spec.levels[0]) * spec.level
    difference = np.abs(grey - levels)
    return float(difference.max(initial=0)), float(np.square(difference).mean())


def kernel(spec: InputSpec) -> tuple[object, ...]:
    """Give the kernel and its library; nothing where nothing is resized."""
    resize = spec.resize
    return () if isinstance(resize, NoResize) else (resize.interpolation, resize.antialias)


def pads(spec: InputSpec) -> tuple[object, ...]:
    """Give the grey levels of both borders."""
    return (
        spec.resize.pad if isinstance(spec.resize, Letterbox) else None,
        None if spec.crop is None else spec.crop.pad,
    )
