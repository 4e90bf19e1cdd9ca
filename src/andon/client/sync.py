"""The client that blocks: conversations are carried out in the calling thread."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from time import sleep
from typing import Self

from andon.client.answers import ServedModel
from andon.client.batches import DEFAULT_BATCH_SIZE, REQUESTS_AT_ONCE, Batches, take
from andon.client.connections import Connections
from andon.client.conversation import converse_with
from andon.client.drive import drive
from andon.client.messages import Conversation, Result
from andon.client.options import DEFAULT_OPTIONS, ClientOptions, client_closed
from andon.predictions import Prediction
from andon.settings.limits import DEFAULT_LIMITS
from andon.vision.decode import ImageSource


class Client:
    """
    Asks a running service, with the results that `Model.predict` gives; may be used from several threads at once.

    Connections are kept and used again. They do not survive a fork: make the client after forking.
    It talks to the service alone: redirects are not followed, and no proxy is read from the environment.

    Args:
        url: Where the service is: `http://HOST:PORT`, or `https`, also with a prefix.
        model: Which of its models to ask; None for its default model.
        version: Which version of that model; None for the first that it serves.
        token: For a service that wants one; anybody on the way can read it unless the URL is https.
        deadline_s: Seconds for one call, 0.01 to 600: for encoding, all attempts and the waiting
            between them. The service is told, and does not work on what comes too late.
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
        self._connections = Connections(self._talk.address, options)
        self._is_closed = False

    def __repr__(self) -> str:
        return f"<andon.Client {self._talk.address.root}{self._talk.predict_path}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a call under way in another thread still gets its answer. May be called twice."""
        self._is_closed = True
        self._connections.close()

    def predict(self, image: ImageSource) -> Prediction:
        """
        Have one image predicted.

        Args:
            image: A path or the bytes of an image file, an array uint8 (H, W, 3) in RGB order, uint8
                or uint16 (H, W) of grey, or a Pillow image. The last two travel as PNG, without loss.

        Returns:
            What `Model.predict` gives for the same image, with the timings of the service. An image
            that cannot be used does not raise: its prediction has `error` set, no label, and the
            verdict `NotDecidable`.

        Raises:
            ServiceError: The service refuses, does not answer in time, or cannot be reached.
            UsageError: `usage.argument`: the client is closed.
        """
        since = self._talk.now()
        return self._run(self._talk.predict([take(image, self.limits)], since=since))[0]

    def predict_many(
        self, images: Iterable[ImageSource], *, batch_size: int = DEFAULT_BATCH_SIZE
    ) -> Iterator[Prediction]:
        """
        Have many images predicted in order, lazily: two requests are under way while the next is made ready.

        Args:
            images: As `predict` takes them; read as they are needed, so they may be endless. An
                array may be used for the next image, and a Pillow image closed, once the next is
                asked for.
            batch_size: Images in one request, 1 or more; fewer where the limits bound it. Each
                request is a call with a deadline of its own.

        Yields:
            One prediction an image, in the order given. A bad image yields one with `error` set
            and does not touch the others. Where reading `images` raises, what was read before is
            answered, then the error comes out. Whoever stops early waits for what is under way.

        Raises:
            ServiceError: As `predict`; the images before are answered.
            UsageError: `usage.argument`: the batch size is below 1, `images` is a single image, or
                the client is closed.
        """
        return self._predict_batches(Batches(images, batch_size, self.limits))

    def _predict_batches(self, batches: Batches) -> Iterator[Prediction]:
        with ThreadPoolExecutor(REQUESTS_AT_ONCE, thread_name_prefix="andon-client") as pool:
            waiting: deque[Future[list[Prediction]]] = deque()
            for batch in batches:
                waiting.append(pool.submit(self._run, self._talk.predict(batch)))
                if len(waiting) == REQUESTS_AT_ONCE:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        if batches.error is not None:
            raise batches.error

    def models(self) -> list[ServedModel]:
        """
        List the models of the service, the default one first.

        Raises:
            ServiceError, UsageError: As `predict`.
        """
        return self._run(self._talk.models())

    def is_ready(self) -> bool:
        """
        Ask once whether every model of the service has proven itself and answers.

        Returns:
            False also where it cannot be reached, or does not answer within the deadline.

        Raises:
            ServiceError: `client.answer`: what answers is no Andon service.
            UsageError: As `predict`.
        """
        return self._run(self._talk.is_ready())

    def wait_until_ready(self, timeout_s: float = 60.0) -> None:
        """
        Wait until `is_ready`.

        Args:
            timeout_s: Seconds to wait at most; with 0 it is asked once.

        Raises:
            ServiceError: `client.deadline`: it is not ready by then; the message says why.
                `client.answer`: what answers is no Andon service.
            UsageError: As `predict`.
        """
        self._run(self._talk.wait_until_ready(timeout_s))

    def _run(self, conversation: Conversation[Result]) -> Result:
        if self._is_closed:
            raise client_closed()
        return drive(conversation, self._connections.send, sleep)
