"""Conversations keep to their deadline, try again as the policy says, and tell who asks. No socket, no sleep."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.client.conversation import READY_PAUSE_S, converse_with
from andon.client.messages import Answer, Broken, Outcome, Send
from andon.client.options import DEFAULT_OPTIONS, ClientOptions
from andon.client.retry import RetryPolicy
from andon.errors import ServiceError, UsageError
from andon.predictions import Prediction
from tests.support.answers import predictions_json, problem_json
from tests.support.clients import FakeService

GOOD = Answer(status=200, body=predictions_json())
FULL = Answer(status=429, body=problem_json("service.unready", "full"))
RESET = Broken(kind="broken", reason="reset")
LATE = Broken(kind="late", reason="late")
READY = Answer(status=200)
UNREADY = Answer(status=503, body=msgspec.json.encode({"models": [{"name": "m", "state": "loading", "reason": "now"}]}))
BATCH = [b"image"]
outcomes = st.lists(st.sampled_from([GOOD, FULL, RESET, LATE, Answer(status=500)]), min_size=1, max_size=6)


def test_a_request_goes_where_the_service_is() -> None:
    """Below its prefix, with the headers of the client and the time that there is."""
    service = FakeService()
    talk = service.talk(predict_path="/predict/scratch", headers={"X-Priority": "line"})
    (prediction,) = service.hold(talk.predict(BATCH))
    assert prediction.label == "red"
    (request,) = service.sent
    assert (request.method, request.url) == ("POST", "http://host:5555/line/predict/scratch")
    assert (request.body, request.timeout_s) == (b"image", 10.0)
    assert request.headers["Host"] == "host:5555"
    assert request.headers["X-Priority"] == "line"
    assert request.headers["X-Deadline-Ms"] == "10000"
    assert request.headers["Content-Length"] == "5"


def test_a_question_without_a_body_says_nothing_of_one() -> None:
    """As HTTP wants it."""
    service = FakeService(READY)
    assert service.hold(service.talk().is_ready())
    assert {"Content-Type", "Content-Length"}.isdisjoint(service.sent[0].headers)


def test_what_need_not_be_sent_is_not_sent() -> None:
    """Images that cannot be used keep their predictions and their places."""
    service = FakeService(Answer(status=200, body=predictions_json(2)))
    bad = Prediction(reasons=("bad",))
    found = service.hold(service.talk().predict([bad, b"a", bad, b"b"]))
    assert [prediction.label for prediction in found] == [None, "red", None, "red"]
    assert service.hold(service.talk().predict([bad])) == [bad]
    assert len(service.sent) == 1


def test_attempts_share_an_id_and_conversations_do_not() -> None:
    """The logs of both sides can be joined."""
    service = FakeService(RESET, FULL, GOOD)
    service.hold(service.talk().predict(BATCH))
    assert len({request.headers["X-Request-Id"] for request in service.sent}) == 1
    service.hold(service.talk().predict(BATCH))
    assert len({request.headers["X-Request-Id"] for request in service.sent}) == 2


def test_waits_double_and_each_attempt_is_told_what_is_left() -> None:
    """Half of 0.25, 0.5 and 1 s, while each attempt takes a second."""
    service = FakeService(RESET, RESET, RESET, GOOD, takes_s=1.0)
    service.hold(service.talk(policy=RetryPolicy(first_wait_s=0.25)).predict(BATCH))
    assert service.clock.slept == [0.125, 0.25, 0.5]
    assert [request.headers["X-Deadline-Ms"] for request in service.sent] == ["10000", "8875", "7625", "6125"]
    assert [request.timeout_s for request in service.sent] == [10, 8.875, 7.625, 6.125]


@pytest.mark.slow
@given(outcomes, st.floats(0.01, 20), st.floats(0, 5), st.integers(0, 6), st.floats(0, 0.999))
def test_no_conversation_sends_or_waits_past_its_deadline(
    given_outcomes: list[Outcome], deadline_s: float, takes_s: float, retries: int, chance: float
) -> None:
    """Whatever the service does, the last request goes out before the deadline, and nothing is waited for after it."""
    service = FakeService(*given_outcomes, takes_s=takes_s)
    begun = service.clock.time_s
    talk = service.talk(deadline_s=deadline_s, policy=RetryPolicy(retries=retries), random=chance)
    with contextlib.suppress(ServiceError):
        service.hold(talk.predict(BATCH))
    assert 1 <= len(service.sent) <= retries + 1
    assert all(0 < request.timeout_s <= deadline_s + 1e-9 for request in service.sent)
    assert all(10 <= int(request.headers["X-Deadline-Ms"]) <= 600_000 for request in service.sent)
    assert service.clock.time_s - begun - takes_s < deadline_s + 1e-6


def test_time_spent_before_counts() -> None:
    """A caller that needed three seconds to encode has seven left; one that needed all of it asks nothing."""
    service = FakeService()
    service.hold(service.talk().predict(BATCH, since=service.clock.time_s - 3))
    assert service.sent[0].headers["X-Deadline-Ms"] == "7000"
    with pytest.raises(ServiceError) as caught:
        service.hold(service.talk().predict(BATCH, since=service.clock.time_s - 10))
    assert caught.value.code == "client.deadline"
    assert len(service.sent) == 1


def test_the_service_is_told_no_less_than_it_takes() -> None:
    """With two milliseconds left, the client waits for no more than these."""
    service = FakeService()
    service.hold(service.talk().predict(BATCH, since=service.clock.time_s - 9.998))
    assert service.sent[0].headers["X-Deadline-Ms"] == "10"
    assert service.sent[0].timeout_s == pytest.approx(0.002)


def test_a_sleep_that_took_too_long_ends_the_conversation() -> None:
    """A machine that was suspended does not send what nobody waits for."""
    service = FakeService(RESET, GOOD)
    conversation = service.talk().predict(BATCH)
    conversation.send(None)
    service.clock.time_s += 5
    conversation.send(RESET)
    service.clock.time_s += 3600
    with pytest.raises(ServiceError) as caught:
        conversation.send(None)
    assert caught.value.code == "client.deadline"


def test_the_last_refusal_is_the_error() -> None:
    """After all attempts the caller hears what the service said, and how often it was asked."""
    service = FakeService(FULL)
    with pytest.raises(ServiceError) as caught:
        service.hold(service.talk().predict(BATCH))
    assert (caught.value.code, caught.value.message) == ("service.unready", "full")
    assert caught.value.where.endswith(", 7 attempts")
    assert len(service.sent) == 7


def test_models_are_asked_as_patiently() -> None:
    """A list is safe to ask for again."""
    service = FakeService(RESET, Answer(status=200, body=b'{"default": "m", "models": []}'))
    assert service.hold(service.talk().models()) == []
    assert [request.url for request in service.sent] == ["http://host:5555/line/models"] * 2


def test_readiness_is_asked_once() -> None:
    """Whoever wants to wait says so."""
    service = FakeService(UNREADY)
    assert service.hold(service.talk().is_ready()) is False
    assert len(service.sent) == 1


def test_waiting_for_a_service_asks_until_it_is_ready() -> None:
    """With a pause between, whatever went wrong before."""
    service = FakeService(Broken(kind="unreachable", reason="refused"), UNREADY, LATE, READY)
    service.hold(service.talk().wait_until_ready(60))
    assert service.clock.slept == [READY_PAUSE_S] * 3
    assert {request.url for request in service.sent} == {"http://host:5555/line/ready"}


@given(st.floats(0, 5), st.floats(0, 3))
def test_waiting_for_a_service_ends_in_time(timeout_s: float, takes_s: float) -> None:
    """It asks at least once, and no question is given more time than there is."""
    service = FakeService(UNREADY, takes_s=takes_s)
    begun = service.clock.time_s
    with pytest.raises(ServiceError, match="m is loading: now") as caught:
        service.hold(service.talk().wait_until_ready(timeout_s))
    assert caught.value.code == "client.deadline"
    assert service.sent
    assert all(request.timeout_s <= max(timeout_s, 0.01) + 1e-9 for request in service.sent)
    assert service.clock.time_s - begun <= timeout_s + takes_s + 1e-6


def test_a_request_without_an_outcome_is_a_mistake_of_ours() -> None:
    """A driver that forgets to say what came of it is told."""
    conversation = FakeService().talk().predict(BATCH)
    assert isinstance(next(conversation), Send)
    with pytest.raises(TypeError, match="outcome"):
        next(conversation)


def test_what_the_user_says_becomes_conversations() -> None:
    """Address, model, token, priority, deadline and retries."""
    options = ClientOptions(retries=7, priority="batch")
    bearer = "s3cret"
    talk = converse_with("http://host", model="scratch", version="1", token=bearer, deadline_s=2, options=options)
    assert (talk.address.root, talk.predict_path) == ("http://host", "/predict/scratch/1")
    assert talk.headers == {"Authorization": f"Bearer {bearer}", "X-Priority": "batch"}
    assert (talk.deadline_s, talk.policy.retries) == (2.0, 7)
    assert talk.now() <= talk.now()
    assert 0 <= talk.random() < 1


def test_a_wrong_deadline_is_refused() -> None:
    """Before anything is asked."""
    with pytest.raises(UsageError):
        converse_with("http://host", model=None, version=None, token=None, deadline_s=0, options=DEFAULT_OPTIONS)
