"""A conversation is carried out step by step, blocking or not."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from andon.client.drive import drive, drive_async
from andon.client.messages import Answer, Conversation, Outcome, Send, Wait

REQUEST = Send(method="GET", url="http://host/", headers={}, body=b"", timeout_s=1)


def blocking(conversation: Conversation[Any], send: Callable[[Send], Outcome], sleep: Callable[[float], None]) -> Any:
    """Carry out with `drive`."""
    return drive(conversation, send, sleep)


def looping(conversation: Conversation[Any], send: Callable[[Send], Outcome], sleep: Callable[[float], None]) -> Any:
    """Carry out with `drive_async`."""

    async def send_async(request: Send) -> Outcome:
        return send(request)

    async def sleep_async(wait_s: float) -> None:
        sleep(wait_s)

    return asyncio.run(drive_async(conversation, send_async, sleep_async))


both = pytest.mark.parametrize("carry_out", [blocking, looping])


@both
def test_each_step_is_done_and_told(carry_out: Callable[..., Any]) -> None:
    """A request gives its outcome, a wait gives nothing, and the result comes back."""
    heard: list[object] = []
    done: list[object] = []

    def conversation() -> Conversation[str]:
        heard.append((yield REQUEST))
        heard.append((yield Wait(0.5)))
        heard.append((yield REQUEST))
        return "result"

    def send(request: Send) -> Outcome:
        done.append(request)
        return Answer(status=200 + len(done))

    assert carry_out(conversation(), send, done.append) == "result"
    assert done == [REQUEST, 0.5, REQUEST]
    assert heard == [Answer(status=201), None, Answer(status=203)]


@both
def test_a_conversation_without_words_has_a_result(carry_out: Callable[..., Any]) -> None:
    """Nothing is sent."""

    def conversation() -> Conversation[int]:
        return 7
        yield REQUEST

    assert carry_out(conversation(), pytest.fail, pytest.fail) == 7


@both
def test_an_error_of_either_side_comes_out(carry_out: Callable[..., Any]) -> None:
    """Of the conversation, and of sending."""

    def failing() -> Conversation[None]:
        yield REQUEST
        raise LookupError("conversation")

    def broken(request: Send) -> Outcome:
        raise LookupError("sending")

    with pytest.raises(LookupError, match="conversation"):
        carry_out(failing(), lambda _: Answer(status=200), pytest.fail)
    with pytest.raises(LookupError, match="sending"):
        carry_out(failing(), broken, pytest.fail)
