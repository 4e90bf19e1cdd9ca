"""Tests of declarations in words."""

from typing import Any

import msgspec
import pytest

from andon.bundle.input_spec import InputSpec
from andon.bundle.manifest import Execution
from andon.bundle.output_spec import DecisionSpec, OutputSpec
from andon.cli.declarations import (
    decision_in_words,
    execution_in_words,
    input_in_words,
    labels_in_words,
    output_in_words,
)

CLASSES = OutputSpec(labels=("ok", "scratch"))


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
        (
            {"mode": "letterbox", "size": [48, 64], "pad": 7},
            "fitted into 64 x 48 with a border of grey 7, bilinear, "
            "sides rounded: nearest, in the middle, offset rounded: floor",
        ),
        (
            {
                "mode": "letterbox",
                "size": [48, 48],
                "pad": [1, 2, 3],
                "antialias": False,
                "enlarge": False,
                "position": "top_left",
            },
            "fitted into 48 x 48 and not enlarged with a border of colour (1, 2, 3), bilinear as OpenCV without "
            "antialias, sides rounded: nearest, upper left",
        ),
    ],
)
def test_every_way_to_resize_has_its_words(resize: dict[str, Any], words: str) -> None:
    """What each mode does to the proportions is said."""
    assert input_in_words(msgspec.convert({"resize": resize}, InputSpec))[1] == words


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ({"depth": 16}, "L, 16 bits a channel, as stored, levels 0 to 65535"),
        (
            {"depth": 12, "range": [100, 4000], "to_8_bits": "floor"},
            "L, 12 bits a channel, as stored, levels 100 to 4000, rounded down to 8 bits",
        ),
    ],
)
def test_levels_of_deep_images_are_told(declared: dict[str, Any], words: str) -> None:
    """Which of them are black and white, and whether 8 bits are made of them."""
    assert input_in_words(msgspec.convert({"color": "L", **declared}, InputSpec))[0] == words


def test_the_border_of_a_crop_is_told_where_it_is_not_black() -> None:
    """Black is what everybody expects."""
    spec = msgspec.convert({"crop": {"size": [9, 9], "pad": 7}}, InputSpec)
    assert input_in_words(spec)[2].endswith("offset rounded: nearest, a border of grey 7 around a smaller image")


def test_only_the_first_labels_are_shown() -> None:
    """A thousand labels do not fill the terminal; that there are more is said."""
    assert labels_in_words(OutputSpec(labels=("ok", "bad"))) == "2 labels: ok; bad"
    assert labels_in_words(OutputSpec(labels=("a", "b", "c", "d"))) == "4 labels: a; b; c; ..."


def test_a_decision_is_told_rule_by_rule() -> None:
    """The good labels, each threshold, and what happens to the rest; without a decision what that means."""
    decision = msgspec.convert(
        {"ok_labels": ["ok", "dust"], "thresholds": {"scratch": {"low": 0.3, "high": 0.62}}}, DecisionSpec
    )
    assert decision_in_words(decision, CLASSES) == [
        "OK: ok; dust",
        "scratch: in doubt from 0.3, NotOK from 0.62",
        "any other label: NotOK where it is the best",
    ]
    assert decision_in_words(None, CLASSES) == ["none: every verdict is Undefined"]


def test_an_execution_is_told_as_in_messages() -> None:
    """Runtime, precision and device."""
    assert execution_in_words(Execution(artifact="onnx", runtime="onnxruntime")) == "onnxruntime fp32 cpu"


@pytest.mark.parametrize(
    ("fields", "good", "other"),
    [
        ({"kind": "boxes"}, "OK: where no label is found", "any other label: NotOK where there is a box of it"),
        ({"kind": "map"}, "OK: where no label is found", "any other label: NotOK from 0.5 on"),
        ({"activation": "sigmoid"}, "OK: where no label is found", "any other label: NotOK from 0.5 on"),
    ],
)
def test_labels_that_are_found_count_otherwise(fields: dict[str, Any], good: str, other: str) -> None:
    """A good part is one on which none is found."""
    output = msgspec.convert({"labels": ["scratch"], **fields}, OutputSpec)
    assert decision_in_words(DecisionSpec(), output) == [good, other]


def test_own_code_stands_where_it_runs() -> None:
    """In place of resize and crop, and of the activation; which floats are not normalised is said."""
    spec = msgspec.convert({"prepare": "parts.images:stretched", "mean": [0.5] * 3}, InputSpec)
    assert input_in_words(spec)[1:] == [
        "prepared by the author's own code: parts.images:stretched",
        "floats that it gives as they are, pixels times 1/255, minus 0.5, divided by 1",
    ]
    output = OutputSpec(labels=("ok", "bad"), finish="parts.images:tempered")
    assert output_in_words(output) == ["logits, finished by the author's own code: parts.images:tempered"]


def test_a_region_and_tiles_are_told_before_what_is_done_with_each() -> None:
    """Sizes are width x height."""
    roi = {"x": 5, "y": 6, "width": 900, "height": 700}
    spec = msgspec.convert({"roi": roi, "tiles": {"size": [256, 512], "overlap": 32}}, InputSpec)
    assert input_in_words(spec)[1:3] == [
        "the region of 900 x 700 at (5, 6)",
        "cut into tiles of 512 x 256 that share 32 or more, the worst decides; of each:",
    ]
    spec = msgspec.convert({"tiles": {"size": [256, 512], "overlap": 32, "merge": "mean"}}, InputSpec)
    assert "all decide together" in input_in_words(spec)[1]


def test_the_rules_of_boxes_are_told() -> None:
    """Those that are usual too."""
    assert output_in_words(CLASSES) == ["logits, activation softmax"]
    boxes = OutputSpec(labels=("dent",), kind="boxes", activation="none")
    assert output_in_words(boxes) == [
        "boxes, activation none",
        "xyxy in pixels, from a score of 0.25 on, overlapping 0.5 at most, 300 at most",
    ]
