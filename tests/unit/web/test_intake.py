"""Tests of the bound on bodies that are held at once."""

import asyncio
from typing import Any

import pytest

from andon.errors import EngineError
from andon.web.intake import Intake


def take(intake: Intake, *sizes: int, meanwhile: Any = None) -> list[int]:
    """Receive pieces of these sizes in one request; then do something, while it is still answered."""
    messages = [{"type": "http.request", "body": bytes(size)} for size in sizes]

    async def receive() -> Any:
        return messages.pop(0)

    async def answer() -> list[int]:
        with intake.counted(receive) as counted:
            received = [len((await counted())["body"]) for _ in sizes]
            if meanwhile is not None:
                await asyncio.to_thread(meanwhile)
            return received

    return asyncio.run(answer())


def refused(intake: Intake, *sizes: int) -> EngineError:
    """Receive, and give the refusal."""
    with pytest.raises(EngineError) as caught:
        take(intake, *sizes)
    return caught.value


def test_bodies_together_have_a_bound() -> None:
    """What others hold leaves so much room, and no more; the message says how much they hold."""
    intake = Intake(100)

    def others() -> None:
        assert take(intake, 20, 20) == [20, 20]
        refusal = refused(intake, 20, 21)
        assert refusal.code == "engine.full"
        assert "take 60 bytes" in refusal.message

    take(intake, 50, 10, meanwhile=others)


def test_what_was_answered_or_refused_is_held_no_longer() -> None:
    """Afterwards there is all the room again."""
    intake = Intake(100)
    take(intake, 60, meanwhile=lambda: refused(intake, 30, 30))
    take(intake, 60, meanwhile=lambda: take(intake, 40))


def test_one_that_is_alone_may_be_larger() -> None:
    """Else it could never be accepted."""
    assert take(Intake(100), 90, 90) == [90, 90]


def test_messages_without_a_body_always_come_through() -> None:
    """Word that the client is gone needs no room."""
    intake = Intake(1)

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def answer() -> Any:
        with intake.counted(receive) as counted:
            return await counted()

    take(intake, 1, meanwhile=lambda: asyncio.run(answer()))
