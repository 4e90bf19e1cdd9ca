"""Readers of scores: of a whole image, of tiles that decide together, and of tiles of which the worst decides."""

from collections.abc import Sequence

import numpy as np

from andon.bundle.output_spec import DecisionSpec
from andon.decide import Objection, conclude, decide, located, objections
from andon.model.part import Part
from andon.predictions import Box, Prediction, Verdict
from andon.tensors import FloatArray
from andon.vision.geometry import Window

MAX_TILES_TOLD = 300
"""Tiles that are not OK, of one image, the worst ones."""


class WholeReader:
    """
    Reads the scores of an image that is not cut up.

    Args:
        labels: In the order of the scores.
        decision: None gives no verdict.
    """

    def __init__(self, labels: Sequence[str], decision: DecisionSpec | None) -> None:
        self._labels = labels
        self._decision = decision
        self._parts: list[Part] = []

    def add(self, part: Part) -> None:
        """Keep the scores."""
        self._parts.append(part)

    def prediction(self) -> Prediction:
        """Give the best label."""
        return self._judged(self._parts[0].finished, self._parts[0].best)

    def _judged(self, scores: FloatArray, best: int | None = None) -> Prediction:
        index = int(scores.argmax()) if best is None else best
        verdict, reasons = decide(scores.tolist(), self._labels, self._decision, best=index)
        return self._made(index, scores, verdict, reasons)

    def _made(
        self, index: int, scores: FloatArray, verdict: Verdict, reasons: tuple[str, ...], boxes: Sequence[Box] = ()
    ) -> Prediction:
        plain = tuple(scores.tolist())
        return Prediction(
            label=self._labels[index],
            index=index,
            score=plain[index],
            scores=plain,
            verdict=verdict,
            reasons=reasons,
            boxes=tuple(boxes),
        )


class MeanReader(WholeReader):
    """Reads the scores of tiles that decide together: their average is judged."""

    def prediction(self) -> Prediction:
        """Give the label that is best on average."""
        stacked = np.stack([part.finished for part in self._parts])
        return self._judged(stacked.mean(axis=0, dtype=np.float64).astype(np.float32))


class WorstReader(WholeReader):
    """
    Reads the scores of tiles of which the worst decides.

    Each tile is judged by itself, and the part is as bad as the worst of them: what would follow
    from the merged scores alone is stricter, for they come from several tiles. A bad label has its
    best score of any tile. Good labels have the scores of that tile where the best of them is
    lowest. Without a decision each label has its best score.
    """

    def prediction(self) -> Prediction:
        """Give what weighs most against the part, or a good label, and each tile that is not OK as a box."""
        scores = self._merged()
        if self._decision is None:
            return self._judged(scores)
        against = self._against(self._decision)
        if not against:
            best = int(np.where(self._is_good, scores, -1).argmax()) if self._is_good.any() else int(scores.argmax())
            reason = f"no bad label reaches its threshold in any of {len(self._parts)} tiles"
            return self._made(best, scores, Verdict.OK, (reason,))
        boxes: dict[Window, Box] = {}
        for objection, part in against:
            boxes.setdefault(part.window, self._box(objection, part))
        verdict, reasons = conclude(self._told(against), otherwise="")
        return self._made(against[0][0].index, scores, verdict, reasons, list(boxes.values())[:MAX_TILES_TOLD])

    @property
    def _is_good(self) -> np.ndarray:
        good = () if self._decision is None else self._decision.ok_labels
        return np.array([label in good for label in self._labels])

    def _merged(self) -> FloatArray:
        stacked = np.stack([part.finished for part in self._parts])
        scores: FloatArray = stacked.max(axis=0)
        if self._is_good.any():
            least_good = stacked[:, self._is_good].max(axis=1).argmin()
            scores[self._is_good] = stacked[least_good, self._is_good]
        return scores

    def _against(self, decision: DecisionSpec) -> list[tuple[Objection, Part]]:
        """List what speaks against the part in each tile, what weighs most first."""
        found = []
        for part in self._parts:
            best = int(part.finished.argmax()) if part.best is None else part.best
            of_part = objections(part.finished.tolist(), self._labels, decision, best=best)
            found += [(objection, part) for objection in of_part]
        return sorted(found, key=lambda pair: pair[0].rank, reverse=True)

    def _told(self, against: Sequence[tuple[Objection, Part]]) -> list[Objection]:
        """Keep of each label what weighs most, and say where that is."""
        tiles: dict[int, list[tuple[Objection, Part]]] = {}
        for objection, part in against:
            tiles.setdefault(objection.index, []).append((objection, part))
        return [located(first, self._box(first, part), others=len(others)) for (first, part), *others in tiles.values()]

    def _box(self, objection: Objection, part: Part) -> Box:
        x, y, width, height = map(float, part.window)
        return Box(
            label=self._labels[objection.index],
            index=objection.index,
            score=objection.score,
            x=x,
            y=y,
            width=width,
            height=height,
        )
