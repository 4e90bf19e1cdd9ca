"""Tests of declarations in words."""

from typing import Any

import msgspec
import pytest

from andon.bundle.manifest import DecisionSpec, Execution, InputSpec, OutputSpec
from andon.cli.declarations import decision_in_words, execution_in_words, input_in_words, labels_in_words


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (
            {
                "resize": {"mode": "shorter_side", "size": 256, "interpolation": "bicubic"},
                "crop": {"size": [200, 224]},
                "mean": [0.5, 0.5, 0.5],
                "std": [0.2, 0.3, 0.4],
            },
            [
                "RGB, 8 bits a channel, as stored",
                "shorter side to 256, bicubic, longer side rounded: floor",
                "224 x 200 cut out of the middle, offset rounded: nearest",
                "times 1/255, minus 0.5, divided by (0.2, 0.3, 0.4)",
            ],
        ),
        (
            {"color": "L", "orientation": "exif", "scale": 1.0},
            [
                "L, 8 bits a channel, turned as its EXIF orientation says",
                "not resized",
                "times 1, minus 0, divided by 1",
            ],
        ),
    ],
)
def test_the_input_is_told_step_by_step(declared: dict[str, Any], words: list[str]) -> None:
    """Sizes are width x height, as people say them; equal values of the channels are said once."""
    assert input_in_words(msgspec.convert(declared, InputSpec)) == words


@pytest.mark.parametrize(
    ("resize", "words"),
    [
        ({"mode": "exact", "size": [48, 64]}, "resized to 64 x 48 whatever the proportions, bilinear"),
        ({"mode": "letterbox", "size": [48, 64], "pad": 7}, "fitted into 64 x 48 with a border of grey 7, bilinear"),
    ],
)
def test_every_way_to_resize_has_its_words(resize: dict[str, Any], words: str) -> None:
    """What each mode does to the proportions is said."""
    assert input_in_words(msgspec.convert({"resize": resize}, InputSpec))[1] == words


def test_only_the_first_labels_are_shown() -> None:
    """A thousand labels do not fill the terminal; that there are more is said."""
    assert labels_in_words(OutputSpec(labels=("ok", "bad"))) == "2 labels: ok; bad"
    assert labels_in_words(OutputSpec(labels=("a", "b", "c", "d"))) == "4 labels: a; b; c; ..."


def test_a_decision_is_told_rule_by_rule() -> None:
    """The good labels, each threshold, and what happens to the rest; without a decision what that means."""
    decision = msgspec.convert(
        {"ok_labels": ["ok", "dust"], "thresholds": {"scratch": {"low": 0.3, "high": 0.62}}}, DecisionSpec
    )
    assert decision_in_words(decision) == [
        "OK: ok; dust",
        "scratch: in doubt from 0.3, NotOK from 0.62",
        "any other label: NotOK where it is the best",
    ]
    assert decision_in_words(None) == ["none: every verdict is Undefined"]


def test_an_execution_is_told_as_in_messages() -> None:
    """Runtime, precision and device."""
    assert execution_in_words(Execution(artifact="onnx", runtime="onnxruntime")) == "onnxruntime fp32 cpu"
