"""The contract of a reader: what the graph has made of the parts of one image becomes one answer."""

from typing import Protocol

from msgspec import Struct

from andon.predictions import Prediction
from andon.tensors import FloatArray
from andon.vision.geometry import Window


class Part(Struct, frozen=True, kw_only=True):
    """A tile of an image, or the whole of one that is not cut up, run through the graph."""

    window: Window
    """What it is of the image, in pixels."""
    prepared: tuple[int, int]
    """Height and width of what was prepared of it, in pixels."""
    finished: FloatArray
    """float32, finite: scores (K,), rows (M, 4 + K) or a map (K, h, w), as the kind of the output says."""
    best: int | None = None
    """Position of the best label, for scores so near to 1 that they became equal; None for the first of the highest."""


class Reader(Protocol):
    """Reads the parts of one image, one after the other; used in one thread."""

    def add(self, part: Part) -> None:
        """Take a part in; a large one is not kept, but what becomes of it."""
        ...

    def prediction(self) -> Prediction:
        """Give the answer for the image, without timings; asked for once, after the last part of at least one."""
        ...
