"""
What was measured when a bundle was optimised: the member `evidence/optimize.json`, read strictly.

It holds every candidate, those that were refused among them. Nothing of it changes an answer.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from andon.bundle.archive import Bundle
from andon.bundle.fields import Strict, Text
from andon.bundle.json_text import one_line
from andon.bundle.manifest import Precision
from andon.errors import BundleError

EVIDENCE_MEMBER = "evidence/optimize.json"

Count = Annotated[int, Meta(ge=0)]
Fate = Literal["first", "listed", "slower", "refused", "failed"]
"""`first` is preferred, `listed` comes after it, `slower` held and is not listed for it, `failed` did not run."""


class Share(Strict, frozen=True, kw_only=True):
    """A share of cases that were counted, with its interval."""

    count: Count
    total: Count
    low: float
    """Lower end of the Wilson interval of 95 %, 0-1."""
    high: float


class Agreement(Strict, frozen=True, kw_only=True):
    """How near the answers of a candidate are to those of the reference, on the given images."""

    images: Count
    worst_output: float | None
    """Largest relative difference of raw outputs; null where one of them had no number."""
    same_label: Share | None = None
    """Images whose best label is the same; null for boxes, maps and the author's own `finish`, as all below."""
    clear_label: Share | None = None
    """The same among the images of which the reference is in no doubt."""
    kept: Share | None = None
    """All images but those whose label was clear and is another now; the others are judged by `loss`, unless there
    are too few clear ones."""
    same_verdict: Share | None = None
    """Images with the same verdict; null for a bundle that decides nothing."""
    loss: float | None = None
    """
    What the changed labels cost, 0-1: the share of right answers that is lost where the truth is known, else
    what the reference's own probabilities expect of it. Below 0 for a gain.
    """
    loss_high: float | None = None
    """Upper end of the interval of 95 % of `loss`."""
    largest_change: float | None = None
    """Largest change of the score of any label of any image, 0-1."""
    accuracy: Share | None = None
    """Right answers; null where the truth is not known."""
    reference_accuracy: Share | None = None


class Speed(Strict, frozen=True, kw_only=True):
    """The median of interleaved rounds at one setting, with the graph alone: no decoding, no preparation."""

    threads: Annotated[int, Meta(ge=1)]
    batch: Annotated[int, Meta(ge=1)]
    batch_ms: float
    """Milliseconds of one batch."""

    @property
    def images_per_core_s(self) -> float:
        """Images a second and core."""
        return 1e3 * self.batch / self.batch_ms / self.threads


class CandidateEvidence(Strict, frozen=True, kw_only=True):
    """One candidate and what it came to."""

    artifact: str
    runtime: str
    precision: Precision
    fate: Fate
    reasons: tuple[Text, ...] = ()
    """Why it is refused, or has failed."""
    float_nodes: tuple[Text, ...] | None = None
    """Of int8: the nodes of the graph that were left as they were, the most sensitive first."""
    golden_difference: float | None = None
    """Largest relative difference to the golden samples."""
    agreement: Agreement | None = None
    speeds: tuple[Speed, ...] = ()

    @property
    def throughput(self) -> float:
        """Images a second and core at the best setting; 0 where nothing was measured."""
        return max((speed.images_per_core_s for speed in self.speeds), default=0.0)

    @property
    def latency_ms(self) -> float | None:
        """Milliseconds of a single image at the best setting; None where that was not measured."""
        return min((speed.batch_ms for speed in self.speeds if speed.batch == 1), default=None)

    @property
    def name(self) -> str:
        """What tables call it."""
        number = len(self.float_nodes or ())
        kept = f", {number} node{'s' if number > 1 else ''} in fp32" if number else ""
        return f"{self.runtime} {self.precision}{kept}"


class Limits(Strict, frozen=True, kw_only=True):
    """What a candidate of another precision must hold."""

    min_agreement: Annotated[float, Meta(ge=0, le=1)] = 0.99
    """Share of the images that keep a clear label, and of those that keep their verdict."""
    min_agreement_low: Annotated[float, Meta(ge=0, le=1)] = 0.97
    """Lower end of the interval of both: it takes 125 images of which none changes, or 185 of which one does."""
    min_clear: Annotated[int, Meta(ge=0)] = 50
    """With fewer clear images all count as clear: scores of a model that is always in doubt say little. Of boxes, maps
    and the author's own `finish` so many images must be compared."""
    clear_margin: Annotated[float, Meta(ge=0, le=1)] = 0.1
    """An image is clear where the two best scores of the reference are at least so far apart."""
    max_loss: Annotated[float, Meta(ge=0, le=1)] = 0.003
    """Share of right answers that the changed labels may cost."""
    max_change: Annotated[float, Meta(ge=0, le=1)] = 0.25
    """How far the score of any label of any image may move."""
    max_output: Annotated[float, Meta(ge=0, le=1)] = 0.05
    """Of boxes, maps and the author's own `finish`: largest relative difference of raw outputs."""


class OptimizeEvidence(Strict, frozen=True, kw_only=True):
    """The whole of `evidence/optimize.json`."""

    format: Literal[1] = 1
    source: str
    """Digest of the bundle that was optimised."""
    data: str
    """SHA-256 over the digests of the given images, in the order of their names; of the golden ones without any."""
    images: Count
    """Images that were compared."""
    reference: Text
    """The execution that the answers were compared with."""
    goal: Literal["throughput", "latency"]
    limits: Limits
    machine: dict[Text, Text | int]
    versions: dict[Text, Text]
    candidates: tuple[CandidateEvidence, ...]
    notes: tuple[Text, ...] = ()


def encode_evidence(evidence: OptimizeEvidence) -> bytes:
    """Write the evidence as indented UTF-8 JSON; equal evidence gives equal bytes."""
    return msgspec.json.format(msgspec.json.encode(evidence), indent=2) + b"\n"


def read_evidence(bundle: Bundle) -> OptimizeEvidence | None:
    """
    Read the evidence of a bundle.

    Returns:
        None for a bundle that was not optimised.

    Raises:
        BundleError: `bundle.field`: it is not what `andon optimize` writes.
    """
    data = bundle.members.get(EVIDENCE_MEMBER)
    if data is None:
        return None
    try:
        return msgspec.json.decode(data, type=OptimizeEvidence)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(
            f"the evidence cannot be read: {one_line(str(error))}",
            code="bundle.field",
            where=f"{bundle.where} › {EVIDENCE_MEMBER}",
            hint="optimise the bundle again with `andon optimize`",
        ) from None
