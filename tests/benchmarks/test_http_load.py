"""Tests of the load of the benchmark, against a small server that errs on purpose."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import cycle

import pytest
from serving.http_load import BROKEN, Load, Outcome, closed_loop, failed, open_loop, percentile_ms, statuses

Answer = Callable[[int, bytes], bytes]
"""What is written to the connection for the request of this number with this id."""


def good(_number: int, request_id: bytes) -> bytes:
    """Answer as the service does."""
    return b"HTTP/1.1 200 OK\r\nx-request-id: " + request_id + b"\r\ncontent-length: 2\r\n\r\nok"


def header(head: bytes, name: bytes) -> bytes:
    """Find a header of a request."""
    return next(line for line in head.split(b"\r\n") if line.startswith(name)).partition(b": ")[2]


async def outcomes_of(answer: Answer, go: Callable[[Load], Awaitable[None]]) -> list[Outcome]:
    """Run a load against a server that answers so; an answer of nothing ends the connection."""
    count, connections = 0, []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        connections.append(asyncio.current_task())
        with contextlib.suppress(asyncio.IncompleteReadError):  # the client goes: so each connection ends
            while head := await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(int(header(head, b"Content-Length")))
                count += 1
                if not (told := answer(count, header(head, b"X-Request-Id"))):
                    break
                writer.write(told)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    load = Load(server.sockets[0].getsockname()[1], {"X-Deadline-Ms": "1000"})
    await go(load)
    await load.close()
    await asyncio.wait(connections)
    server.close()
    await server.wait_closed()
    return load.outcomes


def many(count: int) -> Callable[[Load], Awaitable[None]]:
    """Offer so many images, quickly."""
    return lambda load: open_loop(load, cycle([("photo", b"image")]), 1000 * count, 1e-3)


def test_each_request_that_is_answered_is_counted_once() -> None:
    """In open loop as many outcomes come as requests were offered, all good."""
    outcomes = asyncio.run(outcomes_of(good, many(20)))
    assert [one.status for one in outcomes] == [200] * 20


def test_a_connection_that_ends_is_no_answer() -> None:
    """A request whose connection the server closes is broken, and the ones after it go on."""
    outcomes = asyncio.run(outcomes_of(lambda n, i: b"" if n == 3 else good(n, i), many(10)))
    assert sorted(one.status for one in outcomes) == [BROKEN] + [200] * 9


def test_an_answer_to_something_else_is_no_answer() -> None:
    """An answer with the id of another request does not count."""
    outcomes = asyncio.run(outcomes_of(lambda n, _: good(n, b"another"), many(4)))
    assert [one.status for one in outcomes] == [BROKEN] * 4


def test_a_refusal_keeps_its_status() -> None:
    """What is refused is counted under its own status."""
    outcomes = asyncio.run(outcomes_of(lambda n, i: good(n, i).replace(b"200 OK", b"429 Too Many Requests"), many(4)))
    assert failed(outcomes) == 4
    assert statuses(outcomes) == "429: 4"


def test_closed_loop_waits_for_each_answer() -> None:
    """One client sends its next image when the last is answered, and waits for the answer of the last of all."""
    outcomes = asyncio.run(outcomes_of(good, lambda load: closed_loop(load, cycle([("photo", b"image")]), 1, 0.02)))
    assert {one.status for one in outcomes} == {200}


def test_latency_counts_from_the_intended_time() -> None:
    """A request that is sent late has its lateness in its latency."""

    async def late(load: Load) -> None:
        import time

        await load.ask(("photo", b"image"), time.perf_counter() - 5)

    (outcome,) = asyncio.run(outcomes_of(good, late))
    assert outcome.latency_ms >= 5000
    assert outcome.late_ms >= 5000


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 51), (0.99, 100), (1.0, 100)])
def test_percentiles_are_of_what_was_seen(share: float, expected: float) -> None:
    """A percentile is one of the latencies, never between two."""
    outcomes = [Outcome(kind="photo", status=200, latency_ms=float(number)) for number in range(100, 0, -1)]
    assert percentile_ms(outcomes, share) == expected
