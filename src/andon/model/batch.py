"""Images go through the graph together, and one that fails errs alone. It knows nothing of what the answers mean."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from andon.errors import AndonError, ImageError, RuntimeFault
from andon.model.steps import Steps
from andon.runtimes.base import Session
from andon.tensors import FloatArray, InputArray, fits_shape


class Graph:
    """
    A session with the steps around it; may be used from several threads at once.

    Args:
        session: What runs the graph.
        steps: How an image is prepared, and a raw output finished.
    """

    def __init__(self, session: Session, steps: Steps) -> None:
        self._session = session
        self._steps = steps

    def prepare(self, picture: Image.Image) -> InputArray:
        """
        Bring a decoded image, or a tile of one, to what the graph takes.

        Raises:
            ImageError: As `Steps.prepare`; `image.shape`: the graph takes another size.
            RuntimeFault: `code.run`, by the author's own code.
        """
        pixels = self._steps.prepare(picture)
        wanted = self._session.input_shape
        if wanted is not None and pixels.shape != wanted:
            raise ImageError(
                f"the image has the shape {pixels.shape} after preparing, the model takes {wanted}",
                code="image.shape",
            )
        return pixels

    def run(self, pixels: Sequence[InputArray]) -> list[FloatArray | AndonError]:
        """
        Run a batch; where it fails, run its halves, and theirs, so that only the guilty image errs.

        Args:
            pixels: Of one image each, any number, of any shapes.

        Returns:
            The raw output of each, float32 and finite, or the error in its place.
        """
        if not pixels:
            return []
        if len({image.shape for image in pixels}) > 1:
            return [output for image in pixels for output in self.run([image])]
        try:
            raw_outputs = self._session.run(np.stack(pixels))
        except RuntimeFault as error:
            if len(pixels) == 1:
                return [error]
            middle = len(pixels) // 2
            return [*self.run(pixels[:middle]), *self.run(pixels[middle:])]
        wanted = (len(pixels), *(self._steps.output.shape or raw_outputs.shape[1:]))
        is_empty = not raw_outputs.size and self._steps.output.kind != "boxes"
        if is_empty or not fits_shape(raw_outputs.shape, wanted):
            message = f"the model answers with the shape {raw_outputs.shape}, expected {wanted}"
            return [RuntimeFault(message, code="runtime.output")] * len(pixels)
        return [_finite(raw_output) for raw_output in raw_outputs]

    def finish(self, raw_output: FloatArray) -> tuple[FloatArray, int | None]:
        """
        Turn the raw output of one image into scores, boxes or a map.

        Returns:
            What was finished; and of scores the position of the best, which the raw outputs still
            tell where scores are so near to 1 that they became equal.

        Raises:
            RuntimeFault: `code.run`, by the author's own code.
        """
        finished = self._steps.finish(raw_output)
        is_told = finished.ndim == 1 and self._steps.output.finish is None
        return finished, int(raw_output.argmax()) if is_told else None


def prepared_size(pixels: InputArray) -> tuple[int, int]:
    """Give the height and width of a prepared image: pixels (H, W, C), or floats (C, H, W) of the author's own code."""
    height, width = pixels.shape[1:] if pixels.dtype == np.float32 else pixels.shape[:2]
    return height, width


def _finite(raw_output: FloatArray) -> FloatArray | AndonError:
    if np.isfinite(raw_output).all():
        return raw_output
    return RuntimeFault("the model answers with numbers that are not finite", code="runtime.output")
