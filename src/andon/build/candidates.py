"""The preparations that a transform may be doing instead of the declared one: the simplest faults first."""

import itertools
from collections.abc import Iterator, Sequence
from typing import get_args

import numpy as np
from msgspec.structs import replace

from andon.build.fit import Candidate, Evidence, candidate_pixels
from andon.bundle.input_spec import (
    OPENCV_KERNELS,
    PILLOW_KERNELS,
    Crop,
    Exact,
    InputSpec,
    Interpolation,
    Letterbox,
    NoResize,
    Resize,
    ShorterSide,
)
from andon.vision.opencv import has_opencv


def candidates(evidence: Sequence[Evidence], spec: InputSpec) -> Iterator[Iterator[Candidate]]:
    """
    Give groups of candidates, those of one fault before those of two, the declaration itself first.

    Args:
        evidence: The first image tells how far a crop may be off.
        spec: The declaration.
    """
    yield _kernels(spec)
    yield _crop_shifts(spec)
    yield _geometries(spec)
    yield _estimated_shift(evidence[0], spec)
    yield _other_sizes(spec)
    yield _shifted_kernels(spec)


def _kernels(spec: InputSpec) -> Iterator[Candidate]:
    """The declaration itself, with every kernel and both orders of channels."""
    for resize in _with_every_kernel(spec.resize):
        for flipped in (False, True)[: 1 + (spec.channels == 3)]:
            yield Candidate(spec=replace(spec, resize=resize), flipped=flipped)


def _crop_shifts(spec: InputSpec) -> Iterator[Candidate]:
    """The declaration with the crop off by one or two pixels."""
    for right, down in itertools.product(range(-2, 3), repeat=2):
        if (right, down) != (0, 0):
            yield Candidate(spec=spec, shift=(right, down))


def _geometries(spec: InputSpec) -> Iterator[Candidate]:
    """Other ways to come to the declared size, with every kernel."""
    for resize, crop in _other_geometries(spec):
        for kernel in _with_every_kernel(resize):
            yield Candidate(spec=replace(spec, resize=kernel, crop=crop))


def _shifted_kernels(spec: InputSpec) -> Iterator[Candidate]:
    """Two faults at once: another kernel, and the crop off by one pixel."""
    for resize in _with_every_kernel(spec.resize):
        for right, down in itertools.product((-1, 0, 1), repeat=2):
            yield Candidate(spec=replace(spec, resize=resize), shift=(right, down))


def _estimated_shift(evidence: Evidence, spec: InputSpec) -> Iterator[Candidate]:
    """The declaration moved as phase correlation finds it, for crops that are far off."""
    pixels = candidate_pixels(evidence.image, Candidate(spec=spec))
    if pixels is None or pixels.shape != evidence.model_input.shape:
        return
    spectra = [np.fft.rfft2(values.mean(axis=0) - values.mean()) for values in (pixels, evidence.model_input)]
    product = spectra[0] * np.conj(spectra[1])
    shape = pixels.shape[1:]
    peak = np.fft.irfft2(product / np.maximum(np.abs(product), 1e-12), s=shape).argmax()
    down, right = (
        int((at + side // 2) % side - side // 2) for at, side in zip(divmod(peak, shape[1]), shape, strict=True)
    )
    if (right, down) != (0, 0):
        yield from (
            Candidate(spec=replace(spec, resize=kernel), shift=(right, down))
            for kernel in _with_every_kernel(spec.resize)
        )


def _other_sizes(spec: InputSpec) -> Iterator[Candidate]:
    """The declared crop out of an image resized to another shorter side, up to twice the crop."""
    if spec.crop is not None and isinstance(spec.resize, ShorterSide):
        for size in range(min(spec.crop.size), 2 * min(spec.crop.size) + 1):
            yield Candidate(spec=replace(spec, resize=replace(spec.resize, size=size)))


def _with_every_kernel(resize: Resize) -> Iterator[Resize]:
    """The resize as it is, then with the other kernels."""
    yield resize
    if not isinstance(resize, NoResize):
        for antialias, kernel in known_kernels():
            if (antialias, kernel) != (resize.antialias, resize.interpolation):
                yield replace(resize, interpolation=kernel, antialias=antialias)


def known_kernels() -> Iterator[tuple[bool, Interpolation]]:
    """Give `antialias` and `interpolation` of Pillow's kernels, and of OpenCV's where that is installed."""
    for antialias, kernels in ((True, PILLOW_KERNELS), (False, OPENCV_KERNELS if has_opencv() else ())):
        yield from ((antialias, kernel) for kernel in get_args(Interpolation) if kernel in kernels)


def _other_geometries(spec: InputSpec) -> Iterator[tuple[Resize, Crop | None]]:
    resize, crop = spec.resize, spec.crop
    kernel: Interpolation = "bilinear" if isinstance(resize, NoResize) else resize.interpolation
    antialias = isinstance(resize, NoResize) or resize.antialias
    for size in sorted({size for size in (_declared_size(resize), crop.size if crop else None) if size}):
        for fitted in (
            Exact(size=size, interpolation=kernel, antialias=antialias),
            Letterbox(size=size, interpolation=kernel, antialias=antialias),
            Letterbox(size=size, interpolation=kernel, antialias=antialias, pad=0),
            ShorterSide(size=min(size), interpolation=kernel, rounding="floor", antialias=antialias),
            ShorterSide(size=min(size), interpolation=kernel, rounding="nearest", antialias=antialias),
        ):
            yield from ((fitted, cut) for cut in dict.fromkeys((crop, None)) if (fitted, cut) != (resize, crop))
    if crop is not None:
        yield NoResize(), crop
        yield resize, replace(crop, offset="floor" if crop.offset == "nearest" else "nearest")


def _declared_size(resize: Resize) -> tuple[int, int] | None:
    if isinstance(resize, ShorterSide):
        return resize.size, resize.size
    return None if isinstance(resize, NoResize) else resize.size
