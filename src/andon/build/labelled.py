"""Samples whose folder says what they are: how often the model is right on them."""

from collections import Counter

from andon.build.samples import Sample
from andon.bundle.output_spec import OutputSpec
from andon.evaluate.metrics import Rate


class Truth:
    """
    Counts right answers for samples that lie in a folder called as a label.

    Args:
        output: Where it is boxes or maps, or there is one label only, nothing is counted: which label is
            the highest somewhere in an image says nothing of what the image is.
    """

    def __init__(self, output: OutputSpec) -> None:
        is_told = output.kind in ("logits", "probabilities") and len(set(output.labels)) > 1
        self._labels = output.labels if is_told else ()
        self._right = 0
        self._truths: Counter[str] = Counter()

    def count(self, sample: Sample, best: int) -> None:
        """Count the best class for one sample; one of which the folder says nothing is passed over."""
        folder = sample.path.absolute().parent.name if sample.path is not None else ""
        if folder in self._labels:
            self._truths[folder] += 1
            self._right += self._labels[best] == folder

    @property
    def accuracy(self) -> Rate | None:
        """The share of right answers; None where no folder said what its samples are."""
        return Rate(self._right, self._truths.total()) if self._truths else None

    @property
    def doubts(self) -> tuple[str, ...]:
        """What to say where the model is right no more often than one label for all, or chance, would be."""
        total = self._truths.total()
        if not total or self._right > self._needed:
            return ()
        ((commonest, count),) = self._truths.most_common(1)
        blind = "guessing" if count == total else f"{commonest!r} for all of them"
        return (
            f"the model is right for {self._right} of {total} labelled samples, no more than {blind} would be "
            f"({self._needed:.0f}): are the preparation and the order of the labels those of the training?",
        )

    @property
    def _needed(self) -> float:
        """How often one is right without looking: with the commonest label, or where there is one only, by chance."""
        total, most = self._truths.total(), max(self._truths.values())
        return total / len(set(self._labels)) if most == total else most
