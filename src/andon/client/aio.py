"""The client of asyncio: conversations are carried out without blocking the event loop."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Iterable
from typing import Self

from andon.client.answers import ServedModel
from andon.client.batches import DEFAULT_BATCH_SIZE, REQUESTS_AT_ONCE, Batches, take
from andon.client.connections import AsyncConnections
from andon.client.conversation import converse_with
from andon.client.drive import drive_async
from andon.client.messages import Conversation, Result
from andon.client.options import DEFAULT_OPTIONS, ClientOptions, client_closed
from andon.predictions import Prediction
from andon.settings.limits import DEFAULT_LIMITS
from andon.vision.decode import ImageSource


class AsyncClient:
    """
    Asks a running service as `Client` does, from coroutines of one event loop of asyncio.

    Files are read and images encoded in threads. A call that is cancelled closes its connection.

    Args:
        url: As `Client` takes it, and all that follows.
        model: Which of its models to ask.
        version: Which version of that model.
        token: For a service that wants one.
        deadline_s: Seconds for one call, 0.01 to 600.
        options: What is seldom set.

    Raises:
        UsageError: `usage.argument`: an argument cannot be used. Nothing is asked yet.
    """

    def __init__(
        self,
        url: str,
        *,
        model: str | None = None,
        version: str | None = None,
        token: str | None = None,
        deadline_s: float = 30.0,
        options: ClientOptions = DEFAULT_OPTIONS,
    ) -> None:
        self.limits = DEFAULT_LIMITS
        """Bounds on what is sent; set another `Limits` where those of the service differ."""
        self._talk = converse_with(
            url, model=model, version=version, token=token, deadline_s=deadline_s, options=options
        )
        self._connections = AsyncConnections(self._talk.address, options)
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<andon.AsyncClient {self._talk.address.root}{self._talk.predict_path}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections; a call that is under way still gets its answer. May be called twice."""
        self._is_closed = True
        await self._connections.close()

    async def predict(self, image: ImageSource) -> Prediction:
        """
        Have one image predicted.

        Args:
            image: As `Client.predict` takes it; it must not change until the prediction is there.

        Returns:
            As `Client.predict`.

        Raises:
            ServiceError, UsageError: As `Client.predict`.
        """
        since = self._talk.now()
        slot = await asyncio.to_thread(take, image, self.limits)
        return (await self._run(self._talk.predict([slot], since=since)))[0]

    def predict_many(
        self, images: Iterable[ImageSource], *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> AsyncGenerator[Prediction, None]:
        """
        Have many images predicted in order, lazily: two requests are under way while the next is made ready.

        Args:
            images: As `Client.predict_many` takes them; read in threads, one image after the other.
            batch_size: Images in one request, 1 or more.

        Yields:
            As `Client.predict_many`, for `async for`. Whoever stops early should close it, as
            `contextlib.aclosing` does; what is under way is cancelled then.

        Raises:
            ServiceError, UsageError: As `Client.predict_many`.
        """
        return self._predict_batches(Batches(images, batch_size, self.limits))

    async def _predict_batches(self, batches: Batches) -> AsyncGenerator[Prediction, None]:
        waiting: deque[asyncio.Task[list[Prediction]]] = deque()
        try:
            while batch := await asyncio.to_thread(next, batches, None):
                waiting.append(asyncio.create_task(self._run(self._talk.predict(batch))))
                if len(waiting) == REQUESTS_AT_ONCE:
                    for prediction in await waiting.popleft():
                        yield prediction
            while waiting:
                for prediction in await waiting.popleft():
                    yield prediction
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
        if batches.error is not None:
            raise batches.error

    async def models(self) -> list[ServedModel]:
        """
        List the models of the service, the default one first.

        Raises:
            ServiceError, UsageError: As `Client.models`.
        """
        return await self._run(self._talk.models())

    async def is_ready(self) -> bool:
        """
        Ask once whether every model of the service has proven itself and answers.

        Returns:
            As `Client.is_ready`.

        Raises:
            ServiceError, UsageError: As `Client.is_ready`.
        """
        return await self._run(self._talk.is_ready())

    async def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """
        Wait until `is_ready`.

        Args:
            timeout_s: Seconds to wait at most; with 0 it is asked once.

        Raises:
            ServiceError, UsageError: As `Client.wait_until_ready`.
        """
        await self._run(self._talk.wait_until_ready(timeout_s))

    async def _run(self, conversation: Conversation[Result]) -> Result:
        if self._is_closed:
            raise client_closed()
        return await drive_async(conversation, self._connections.send, asyncio.sleep)
