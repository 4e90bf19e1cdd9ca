"""What Andon says of one image: the typed result that every form of deployment returns."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray


class Verdict(enum.IntEnum):
    """The answer for the part, with the names and numbers of OPC UA Machinery Result."""

    Undefined = 0
    """The bundle declares no decision."""
    OK = 1
    """The part is good."""
    NotOK = 2
    """The part is bad."""
    NotDecidable = 3
    """The model is in doubt, or the image could not be used."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """Why there is no prediction for an image."""

    code: str
    """A stable code of `andon.errors.CODES`."""
    message: str
    """One sentence that may be shown to the client."""
    hint: str = ""
    """What to do about it."""


class Box(msgspec.Struct, frozen=True, kw_only=True):
    """One thing or place that was found, in pixels of the image as it is oriented."""

    label: str
    """What it is."""
    index: int
    """The position of `label` among the bundle's labels."""
    score: float
    """0-1."""
    x: float
    """Pixels from the left edge of the image to its own left one."""
    y: float
    """Pixels from the upper edge of the image to its own upper one."""
    width: float
    """Pixels."""
    height: float
    """Pixels."""


class ScoreMap(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """A score for every place of an image, at the resolution of the graph or coarser."""

    scores: NDArray[np.float32]
    """float32 (K, rows, columns), 0-1: a plane for each label of the bundle."""
    x: float
    """Pixels from the left edge of the image to column 0."""
    y: float
    """Pixels from the upper edge of the image to row 0."""
    step_x: float
    """What one column is in pixels of the image."""
    step_y: float
    """What one row is in pixels of the image."""


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """The result for one image; equal in every form of deployment."""

    label: str | None = None
    """What the image shows: the best label, or that of the best box. None where nothing was found, and for a failed
    image."""
    index: int | None = None
    """The position of `label` among the bundle's labels."""
    score: float | None = None
    """The score of `label`, 0-1 for softmax and sigmoid."""
    scores: tuple[float, ...] = ()
    """One score a label, in the order of the bundle's labels; empty for a failed image. Of boxes it is the best one's,
    0 where there is none."""
    verdict: Verdict = Verdict.Undefined
    """What the bundle's decision makes of the scores."""
    reasons: tuple[str, ...] = ()
    """Everything that led to the verdict; empty where it is `Undefined`."""
    boxes: tuple[Box, ...] = ()
    """Where it was found, the best first: boxes of a detection, regions of a map, tiles that are not OK."""
    map: ScoreMap | None = None
    """The map of a segmentation or an anomaly; it is there in Python only, and never sent."""
    timings_ms: Mapping[str, float] = {}
    """Milliseconds spent in `decode`, `prepare`, `infer` and `finish`.

    `infer` is that of the whole batch the image was in.
    """
    device: str = ""
    """Where it was computed, `cpu` or `cuda:N`; empty for a failed image."""
    error: Failure | None = None
    """Why the image failed; None where it did not."""

    def as_json(self) -> dict[str, Any]:
        """Give the plain form that the command line and HTTP answer with; the verdict by its name, without the map."""
        plain = msgspec.to_builtins(msgspec.structs.replace(self, map=None))
        del plain["map"]
        return {**plain, "verdict": self.verdict.name}


def failed(failure: Failure, timings_ms: Mapping[str, float] | None = None) -> Prediction:
    """Give the prediction of an image that cannot be used: `NotDecidable`, with the error as the reason."""
    return Prediction(
        verdict=Verdict.NotDecidable, reasons=(failure.message,), timings_ms=timings_ms or {}, error=failure
    )
