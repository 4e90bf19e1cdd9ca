"""One image with the answer of a sound model: asked again and again, it shows that a model still works."""

from collections.abc import Sequence

from msgspec import Struct

from andon.bundle.golden import GoldenSample
from andon.bundle.manifest import Execution
from andon.model.prove import is_clear
from andon.predictions import Prediction


class Canary(Struct, frozen=True, kw_only=True):
    """A question to a loaded model."""

    image: bytes
    """An encoded image."""
    index: int | None
    """The class that must have the best score; None where any will do."""

    def holds(self, prediction: Prediction) -> bool:
        """Ask whether an answer is that of a sound model."""
        return prediction.error is None and self.index in (None, prediction.index)


def choose_canary(samples: Sequence[GoldenSample], execution: Execution) -> Canary:
    """
    Choose the golden sample to ask with: of those with a clear answer the one of the fewest bytes.

    Where no answer is clear, and with the runtime `null`, any answer will do.
    """
    proves = execution.runtime != "null"
    clear = [sample for sample in samples if proves and is_clear(sample.raw_output, execution.tolerance)]
    smallest = min(clear or samples, key=lambda sample: len(sample.encoded))
    return Canary(image=smallest.encoded, index=int(smallest.raw_output.argmax()) if clear else None)
