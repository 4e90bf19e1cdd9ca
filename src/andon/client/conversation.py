"""
What a client says to a service and what it makes of the answers, without a socket and without sleeping.

Each method is a conversation: a generator that yields requests to send and times to wait, is sent
what came of them, and returns the result. Both clients drive the same ones.
"""

import itertools
import random
from collections.abc import Callable, Mapping
from time import monotonic
from uuid import uuid4

import msgspec
from msgspec import Struct

from andon.client.address import Address, parse_address, predict_path
from andon.client.answers import (
    ServedModel,
    Trace,
    answer_of,
    models_of,
    predictions_of,
    says_ready,
    why_unready,
)
from andon.client.batches import Batch, fill, to_send
from andon.client.form import ask_to_predict
from andon.client.messages import Ask, Broken, Conversation, Outcome, Send, Wait
from andon.client.options import MIN_DEADLINE_S, ClientOptions, authorisation, require_deadline
from andon.client.retry import RetryPolicy
from andon.errors import ServiceError
from andon.predictions import Prediction

READY_PAUSE_S = 0.2
"""Between two questions whether a service is ready."""
_MODELS = Ask(method="GET", path="/models")
_READY = Ask(method="GET", path="/ready")
_LATE = Broken(kind="late", reason="the deadline passed")


class Conversations(Struct, frozen=True, kw_only=True):
    """All that a client can talk about; it keeps no state, so conversations may run side by side."""

    address: Address
    predict_path: str
    """Where the model is asked."""
    headers: Mapping[str, str]
    """Sent with every request: token, priority."""
    deadline_s: float
    """For one conversation: all attempts, and all waiting between them."""
    policy: RetryPolicy
    now: Callable[[], float]
    """A clock in seconds that only goes forward."""
    random: Callable[[], float]
    """Numbers from 0 to below 1."""

    def predict(self, batch: Batch, *, since: float | None = None) -> Conversation[list[Prediction]]:
        """
        Have a batch predicted; nothing is sent where none of its images can be used.

        Args:
            batch: Images and, where one cannot be used, its prediction.
            since: When the caller began to wait, by `now`; None for when the first request is made.

        Raises:
            ServiceError: The service refuses, or there is no answer.
        """
        images = to_send(batch)
        if not images:
            return fill(batch, [])
        ask = ask_to_predict(images, self.predict_path)
        outcome, trace = yield from self._ask(ask, self.deadline_s, self.policy, since)
        return fill(batch, predictions_of(answer_of(outcome, trace), len(images), trace))

    def models(self) -> Conversation[list[ServedModel]]:
        """
        List the models of the service.

        Raises:
            ServiceError: As `predict`.
        """
        outcome, trace = yield from self._ask(_MODELS, self.deadline_s, self.policy)
        return models_of(answer_of(outcome, trace), trace)

    def is_ready(self) -> Conversation[bool]:
        """
        Ask once whether the service is ready.

        Raises:
            ServiceError: It answers neither yes nor no.
        """
        outcome, trace = yield from self._ask(_READY, self.deadline_s, RetryPolicy(retries=0))
        return says_ready(outcome, trace)

    def wait_until_ready(self, timeout_s: float) -> Conversation[None]:
        """
        Ask again and again until the service is ready.

        Raises:
            ServiceError: `client.deadline`: it is not ready in time; or it answers neither yes nor no.
        """
        ends = self.now() + timeout_s
        while True:
            patience_s = min(self.deadline_s, max(ends - self.now(), MIN_DEADLINE_S))
            outcome, trace = yield from self._ask(_READY, patience_s, RetryPolicy(retries=0))
            if says_ready(outcome, trace):
                return
            if self.now() + READY_PAUSE_S >= ends:
                raise ServiceError(
                    f"the service is not ready after {timeout_s:g} s: {why_unready(outcome)}",
                    code="client.deadline",
                    where=trace.where,
                    hint="wait longer with timeout_s, or see what the service writes to its log",
                    request_id=trace.request_id,
                )
            yield Wait(READY_PAUSE_S)

    def _ask(
        self, ask: Ask, deadline_s: float, policy: RetryPolicy, since: float | None = None
    ) -> Conversation[tuple[Outcome, Trace]]:
        """Try until there is an outcome to stay with; all attempts have one request id."""
        ends = (self.now() if since is None else since) + deadline_s
        url = self.address.root + ask.path
        trace = Trace(url=url, request_id=uuid4().hex, deadline_s=deadline_s)
        for attempt in itertools.count(1):
            remaining_s = ends - self.now()
            if remaining_s <= 0:
                break
            trace = msgspec.structs.replace(trace, attempts=attempt)
            outcome = yield self._request(ask, trace, remaining_s)
            if outcome is None:
                raise TypeError("a request has an outcome, got None")
            wait_s = policy.decide(attempt, outcome, ends - self.now(), self.random)
            if wait_s is None:
                return outcome, trace
            yield Wait(wait_s)
        return _LATE, trace

    def _request(self, ask: Ask, trace: Trace, remaining_s: float) -> Send:
        # What remains may be less than the least that the service takes.
        deadline_ms = int(1000 * max(remaining_s, MIN_DEADLINE_S))
        headers = {
            "Host": self.address.host,
            "Accept": "application/json, application/problem+json",
            "Accept-Encoding": "identity",
            "User-Agent": "andon",
            "X-Request-Id": trace.request_id,
            "X-Deadline-Ms": str(deadline_ms),
            **self.headers,
        }
        if ask.method == "POST":
            headers |= {"Content-Type": ask.content_type, "Content-Length": str(len(ask.body))}
        return Send(method=ask.method, url=trace.url, headers=headers, body=ask.body, timeout_s=remaining_s)


def converse_with(
    url: str, *, model: str | None, version: str | None, token: str | None, deadline_s: float, options: ClientOptions
) -> Conversations:
    """
    Make the conversations of a client out of what its user says.

    Raises:
        UsageError: `usage.argument`: one of the arguments cannot be used.
    """
    priority = {} if options.priority is None else {"X-Priority": options.priority}
    return Conversations(
        address=parse_address(url),
        predict_path=predict_path(model, version),
        headers={**authorisation(token), **priority},
        deadline_s=require_deadline(deadline_s),
        policy=RetryPolicy(retries=options.retries),
        now=monotonic,
        random=random.random,
    )
