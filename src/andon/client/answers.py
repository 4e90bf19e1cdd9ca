"""
What a service answers, read strictly into typed results, or into the error that it stands for.

Fields that are not known are passed over, for the service may be newer; one that is missing or of
another type makes it an answer that is not understood.
"""

from typing import Literal, NoReturn, TypeVar

import msgspec
from msgspec import Struct

from andon.client.messages import Answer, Broken, Outcome
from andon.errors import CODES, ServiceError, first_line
from andon.predictions import Box, Failure, Prediction, Verdict, failed

Read = TypeVar("Read")
VerdictName = Literal["Undefined", "OK", "NotOK", "NotDecidable"]
_ABOUT_THE_IMAGE = ("image.", "runtime.")
"""How the codes of errors begin that `Model.predict` too gives in the prediction; all others are raised."""
_ANOTHER_SERVICE = "does the URL lead to an Andon service, of this version or a newer one?"


class Trace(Struct, frozen=True, kw_only=True):
    """What an error says of the request that came to it."""

    url: str
    request_id: str
    deadline_s: float
    attempts: int = 0

    @property
    def where(self) -> str:
        """The place for people, and the id that the log of the service has too."""
        attempts = f", {self.attempts} attempts" if self.attempts > 1 else ""
        return f"{self.url}, request {self.request_id}{attempts}"


class ServedProof(Struct, frozen=True, kw_only=True):
    """How a model reproduced its golden samples on the machine of the service."""

    holds: bool
    """Whether it is within its tolerance."""
    samples: int
    """Golden samples that were asked."""
    worst_pixel_difference: float
    """In grey levels, 0-255, of the prepared pixels."""
    worst_output_difference: float
    """Of the raw outputs, relative to their size."""
    tolerance: float
    """What `worst_output_difference` may be."""


class ServedPassedOver(Struct, frozen=True, kw_only=True):
    """An execution that the author of a served model would rather have used, and why the service does not."""

    artifact: str
    """The stored form of the model."""
    runtime: str
    """What would execute it, such as `openvino`."""
    precision: str
    """Such as `bf16`."""
    device: str
    """The kind of device, `cpu` or `cuda`."""
    code: str
    """Of the error that says why, as in the reference of errors."""
    reason: str
    """Its message."""


class ServedModel(Struct, frozen=True, kw_only=True):
    """One model of a service; what is not known before it is loaded is None."""

    name: str
    """The name in its manifest; while it is loading, that of its file."""
    version: str | None
    """The first 12 hex digits of its digest."""
    digest: str | None
    """SHA-256 of its `bundle.json`, 64 hex digits."""
    task: str | None
    """`classification`."""
    labels: tuple[str, ...]
    """The labels, in the order of `Prediction.scores`; empty before it is loaded."""
    runtime: str | None
    """What executes it, such as `onnxruntime`."""
    precision: str | None
    """Such as `fp32`."""
    device: str | None
    """The kind of device, `cpu` or `cuda`."""
    devices: tuple[str, ...]
    """Where a copy of it computes: `cpu` alone, or cards; empty before it is loaded."""
    state: str
    """`loading`, `ready` or `failed`; a newer service may have further ones."""
    reason: str | None
    """Why it is not ready."""
    proof: ServedProof | None
    """What came of its golden samples; None before that, and for the runtime `null`."""
    passed_over: tuple[ServedPassedOver, ...] = ()
    """Executions of its bundle that come before the one in use; empty too from a service that does not tell."""
    orientation: str | None = None
    """`stored`, or `exif` where boxes are in pixels of the image as EXIF turns it; None where that is not told."""
    is_default: bool = False
    """Whether a client that names no model asks this one."""


class _Item(Struct, frozen=True):
    """One prediction on the wire; every field is always there."""

    label: str | None
    index: int | None
    score: float | None
    scores: tuple[float, ...]
    verdict: VerdictName
    reasons: tuple[str, ...]
    boxes: tuple[Box, ...]
    timings_ms: dict[str, float]
    device: str
    error: Failure | None

    def as_prediction(self) -> Prediction:
        return Prediction(
            label=self.label,
            index=self.index,
            score=self.score,
            scores=self.scores,
            verdict=Verdict[self.verdict],
            reasons=self.reasons,
            boxes=self.boxes,
            timings_ms=self.timings_ms,
            device=self.device,
            error=self.error,
        )


class _Predictions(Struct, frozen=True):
    predictions: list[_Item]


class _Models(Struct, frozen=True):
    default: str
    models: list[ServedModel]


class _Problem(Struct, frozen=True):
    """A problem of RFC 9457 with our code."""

    code: str
    detail: str
    hint: str = ""


class _ModelState(Struct, frozen=True):
    name: str
    state: str
    reason: str | None = None


class _Readiness(Struct, frozen=True):
    models: list[_ModelState]


