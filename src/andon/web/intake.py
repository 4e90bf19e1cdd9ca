"""How many bytes of bodies are held at once, of all requests together; what they hold afterwards, the engine counts."""

from types import TracebackType

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

    def counted(self, receive: Receive) -> "Counted":
        """
        Count what one request receives, for as long as it is answered: as a context manager.

        Args:
            receive: As ASGI has it.

        Returns:
            What to receive with instead. It raises EngineError, `engine.full`, for a piece that there is no room for.
        """
        return Counted(self, receive)

    def take(self, piece_bytes: int, own_bytes: int) -> None:
        """
        Hold one more piece of a body.

        Args:
            piece_bytes: Its size.
            own_bytes: What its own request holds already.

        Raises:
            EngineError: `engine.full`: other requests leave no room for it.
        """
        if piece_bytes and self._held_bytes > own_bytes and self._held_bytes + piece_bytes > self._max_bytes:
            raise EngineError(
                f"the bodies of other requests take {self._held_bytes - own_bytes} bytes, and no room is left",
                code="engine.full",
                hint=f"try again in {RETRY_AFTER_S} s, or send less at a time",
            )
        self._held_bytes += piece_bytes

    def give_back(self, size_bytes: int) -> None:
        """Hold so many bytes no longer."""
        self._held_bytes -= size_bytes


class Counted:
    """What one request receives with; a class, for a generator costs every request more."""

    def __init__(self, intake: Intake, receive: Receive) -> None:
        self._intake = intake
        self._receive = receive
        self._own_bytes = 0

    async def __call__(self) -> Message:
        """Receive, as ASGI has it."""
        message = await self._receive()
        piece_bytes = len(message.get("body", b""))
        self._intake.take(piece_bytes, self._own_bytes)
        self._own_bytes += piece_bytes
        return message

    def __enter__(self) -> "Counted":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._intake.give_back(self._own_bytes)
