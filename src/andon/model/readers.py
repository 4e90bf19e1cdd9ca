"""Which reader goes with a manifest."""

from andon.bundle.manifest import Manifest
from andon.model.part import Reader
from andon.model.places import BoxesReader, MapReader
from andon.model.scores import MeanReader, WholeReader, WorstReader
from andon.vision.geometry import Window


def reader_for(manifest: Manifest, region: Window) -> Reader:
    """
    Make the reader for one image.

    Args:
        manifest: Its kind of output, its tiles and its decision say how parts are read.
        region: What is looked at of the image, in pixels.
    """
    if manifest.output.kind == "boxes":
        return BoxesReader(manifest, region)
    if manifest.output.kind == "map":
        return MapReader(manifest, region)
    tiles, labels = manifest.input.tiles, manifest.output.labels
    if tiles is None:
        return WholeReader(labels, manifest.decision)
    return (MeanReader if tiles.merge == "mean" else WorstReader)(labels, manifest.decision)
