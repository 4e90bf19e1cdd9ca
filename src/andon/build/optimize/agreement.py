"""How near the answers of a candidate are to those of the reference, and whether that is near enough: pure numbers."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
from msgspec import Struct

from andon.bundle.evidence import Agreement, Limits, Share
from andon.bundle.manifest import Manifest
from andon.decide import decide
from andon.evaluate.metrics import Rate
from andon.model.steps import Steps
from andon.predictions import Verdict
from andon.tensors import FloatArray
from andon.vision.finish import raw_difference

_Z = 1.959964
"""Standard deviations of an interval of 95 %."""


class Answer(Struct, frozen=True, kw_only=True):
    """What one image came to."""

    raw_output: FloatArray
    scores: FloatArray | None
    """float32 (K,), 0-1; None for boxes, maps, and where the author's own code says what is what."""
    best: int
    """Position of the best label; -1 without scores."""
    verdict: Verdict

    @property
    def margin(self) -> float:
        """How far the two best scores are apart, 0-1; 1 for a single label."""
        if self.scores is None or self.scores.size < 2:
            return 1.0
        second, first = np.partition(self.scores, -2)[-2:]
        return float(first - second)


def answer_of(raw_output: FloatArray, steps: Steps, manifest: Manifest) -> Answer:
    """
    Finish the raw output of one image.

    Raises:
        RuntimeFault: `code.run`, by the author's own code.
    """
    if steps.output.kind not in ("logits", "probabilities") or steps.output.finish is not None:
        return Answer(raw_output=raw_output, scores=None, best=-1, verdict=Verdict.Undefined)
    scores, best = steps.finish(raw_output), int(raw_output.argmax())
    verdict, _ = decide([float(score) for score in scores], manifest.output.labels, manifest.decision, best=best)
    return Answer(raw_output=raw_output, scores=scores, best=best, verdict=verdict)


def compare(
    found: Sequence[Answer],
    expected: Sequence[Answer],
    truths: Sequence[int | None],
    manifest: Manifest,
    limits: Limits,
) -> Agreement:
    """
    Compare answers, image by image.

    Args:
        found: Of the candidate.
        expected: Of the reference, as many.
        truths: Position of the right label; None where it is not known.
        manifest: Its output says how raw outputs are compared, its decision whether there are verdicts.
        limits: Its `clear_margin` says which images are clear.
    """
    pairs = list(zip(found, expected, strict=True))
    worst = max(raw_difference(mine.raw_output, theirs.raw_output, manifest.output) for mine, theirs in pairs)
    agreement = Agreement(images=len(pairs), worst_output=worst if math.isfinite(worst) else None)
    if any(theirs.scores is None for theirs in expected):
        return agreement
    same = [mine.best == theirs.best for mine, theirs in pairs]
    are_clear = [theirs.margin >= limits.clear_margin for _, theirs in pairs]
    counted = are_clear if sum(are_clear) >= limits.min_clear else [True] * len(pairs)
    known = [(*pair, truth) for pair, truth in zip(pairs, truths, strict=True) if truth is not None]
    losses = _measured_losses(known) if len(known) == len(pairs) else [_expected_loss(*pair) for pair in pairs]
    loss, spread = float(np.mean(losses)), _Z * float(np.std(losses)) / math.sqrt(len(losses))
    return Agreement(
        images=agreement.images,
        worst_output=agreement.worst_output,
        same_label=_share(same),
        clear_label=_share(is_same for is_same, is_clear in zip(same, are_clear, strict=True) if is_clear),
        kept=_share(is_same or not counts for is_same, counts in zip(same, counted, strict=True)),
        same_verdict=None
        if manifest.decision is None
        else _share(mine.verdict is theirs.verdict for mine, theirs in pairs),
        loss=loss,
        loss_high=loss + spread,
        largest_change=max(_largest_change(*pair) for pair in pairs),
        accuracy=_share(mine.best == truth for mine, _, truth in known) if known else None,
        reference_accuracy=_share(theirs.best == truth for _, theirs, truth in known) if known else None,
    )


def _measured_losses(known: Sequence[tuple[Answer, Answer, int]]) -> list[float]:
    """Give 1 for each right answer that is lost, -1 for each that is won."""
    return [float(theirs.best == truth) - float(mine.best == truth) for mine, theirs, truth in known]


def _expected_loss(mine: Answer, theirs: Answer) -> float:
    """
    Give what a changed label costs in the reference's own opinion: how much likelier it holds its own label.

    Where its probabilities are right, the mean of this is the share of right answers that is lost.
    """
    return 0.0 if theirs.scores is None else float(theirs.scores[theirs.best] - theirs.scores[mine.best])


def _largest_change(mine: Answer, theirs: Answer) -> float:
    if mine.scores is None or theirs.scores is None:
        return 0.0
    return float(np.abs(mine.scores - theirs.scores).max(initial=0.0))


def _share(same: "Iterator[bool] | Sequence[bool]") -> Share:
    answers = list(same)
    rate = Rate(sum(answers), len(answers))
    low, high = rate.interval()
    return Share(count=rate.count, total=rate.total, low=low, high=high)


def objections(agreement: Agreement, limits: Limits) -> Iterator[str]:
    """
    Say what speaks against a candidate.

    Args:
        agreement: With the reference.
        limits: What must hold.

    Yields:
        A sentence for each limit that does not hold.
    """
    if agreement.kept is None or agreement.clear_label is None:
        if agreement.worst_output is None or agreement.worst_output > limits.max_output:
            yield f"raw outputs are up to {_number(agreement.worst_output)} away, allowed {limits.max_output:g}"
        if agreement.images < limits.min_clear:
            yield f"{agreement.images} images were compared, wanted {limits.min_clear}: give more images"
        return
    few_clear = agreement.clear_label.total < limits.min_clear
    what = "images keep their label," if few_clear else "images keep their label, or were in doubt;"
    objection = next(_against_share(what, agreement.kept, limits), None)
    if objection is not None:
        hint = f" (all count, for only {agreement.clear_label.total} are clear to the model)" if few_clear else ""
        yield f"{objection}{hint}"
    if agreement.same_verdict is not None:
        yield from _against_share("images keep their verdict;", agreement.same_verdict, limits)
    if agreement.loss is not None and agreement.loss > limits.max_loss:
        how = "cost" if agreement.accuracy is not None else "are expected to cost"
        yield (
            f"changed labels {how} {100 * agreement.loss:.2f} points of accuracy, allowed {100 * limits.max_loss:.2f}"
        )
    if agreement.largest_change is not None and agreement.largest_change > limits.max_change:
        yield f"a score moves by {agreement.largest_change:.3f}, allowed {limits.max_change:g}"


def _against_share(what: str, share: Share, limits: Limits) -> Iterator[str]:
    if share.count < limits.min_agreement * share.total:
        yield f"{share.count} of {share.total} {what} wanted {limits.min_agreement:.1%}"
    elif share.low < limits.min_agreement_low:
        yield (
            f"{share.count} of {share.total} {what} which proves {share.low:.1%} at 95 % confidence, "
            f"wanted {limits.min_agreement_low:.1%}: give more images"
        )


def _number(value: float | None) -> str:
    return "infinitely far" if value is None else f"{value:.2g}"
