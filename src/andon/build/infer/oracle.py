"""The author's transform as an oracle: asked by images, counted, and excused where it fails on one that was made."""

from collections.abc import Callable

from andon.build.samples import Sample
from andon.build.transform import Transform, apply_transform
from andon.errors import PackError
from andon.tensors import FloatArray

Tell = Callable[[str], None]
"""Told what is being done; may be called often."""


class Oracle:
    """
    Answers what the transform makes of an image.

    Args:
        transform: The author's own.
        tell: Called before each question.
    """

    def __init__(self, transform: Transform, tell: Tell) -> None:
        self._transform = transform
        self._tell = tell
        self.calls = 0

    def ask(self, sample: Sample, what: str) -> FloatArray:
        """
        Give what the transform makes of an image: float32 (C, H, W).

        Raises:
            PackError: `pack.transform`.
        """
        self._tell(what)
        self.calls += 1
        return apply_transform(self._transform, sample)

    def try_ask(self, sample: Sample, what: str) -> FloatArray | None:
        """Do the same; None where the transform does not take the image."""
        try:
            return self.ask(sample, what)
        except PackError:
            return None


def silent(what: str) -> None:
    """Tell nobody."""
