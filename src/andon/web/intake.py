"""How many bytes of bodies are held at once, of all requests together; what they hold afterwards, the engine counts."""

from collections.abc import Iterator
from contextlib import contextmanager

from starlette.types import Message, Receive

from andon.engine.policy import RETRY_AFTER_S
from andon.errors import EngineError


class Intake:
    """
    Counts what is read, and refuses what would be too much.

    Args:
        max_bytes: Of all requests; one that is alone may hold more, for it could never be accepted else.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._held_bytes = 0

    @contextmanager
    def counted(self, receive: Receive) -> Iterator[Receive]:
        """
        Count what one request receives, for as long as it is answered.

        Args:
            receive: As ASGI has it.

        Yields:
            What to receive with instead. It raises EngineError, `engine.full`, for a piece that there is no room for.
        """
        own_bytes = 0

        async def receive_counted() -> Message:
            nonlocal own_bytes
            message = await receive()
            piece_bytes = len(message.get("body", b""))
            if piece_bytes and self._held_bytes > own_bytes and self._held_bytes + piece_bytes > self._max_bytes:
                raise EngineError(
                    f"the bodies of other requests take {self._held_bytes - own_bytes} bytes, and no room is left",
                    code="engine.full",
                    hint=f"try again in {RETRY_AFTER_S} s, or send less at a time",
                )
            own_bytes += piece_bytes
            self._held_bytes += piece_bytes
            return message

        try:
            yield receive_counted
        finally:
            self._held_bytes -= own_bytes