def answer_of(outcome: Outcome, trace: Trace) -> Answer:
    """
    Give the answer that came.

    Raises:
        ServiceError: `client.connection`, `client.deadline`, or `client.answer` for one too large.
    """
    if isinstance(outcome, Answer):
        return outcome
    raise _error_of_broken(outcome, trace)


def _error_of_broken(broken: Broken, trace: Trace) -> ServiceError:
    if broken.kind == "late":
        return ServiceError(
            f"no answer within {trace.deadline_s:g} s",
            code="client.deadline",
            where=trace.where,
            hint="allow more with deadline_s, or see at /metrics of the service what it is busy with",
            request_id=trace.request_id,
        )
    if broken.kind == "oversize":
        return ServiceError(
            broken.reason, code="client.answer", where=trace.where, hint=_ANOTHER_SERVICE, request_id=trace.request_id
        )
    happened = "cannot be reached" if broken.kind == "unreachable" else "broke off, or did not speak HTTP"
    return ServiceError(
        f"the service {happened}: {broken.reason}",
        code="client.connection",
        where=trace.where,
        hint="does `andon serve` run there, and does a browser on this machine see the URL?",
        request_id=trace.request_id,
    )


def predictions_of(answer: Answer, count: int, trace: Trace) -> list[Prediction]:
    """
    Read the predictions of `count` images.

    Raises:
        ServiceError: What the service says, or `client.answer`. What it says of the only image
            is no error but its prediction.
    """
    if answer.status != 200:
        error = error_of(answer, trace)
        if count == 1 and error.code.startswith(_ABOUT_THE_IMAGE):
            return [failed(Failure(code=error.code, message=error.message, hint=error.hint))]
        raise error
    items = _read(answer, _Predictions, trace).predictions
    if len(items) != count:
        _refuse(f"expected {count} predictions, got {len(items)}", trace)
    return [item.as_prediction() for item in items]


def models_of(answer: Answer, trace: Trace) -> list[ServedModel]:
    """
    Read the list of models.

    Raises:
        ServiceError: What the service says, or `client.answer`.
    """
    if answer.status != 200:
        raise error_of(answer, trace)
    found = _read(answer, _Models, trace)
    # Of several versions the first is asked where none is named.
    default = next((place for place, model in enumerate(found.models) if model.name == found.default), None)
    return [msgspec.structs.replace(model, is_default=place == default) for place, model in enumerate(found.models)]


def says_ready(outcome: Outcome, trace: Trace) -> bool:
    """
    Read whether a service is ready; one that cannot be reached, or does not answer in time, is not.

    Raises:
        ServiceError: It answers neither yes nor no.
    """
    if isinstance(outcome, Broken):
        if outcome.kind == "oversize":
            raise _error_of_broken(outcome, trace)
        return False
    # A proxy says 502 or 504 while its service is starting.
    if outcome.status in (200, 502, 503, 504):
        return outcome.status == 200
    raise error_of(outcome, trace)


def why_unready(outcome: Outcome) -> str:
    """Say in a few words what kept a service from being ready."""
    if isinstance(outcome, Broken):
        return outcome.reason
    try:
        found = msgspec.json.decode(outcome.body, type=_Readiness)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return f"it answers {outcome.status}"
    waiting = [f"{m.name} is {m.state}: {m.reason}" for m in found.models if m.state != "ready"]
    return "; ".join(waiting) or f"it answers {outcome.status}"


def error_of(answer: Answer, trace: Trace) -> ServiceError:
    """Make the error that an answer other than 200 stands for."""
    try:
        problem = msgspec.json.decode(answer.body, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _foreign(answer, trace)
    known = problem.code in CODES
    return ServiceError(
        problem.detail if known else f"{problem.detail} [{problem.code}]",
        code=problem.code if known else "client.answer",
        where=trace.where,
        hint=problem.hint,
        request_id=trace.request_id,
    )


def _foreign(answer: Answer, trace: Trace) -> ServiceError:
    """Make the error for an answer that no Andon service gives: of a proxy, or of another program."""
    hint = _ANOTHER_SERVICE
    if 300 <= answer.status < 400:
        hint = f"redirects are not followed; it leads to {answer.headers.get('location', 'nowhere')[:200]!r}"
    kind = answer.headers.get("content-type", "nothing")[:80]
    return ServiceError(
        f"the answer has status {answer.status} and holds {kind!r}, expected the JSON of an Andon service",
        code="client.answer",
        where=trace.where,
        hint=hint,
        request_id=trace.request_id,
    )


def _read(answer: Answer, kind: type[Read], trace: Trace) -> Read:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(first_line(error), trace)


def _refuse(reason: str, trace: Trace) -> NoReturn:
    raise ServiceError(
        f"the answer is not understood: {reason}",
        code="client.answer",
        where=trace.where,
        hint=_ANOTHER_SERVICE,
        request_id=trace.request_id,
    )
