"""Fakes for the tests of clients: a clock that nobody waits for, and a service that is a function."""

import asyncio
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import andon
from andon.client.address import parse_address
from andon.client.conversation import Conversations
from andon.client.drive import drive
from andon.client.messages import Answer, Conversation, Outcome, Result, Send
from andon.client.retry import RetryPolicy
from andon.predictions import Prediction
from tests.support.answers import predictions_json


class FakeClock:
    """Time that passes when somebody sleeps."""

    def __init__(self) -> None:
        self.time_s = 0.0
        self.slept: list[float] = []

    def now(self) -> float:
        """Give the time in seconds."""
        return self.time_s

    def sleep(self, wait_s: float) -> None:
        """Let time pass."""
        self.slept.append(wait_s)
        self.time_s += wait_s


class FakeService:
    """Gives one outcome after the other, the last one again and again; each takes its time."""

    def __init__(self, *outcomes: Outcome | Callable[[Send], Outcome], takes_s: float = 0.0) -> None:
        self.clock = FakeClock()
        self.sent: list[Send] = []
        self._outcomes = outcomes or (Answer(status=200, body=predictions_json()),)
        self._takes_s = takes_s

    def send(self, request: Send) -> Outcome:
        """Take a request."""
        self.sent.append(request)
        self.clock.time_s += self._takes_s
        outcome = self._outcomes[min(len(self.sent), len(self._outcomes)) - 1]
        return outcome(request) if callable(outcome) else outcome

    def talk(self, *, random: float = 0.5, **fields: Any) -> Conversations:
        """Make conversations that use the clock of this service."""
        values: dict[str, Any] = {
            "address": parse_address("http://host:5555/line"),
            "predict_path": "/predict",
            "headers": {},
            "deadline_s": 10.0,
            "policy": RetryPolicy(),
            "now": self.clock.now,
            "random": lambda: random,
        }
        return Conversations(**{**values, **fields})

    def hold(self, conversation: Conversation[Result]) -> Result:
        """Carry a conversation out."""
        return drive(conversation, self.send, self.clock.sleep)


class Blocking:
    """`andon.Client`, as the contract suite asks it."""

    def __init__(self, url: str, **options: Any) -> None:
        self.client = andon.Client(url, **options)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.client.close()

    def predict(self, image: Any) -> Prediction:
        """Ask for one image."""
        return self.client.predict(image)

    def predict_many(
        self, images: Iterable[Any], *, found: list[Prediction] | None = None, **options: Any
    ) -> list[Prediction]:
        """Ask for many, to their end; what came before an error is in `found`."""
        found = [] if found is None else found
        for prediction in self.client.predict_many(images, **options):
            found.append(prediction)
        return found

    def call(self, name: str, *arguments: Any) -> Any:
        """Call any other method."""
        return getattr(self.client, name)(*arguments)


class Looping:
    """`andon.AsyncClient`, with an event loop of its own."""

    def __init__(self, url: str, **options: Any) -> None:
        self.client = andon.AsyncClient(url, **options)
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._runner.run(self.client.close())
        self._runner.close()

    def predict(self, image: Any) -> Prediction:
        """Ask for one image."""
        return self._runner.run(self.client.predict(image))

    def predict_many(
        self, images: Iterable[Any], *, found: list[Prediction] | None = None, **options: Any
    ) -> list[Prediction]:
        """Ask for many, to their end; what came before an error is in `found`."""
        kept: list[Prediction] = [] if found is None else found

        async def collect() -> None:
            async for prediction in self.client.predict_many(images, **options):
                kept.append(prediction)  # noqa: PERF401 -- a comprehension would lose what came before an error

        self._runner.run(collect())
        return kept

    def call(self, name: str, *arguments: Any) -> Any:
        """Call any other method."""

        async def call() -> Any:
            return await getattr(self.client, name)(*arguments)

        return self._runner.run(call())


CLIENTS = {"Client": Blocking, "AsyncClient": Looping}
