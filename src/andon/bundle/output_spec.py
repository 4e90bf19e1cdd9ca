"""
What the raw outputs of a graph mean, and how scores become a verdict: `output` and `decision` of the manifest.

It knows nothing of how either is done.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from andon.bundle.fields import CodeName, Label, Ratio, Strict
from andon.bundle.json_text import quoted

Task = Literal["classification", "anomaly", "detection", "segmentation"]
Kind = Literal["logits", "probabilities", "boxes", "map"]
KINDS: dict[Task, tuple[Kind, ...]] = {
    "classification": ("logits", "probabilities"),
    "anomaly": ("logits", "probabilities", "map"),
    "detection": ("boxes",),
    "segmentation": ("map",),
}
"""What the raw outputs of each task may be."""


class BoxesSpec(Strict, frozen=True, kw_only=True):
    """How the rows of `boxes` are read, and which of them are kept."""

    format: Literal["xyxy", "cxcywh"] = "xyxy"
    """The first four numbers of a row, in pixels of the prepared image: two corners, or the centre and the size."""
    order: Literal["rows", "columns"] = "rows"
    """`rows` for (M, 4 + K), `columns` for (4 + K, M), as some detectors are exported."""
    min_score: Ratio = 0.25
    """Boxes whose best label scores less are dropped."""
    max_overlap: Ratio = 0.5
    """Of two boxes of one label that overlap more (intersection over union), only the better is kept."""
    max_boxes: Annotated[int, Meta(ge=1, le=10_000)] = 300
    """Boxes of one image at most, the best ones."""


class OutputSpec(Strict, frozen=True, kw_only=True):
    """What the raw outputs mean."""

    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=100_000)]
    """One name a class, in the order of the raw outputs. Two classes may share a name."""
    kind: Kind = "logits"
    """Of one image, `logits` and `probabilities`: (K,); `boxes`: (M, 4 + K) or (4 + K, M); `map`: (K, H, W)."""
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    """Turns raw outputs into scores; `none` for a graph that ends in probabilities."""
    boxes: BoxesSpec | None = None
    """Read with the kind `boxes`; null for what is usual."""
    finish: CodeName | None = None
    """The author's own Python in place of the activation; see `pack`."""

    def __post_init__(self) -> None:
        if self.kind in ("logits", "probabilities") and (self.kind == "probabilities") != (self.activation == "none"):
            raise ValueError(f"kind {self.kind!r} does not go with activation {self.activation!r}")
        if self.boxes is not None and self.kind != "boxes":
            raise ValueError(f"boxes are declared, and the kind is {self.kind!r}")

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """The shape of one image's raw output, None for an open side; None as a whole before the author's own code."""
        if self.finish is not None:
            return None
        is_turned = self.kind == "boxes" and self.box_rules.order == "columns"
        return self.finished_shape[::-1] if is_turned else self.finished_shape

    @property
    def box_rules(self) -> BoxesSpec:
        """How the rows of boxes are read."""
        return self.boxes or BoxesSpec()

    @property
    def finished_shape(self) -> tuple[int | None, ...]:
        """The shape of what is made of one image's raw output: scores, boxes with scores, or a map of them."""
        count = len(self.labels)
        shapes: dict[Kind, tuple[int | None, ...]] = {"boxes": (None, 4 + count), "map": (count, None, None)}
        return shapes.get(self.kind, (count,))


class Threshold(Strict, frozen=True, kw_only=True):
    """Where doubt about a label begins and ends."""

    low: Ratio
    """Below it the label is held to be absent."""
    high: Ratio
    """From it on the label is held to be present; between the two nothing is decided."""

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")


class DecisionSpec(Strict, frozen=True, kw_only=True):
    """How scores become a verdict."""

    ok_labels: tuple[Label, ...] = ()
    """Labels of good parts; there need be none where the labels are all of things to find: with boxes and maps."""
    thresholds: dict[Label, Threshold] = msgspec.field(default_factory=dict)
    """Limits for labels of bad parts. A label without limits counts when it is the best one; from 0.5 on in a map, and
    where no label is good; and when there is a box of it."""


def check_decision(decision: DecisionSpec | None, output: OutputSpec) -> None:
    """
    Raise ValueError where a decision names a label that the output does not have.

    A threshold for an OK label is an error too: thresholds tell when a part is bad. Scores that are
    shared out among all labels need one that is good. And a box that is dropped can be in no doubt.
    """
    if decision is None:
        return
    is_softmax = output.kind == "logits" and output.activation == "softmax" and output.finish is None
    if not decision.ok_labels and is_softmax:
        raise ValueError("ok_labels is empty: with a softmax one of the labels must be that of a good part")
    for label in (*decision.ok_labels, *decision.thresholds):
        if label not in output.labels:
            raise ValueError(f"the decision names the label {quoted(label)}, which the output does not have")
    for label in decision.ok_labels:
        if label in decision.thresholds:
            raise ValueError(
                f"{quoted(label)} is an OK label and cannot have a threshold; give one to the labels of bad parts"
            )
    if output.kind == "boxes":
        _require_kept(decision, output.box_rules.min_score)


def _require_kept(decision: DecisionSpec, min_score: float) -> None:
    for label, threshold in decision.thresholds.items():
        if threshold.low < min_score:
            raise ValueError(
                f"{quoted(label)} is in doubt from {threshold.low} on, and boxes below {min_score} are dropped"
            )
