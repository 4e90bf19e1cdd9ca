"""Each kind of output has its reader."""

from typing import Any

import msgspec
import pytest

from andon.bundle.manifest import Manifest
from andon.model.places import BoxesReader, MapReader
from andon.model.readers import reader_for
from andon.model.scores import MeanReader, WholeReader, WorstReader
from andon.vision.geometry import Window
from tests.support.bundles import colour_parts

TILES = {"size": [64, 64], "overlap": 16}
SPOTS = {"labels": ["spot"], "activation": "sigmoid"}


@pytest.mark.parametrize(
    ("fields", "reader"),
    [
        ({}, WholeReader),
        ({"input": {"tiles": TILES}, "decision": {"ok_labels": ["red"]}}, WorstReader),
        ({"input": {"tiles": {**TILES, "merge": "mean"}}}, MeanReader),
        ({"task": "detection", "output": {**SPOTS, "kind": "boxes"}}, BoxesReader),
        ({"task": "anomaly", "output": {**SPOTS, "kind": "map"}}, MapReader),
        ({"task": "anomaly", "output": {**SPOTS, "kind": "map"}, "input": {"tiles": TILES}}, MapReader),
    ],
)
def test_the_manifest_chooses_the_reader(fields: dict[str, Any], reader: type) -> None:
    """By the kind, and of scores by the tiles and how they are merged."""
    manifest = msgspec.convert({**colour_parts()[0], **fields}, Manifest)
    assert type(reader_for(manifest, Window(0, 0, 9, 9))) is reader
