"""What is the asyncio client's own; what both do alike is in tests/contracts/test_clients."""

import asyncio
import contextlib
import itertools
import threading
from collections.abc import Iterator

import pytest

import andon
from tests.support.answers import predictions_json
from tests.support.scripted import Stage, answers, hangs, scripted

GOOD = answers(200, predictions_json())


def test_a_client_says_what_it_asks() -> None:
    """As the blocking one."""
    assert repr(andon.AsyncClient("http://host:5555", model="m")) == "<andon.AsyncClient http://host:5555/predict/m>"


def test_leaving_the_block_closes_the_client() -> None:
    """It says so if it is asked again."""

    async def use(url: str) -> None:
        async with andon.AsyncClient(url) as client:
            assert (await client.predict(b"image")).label == "red"
        with pytest.raises(andon.AndonError, match="closed"):
            await client.models()

    with scripted(GOOD) as service:
        asyncio.run(use(service.url))


def test_calls_run_side_by_side_and_the_loop_goes_on() -> None:
    """Four calls are with the service at once, in one thread."""
    all_came = threading.Barrier(4)

    def waits_for_the_others(stage: Stage) -> bool:
        all_came.wait(10)
        return GOOD(stage)

    async def use(url: str) -> list[andon.Prediction]:
        async with andon.AsyncClient(url) as client:
            return await asyncio.gather(*(client.predict(b"image") for _ in range(4)))

    with scripted(waits_for_the_others) as service:
        assert [prediction.label for prediction in asyncio.run(use(service.url))] == ["red"] * 4


def test_images_are_encoded_in_a_thread() -> None:
    """A large picture does not stop the event loop."""
    threads: list[str] = []

    class Watched:
        """A path that notes who reads it."""

        def __fspath__(self) -> str:
            threads.append(threading.current_thread().name)
            return "/nowhere"

    async def use() -> None:
        async with andon.AsyncClient("http://127.0.0.1:1") as client:
            await client.predict(Watched())
            assert [p.label async for p in client.predict_many([Watched()])] == [None]

    asyncio.run(use())
    assert threads
    assert threading.main_thread().name not in threads


def test_whoever_stops_early_cancels_what_is_under_way() -> None:
    """Of an endless source no more than two batches are read ahead, and nobody waits for the second."""
    read = itertools.count()

    def endless() -> Iterator[bytes]:
        while True:
            yield b"image %d." % next(read)

    async def use(url: str) -> None:
        async with (
            # Whoever does not cancel waits for the request that hangs.
            asyncio.timeout(20),
            andon.AsyncClient(url, deadline_s=60) as client,
            contextlib.aclosing(client.predict_many(endless(), batch_size=4)) as found,
        ):
            assert next(read) == 0
            async for prediction in found:
                assert prediction.label == "red"
                break
        assert next(read) == 9
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def answers_the_first(stage: Stage) -> bool:
        act = answers(200, predictions_json(4)) if b"image 1." in stage.request.body else hangs
        return act(stage)

    with scripted(answers_the_first) as service:
        asyncio.run(use(service.url))


def test_an_error_leaves_no_task_behind() -> None:
    """The requests that were under way end with the one that failed."""

    async def use(url: str) -> None:
        options = andon.ClientOptions(retries=0)
        async with asyncio.timeout(20), andon.AsyncClient(url, deadline_s=60, options=options) as client:
            with pytest.raises(andon.ServiceError):
                await anext(client.predict_many([b"first", *[b"image"] * 5], batch_size=1))
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def refuses_the_first(stage: Stage) -> bool:
        return (answers(404) if stage.request.body == b"first" else hangs)(stage)

    with scripted(refuses_the_first) as service:
        asyncio.run(use(service.url))
