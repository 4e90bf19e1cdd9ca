"""Readers of places: boxes, and maps in which regions stand out. What is found decides."""

from collections.abc import Sequence

import numpy as np

from andon.bundle.manifest import Manifest
from andon.decide import PRESENT, decide_places
from andon.model.part import Part
from andon.predictions import Box, Prediction, ScoreMap
from andon.vision.boxes import Boxes, merge_boxes, read_boxes
from andon.vision.geometry import Placement, Window, place
from andon.vision.regions import find_regions, join_thin
from andon.vision.score_map import Canvas, shown_map

MAX_REGIONS = 300
"""Regions that are told of one image, the best ones."""


class _PlacesReader:
    """
    What the readers of places share.

    Args:
        manifest: What is declared of the input, the output and the decision.
        region: What is looked at of the image, in pixels.
    """

    def __init__(self, manifest: Manifest, region: Window) -> None:
        self._output = manifest.output
        self._labels = manifest.output.labels
        self._decision = manifest.decision
        self._spec = manifest.input
        self._region = region
        good = () if manifest.decision is None else manifest.decision.ok_labels
        self._is_good = [label in good for label in self._labels]

    def _placement(self, part: Part) -> Placement:
        return place(part.window, self._spec, part.prepared)

    def _made(
        self, scores: Sequence[float], boxes: Sequence[Box], otherwise: int | None, score_map: ScoreMap | None = None
    ) -> Prediction:
        """
        Make the answer.

        Args:
            scores: One a label.
            boxes: The best first.
            otherwise: Position of the label where there is no box; None for none.
            score_map: Of the image, where there is one.
        """
        verdict, reasons = decide_places(boxes, self._decision)
        bad = [box for box in boxes if not self._is_good[box.index]]
        index = next((box.index for box in (*bad, *boxes)), otherwise)
        return Prediction(
            label=None if index is None else self._labels[index],
            index=index,
            score=None if index is None else scores[index],
            scores=tuple(scores),
            verdict=verdict,
            reasons=reasons,
            boxes=tuple(boxes),
            map=score_map,
        )

    def _box(self, index: int, score: float, corners: Sequence[float]) -> Box:
        left, upper, right, lower = (round(float(edge), 2) for edge in corners)
        return Box(
            label=self._labels[index],
            index=index,
            score=score,
            x=left,
            y=upper,
            width=round(right - left, 2),
            height=round(lower - upper, 2),
        )


class BoxesReader(_PlacesReader):
    """Reads rows of boxes. A label has the score of its best box, or 0; the image has the label of the best bad box."""

    def __init__(self, manifest: Manifest, region: Window) -> None:
        super().__init__(manifest, region)
        self._tiles: list[Boxes] = []

    def add(self, part: Part) -> None:
        """Keep the boxes that count."""
        boxes = read_boxes(part.finished, self._output.box_rules, self._placement(part), part.window, self._region)
        self._tiles.append(boxes)

    def prediction(self) -> Prediction:
        """Give the boxes, put together over the seams."""
        found = merge_boxes(self._tiles, self._output.box_rules)
        scores = np.zeros(len(self._labels), np.float32)
        np.maximum.at(scores, found.labels, found.scores)
        boxes = [
            self._box(int(label), float(score), corners)
            for label, score, corners in zip(found.labels, found.scores, found.corners, strict=True)
        ]
        return self._made(scores.tolist(), boxes, None)


class MapReader(_PlacesReader):
    """
    Reads maps. A bad label has its highest score of the map, and a good one its lowest.

    Regions are where a label that is not good scores `low` or more, or 0.5 without thresholds. The
    image has the label of the best region; where there is none, that of the best good label.
    """

    def __init__(self, manifest: Manifest, region: Window) -> None:
        super().__init__(manifest, region)
        self._canvas: Canvas | None = None
        self._whole: ScoreMap | None = None

    def add(self, part: Part) -> None:
        """Lay the map over those before, or keep it where it is that of the whole image."""
        rows, columns = part.finished.shape[1:]
        placement = self._placement(part).of_map(part.prepared, (rows, columns))
        if self._spec.tiles is None:
            self._whole = shown_map(part.finished, placement, self._region)
            return
        if self._canvas is None:
            self._canvas = Canvas(self._region, (placement.step_x, placement.step_y), self._is_good)
        self._canvas.add(part.finished, placement, part.window)

    def prediction(self) -> Prediction:
        """Give the map with its regions."""
        whole = self._whole if self._canvas is None else self._canvas.finished()
        if whole is None:
            raise ValueError("a reader is asked after it was given a part")
        scores = [
            float(plane.min() if is_good else plane.max())
            for plane, is_good in zip(whole.scores, self._is_good, strict=True)
        ]
        boxes = sorted(self._regions(whole), key=lambda box: box.score, reverse=True)[:MAX_REGIONS]
        good = [index for index, is_good in enumerate(self._is_good) if is_good]
        return self._made(scores, boxes, max(good, key=scores.__getitem__, default=None), whole)

    def _regions(self, whole: ScoreMap) -> list[Box]:
        found = []
        for index, plane in enumerate(whole.scores):
            if self._is_good[index]:
                continue
            regions = find_regions(plane, self._limit(index), most=MAX_REGIONS)
            if self._canvas is not None:
                regions = join_thin(regions, self._canvas.cell)
            corners = self._in_pixels(whole, regions.corners)
            found += [
                self._box(index, float(score), edges) for score, edges in zip(regions.scores, corners, strict=True)
            ]
        return found

    def _limit(self, index: int) -> float:
        """Give the score from which on a cell belongs to a region of the label."""
        thresholds = {} if self._decision is None else self._decision.thresholds
        threshold = thresholds.get(self._labels[index])
        return PRESENT if threshold is None else threshold.low

    def _in_pixels(self, whole: ScoreMap, cells: np.ndarray) -> np.ndarray:
        placement = Placement(x=whole.x, y=whole.y, step_x=whole.step_x, step_y=whole.step_y)
        region = self._region
        corners = placement.to_image(cells.astype(np.float32))
        return corners.clip([region.x, region.y] * 2, [region.right, region.bottom] * 2)
