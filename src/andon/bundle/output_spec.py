"""
What the raw outputs of a graph mean, and how scores become a verdict: `output` and `decision` of the manifest.

It knows nothing of how either is done.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from andon.bundle.fields import CodeName, Label, Ratio, Strict
from andon.bundle.json_text import quoted


class OutputSpec(Strict, frozen=True, kw_only=True):
    """What the raw outputs mean."""

    labels: Annotated[tuple[Label, ...], Meta(min_length=1, max_length=100_000)]
    """One name a class, in the order of the raw outputs. Two classes may share a name."""
    kind: Literal["logits", "probabilities"] = "logits"
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
    """Turns raw outputs into scores; `none` for a graph that ends in probabilities."""
    finish: CodeName | None = None
    """The author's own Python in place of the activation; see `pack`."""

    def __post_init__(self) -> None:
        if (self.kind == "probabilities") != (self.activation == "none"):
            raise ValueError(f"kind {self.kind!r} does not go with activation {self.activation!r}")

    @property
    def shape(self) -> tuple[int | None, ...] | None:
        """The shape of one image's raw output, None for an open side; None as a whole before the author's own code."""
        return None if self.finish is not None else self.finished_shape

    @property
    def finished_shape(self) -> tuple[int | None, ...]:
        """The shape of what is made of one image's raw output: a score a label."""
        return (len(self.labels),)


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
    """Labels of good parts; there need be none where each label has a score of its own, as with a sigmoid."""
    thresholds: dict[Label, Threshold] = msgspec.field(default_factory=dict)
    """Limits for labels of bad parts; a label without limits counts when it is the best one."""


def check_decision(decision: DecisionSpec | None, output: OutputSpec) -> None:
    """
    Raise ValueError where a decision names a label that the output does not have.

    A threshold for an OK label is an error too: thresholds tell when a part is bad. And scores
    that are shared out among all labels need one that is good.
    """
    if decision is None:
        return
    if not decision.ok_labels and output.kind == "logits" and output.activation == "softmax":
        raise ValueError("ok_labels is empty: with a softmax one of the labels must be that of a good part")
    for label in (*decision.ok_labels, *decision.thresholds):
        if label not in output.labels:
            raise ValueError(f"the decision names the label {quoted(label)}, which the output does not have")
    for label in decision.ok_labels:
        if label in decision.thresholds:
            raise ValueError(
                f"{quoted(label)} is an OK label and cannot have a threshold; give one to the labels of bad parts"
            )
