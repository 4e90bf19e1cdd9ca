"""One image with the answer of a sound model: asked again and again, it shows that a model still works."""

from collections.abc import Sequence

import numpy as np
from msgspec import Struct

from andon.bundle.golden import GoldenSample
from andon.bundle.manifest import Execution, Manifest, Tolerance
from andon.errors import ImageError, RuntimeFault
from andon.model.batch import prepared_size
from andon.model.part import Part
from andon.model.prove import is_clear
from andon.model.readers import reader_for
from andon.model.steps import Steps
from andon.predictions import Prediction
from andon.vision.finish import highest_of_labels
from andon.vision.geometry import Window


class Canary(Struct, frozen=True, kw_only=True):
    """A question to a loaded model."""

    image: bytes
    """An encoded image."""
    index: int | None
    """The label that must be found; None where any answer will do."""

    def holds(self, prediction: Prediction) -> bool:
        """Ask whether an answer is that of a sound model."""
        return prediction.error is None and self.index in (None, prediction.index)


def choose_canary(samples: Sequence[GoldenSample], execution: Execution, manifest: Manifest, steps: Steps) -> Canary:
    """
    Choose the golden sample to ask with: of those with a clear answer the one of the fewest bytes.

    Where no answer is clear, and with the runtime `null`, any answer will do.
    """
    proves = execution.runtime != "null"
    answers = [_clear_index(sample, execution.tolerance, manifest, steps) if proves else None for sample in samples]
    asked = [(len(sample.encoded), place) for place, sample in enumerate(samples) if answers[place] is not None]
    _, place = min(asked or [(len(sample.encoded), place) for place, sample in enumerate(samples)])
    return Canary(image=samples[place].encoded, index=answers[place])


def _clear_index(sample: GoldenSample, tolerance: Tolerance, manifest: Manifest, steps: Steps) -> int | None:
    """Give the label that a sound model finds in a sample; None for none, and where small differences change it."""
    highest = highest_of_labels(sample.raw_output, manifest.output)
    if highest is None or not is_clear(highest, tolerance):
        return None
    allowed = np.float32(2 * tolerance.relative * np.abs(highest).max())
    found = {_index(sample, shift, manifest, steps) for shift in (-allowed, np.float32(0), allowed)}
    return found.pop() if len(found) == 1 else None


def _index(sample: GoldenSample, shift: np.float32, manifest: Manifest, steps: Steps) -> int | None:
    """Give the label where all scores of the raw output are higher by so much; None for none."""
    raw_output = sample.raw_output.copy()
    raw_output[..., 4 if manifest.output.kind == "boxes" else 0 :] += shift
    height, width = prepared_size(sample.graph_input)
    region = Window(0, 0, width, height)
    reader = reader_for(manifest, region)
    try:
        reader.add(Part(window=region, prepared=(height, width), finished=steps.finish(raw_output)))
        return reader.prediction().index
    except (ImageError, RuntimeFault):
        return None
