"""Carrying a conversation out: each step is done, and what came of it is handed back. Blocking, and not."""

from collections.abc import Awaitable, Callable

from andon.client.messages import Conversation, Outcome, Result, Send


def drive(
    conversation: Conversation[Result], send: Callable[[Send], Outcome], sleep: Callable[[float], None]
) -> Result:
    """
    Carry out a conversation in the calling thread.

    Args:
        conversation: Not yet begun.
        send: Sends a request and gives its outcome; what it raises ends the conversation.
        sleep: Waits for seconds.
    """
    outcome: Outcome | None = None
    while True:
        try:
            step = conversation.send(outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what a generator returns is not typed
        if isinstance(step, Send):
            outcome = send(step)
        else:
            outcome = None
            sleep(step.wait_s)


async def drive_async(
    conversation: Conversation[Result],
    send: Callable[[Send], Awaitable[Outcome]],
    sleep: Callable[[float], Awaitable[None]],
) -> Result:
    """Carry out a conversation as `drive` does, without blocking."""
    outcome: Outcome | None = None
    while True:
        try:
            step = conversation.send(outcome)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # what a generator returns is not typed
        if isinstance(step, Send):
            outcome = await send(step)
        else:
            outcome = None
            await sleep(step.wait_s)
