"""`andon serve` among clients that are slow, vanish, flood or lie: they are refused, and the others are served."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode
from tests.support.machine import inet_sockets, open_connections
from tests.support.unruly import Control
from tests.support.waiting import TIMEOUT_S, wait_until
from tests.support.wire import Answer, Wire, head, whole, wire

pytestmark = pytest.mark.slow

RED = encode(colour_image((200, 40, 40)))
LARGE = encode(colour_image((200, 40, 40), (900, 700)))
CHUNKED = ("Content-Type: image/png", "Transfer-Encoding: chunked")
PATHS = ("/run", "/predict")
GROWTH_BYTES = 16 * 1024 * 1024
"""What a flood may add to the memory of the process: a body and its copy are over it, a hundred times."""


@pytest.fixture(scope="module")
def service(colours: Path) -> Iterator[AndonServe]:
    """A service with the settings that it has by itself; it must outlive every test, without a word."""
    with AndonServe(str(colours)) as running:
        said = running.log
        yield running
        assert running.log == said


def classify(port: int, body: bytes = RED) -> Answer:
    """Send one image over a connection of its own."""
    with wire(port) as connection:
        connection.send(whole("/run", body))
        return connection.answer()


def exchange(port: int, data: bytes) -> list[Answer]:
    """Send bytes, and read all answers until the server closes the connection."""
    answers = []
    with wire(port) as connection:
        with contextlib.suppress(ConnectionError):
            connection.send(data)
        with contextlib.suppress(ConnectionError, EOFError):
            while True:
                answers.append(connection.answer())
    return answers


# Lengths.

MALFORMED = {
    "a negative length": head("{}", "Content-Length: -1"),
    "a length that is no number": head("{}", "Content-Length: x"),
    "a signed length": head("{}", "Content-Length: +5") + b"hello",
    "an empty length": head("{}", "Content-Length: "),
    "a list of lengths": head("{}", "Content-Length: 5, 5") + b"hello",
    "two lengths alike": head("{}", "Content-Length: 5", "Content-Length: 5") + b"hello",
    "two lengths that differ": head("{}", "Content-Length: 5", "Content-Length: 6") + b"hello!",
    "a length of 26 digits": head("{}", f"Content-Length: {10**25}"),
    "a length of 5,000 digits": head("{}", f"Content-Length: {'9' * 5000}"),
    "length, then chunks": head("{}", "Content-Length: 5", *CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n",
    "chunks, then length": head("{}", *CHUNKED, "Content-Length: 5") + b"5\r\nhello\r\n0\r\n\r\n",
    "an unknown transfer coding": head("{}", "Transfer-Encoding: xchunked") + b"0\r\n\r\n",
    "chunks that are not the last coding": head("{}", "Transfer-Encoding: chunked, gzip") + b"0\r\n\r\n",
    "chunks twice": head("{}", *CHUNKED, *CHUNKED) + b"0\r\n\r\n",
    "a chunk of negative size": head("{}", *CHUNKED) + b"-1\r\nx",
    "a chunk size that is no number": head("{}", *CHUNKED) + b"zz\r\nx",
    "a chunk size of 72 bits": head("{}", *CHUNKED) + b"ffffffffffffffffff\r\nx",
    "a chunk longer than its size": head("{}", *CHUNKED) + b"1\r\nxyz\r\n0\r\n\r\n",
    "chunks with bare line feeds": head("{}", *CHUNKED) + b"1\nx\n0\n\n",
    "a length after the chunks": head("{}", *CHUNKED) + b"1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n",
    "a header with a space before its colon": head("{}", "Content-Length : 5") + b"hello",
    "a folded header": head("{}", "X: a", "  b", "Content-Length: 0"),
    "a NUL in a header": head("{}", "X: a\0b", "Content-Length: 0"),
    "bare line feeds": b"POST {} HTTP/1.1\nContent-Length: 0\n\n",
    "an unknown version": b"POST {} HTTP/9.9\r\nContent-Length: 0\r\n\r\n",
    "an unknown method": head("{}", method="SHOOT"),
    "TLS": bytes.fromhex("16030100a5010000a10303") + bytes(150),
    "the greeting of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_http_is_refused_once(service: AndonServe, path: str, data: bytes) -> None:
    """400 as a problem, and the connection is closed: what follows cannot be told from a request of another."""
    smuggled = head("/live", method="GET")
    answers = exchange(service.port, data.replace(b"{}", path.encode()) + smuggled)
    assert [answer.status for answer in answers] == [400]
    assert answers[0].headers["Content-Type"] == "application/problem+json"
    assert answers[0].headers["Connection"] == "close"


OVERSIZED = {
    "one long header": head("{}", "X: " + "y" * 40_000),
    "one long name": head("{}", "y" * 40_000 + ": x"),
    "many headers": head("{}", *(f"X-{number}: y" for number in range(200))),
    "a long address": head("{}?" + "a" * 40_000),
    "lines after the chunks": head("{}", *CHUNKED) + b"1\r\nx\r\n0\r\n" + b"A: b\r\n" * 10_000 + b"\r\n",
}


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("data", OVERSIZED.values(), ids=OVERSIZED.keys())
def test_large_heads_are_refused(service: AndonServe, path: str, data: bytes) -> None:
    """431 with what is too large, and the connection is closed."""
    answers = exchange(service.port, data.replace(b"{}", path.encode()))
    assert [answer.status for answer in answers] == [431]
    assert b"request.head" in answers[0].body


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("length", [65 * 1024 * 1024, 10**12, 2**63 - 1])
def test_a_declared_length_over_the_limit_is_refused_before_the_body(
    service: AndonServe, path: str, length: int
) -> None:
    """413 at once, and nothing is set aside for what was announced."""
    before = service.resident_bytes
    with wire(service.port) as connection:
        connection.send(head(path, "Content-Type: image/png", f"Content-Length: {length}"))
        answer = connection.answer()
    assert answer.status == 413
    assert service.resident_bytes - before < GROWTH_BYTES


# Floods.


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "chunk",
    [b"1\r\nx\r\n" * 16_384, b"10000\r\n" + b"x" * 65_536 + b"\r\n"],
    ids=["of one byte each", "of 64 KB each"],
)
def test_chunks_without_end_are_refused(colours: Path, path: str, chunk: bytes) -> None:
    """413 once they are over the limit; what comes after is not kept, and in the end the connection is closed."""
    with AndonServe("--max-body-bytes", "1000000", "--body-timeout-s", "3", str(colours)) as service:
        before = service.resident_bytes
        with wire(service.port) as connection:
            connection.send(head(path, *CHUNKED))
            sent = connection.send_until_refused(chunk, times=6000)
            assert sent < 6000, "the server takes 400 MB of a body that it has refused"
            wait_until(lambda: service.resident_bytes - before < GROWTH_BYTES, "their memory is given back")
        assert classify(service.port).body == b"result : red"


def test_a_body_in_chunks_of_one_byte_is_read(service: AndonServe) -> None:
    """It is slow, and no error: the image is whole."""
    with wire(service.port) as connection:
        chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in RED)
        connection.send(head("/run", *CHUNKED) + chunks + b"0\r\n\r\n")
        assert connection.answer().body == b"result : red"


def test_chunk_extensions_without_end_are_refused(service: AndonServe) -> None:
    """They are no body, and so have no limit of their own: that of a head holds."""
    (answer,) = exchange(service.port, head("/run", *CHUNKED) + b"1;" + b"a" * 200_000)
    assert answer.status in (400, 431)


def test_bodies_of_many_clients_together_have_a_bound(colours: Path) -> None:
    """Each is below the limit of a body; where all of them are too much, one more is refused with 429."""
    half = head("/run", "Content-Type: image/png", "Content-Length: 9000000") + bytes(4_500_000)
    with AndonServe("--max-queue-bytes", "20000000", str(colours)) as service, ExitStack() as clients:
        before, port = service.resident_bytes, service.port

        def is_full_with_one_more() -> bool:
            clients.enter_context(wire(port)).send(half)
            return classify(port, bytes(3_000_000)).status == 429

        wait_until(is_full_with_one_more, "there is no room for 3 MB")
        refused = classify(port, bytes(3_000_000))
        assert refused.headers["Retry-After"] == "1"
        assert b"engine.full" in refused.body
        more = [clients.enter_context(wire(port)) for _ in range(20)]
        threads = [threading.Thread(target=connection.send, args=(half,)) for connection in more]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(TIMEOUT_S)
        assert service.resident_bytes - before < 20_000_000 + GROWTH_BYTES
        clients.close()
        wait_until(lambda: classify(port, bytes(3_000_000)).status == 400, "there is room again")


# Clients that are slow or vanish.


def test_others_are_served_among_slow_and_vanishing_clients(colours: Path) -> None:
    """50 drip their heads, 50 have sent half of their bodies, 50 vanish in every state: 300 images are answered."""
    with AndonServe("--head-timeout-s", "2", "--body-timeout-s", "2", str(colours)) as service, ExitStack() as clients:
        port = service.port
        dripping = [clients.enter_context(wire(port)) for _ in range(50)]
        half_sent = [clients.enter_context(wire(port)) for _ in range(50)]
        for connection in half_sent:
            connection.send(head("/run", "Content-Type: image/png", f"Content-Length: {len(LARGE)}") + LARGE[:70_000])
        bytes_of_heads = iter(head("/run", *(f"X-{number}: y" for number in range(90))))
        with wire(port) as other:
            for number in range(300):
                if number % 6 == 0:
                    drop = bytes([next(bytes_of_heads)])
                    for connection in dripping:
                        with contextlib.suppress(ConnectionError):
                            connection.send(drop)
                    vanish(port, number)
                other.send(whole("/run", RED))
                assert other.answer().body == b"result : red"
        for connection in (*dripping, *half_sent):
            assert b" 408 " in connection.rest_or_reset().partition(b"\r\n")[0]
        wait_until(lambda: open_connections(service.pid) == 0, "no connection is left")
        assert "Traceback" not in service.log


def vanish(port: int, number: int) -> None:
    """Go away: after nothing, in the head, in the body, before the answer, or with more requests behind it."""
    request = whole("/run", LARGE)
    sent = (b"", request[:20], request[: len(request) // 2], request, request * 3)[number // 6 % 5]
    connection = Wire(port)
    connection.send(sent)
    connection.vanish()


def test_clients_that_do_not_read_are_given_up(colours: Path) -> None:
    """Their answers are held for a time, and as many as fit into the buffers; then the connection is closed."""
    with AndonServe("--keep-alive-s", "0.5", "--body-timeout-s", "0.5", str(colours)) as service:
        before = service.resident_bytes
        with wire(service.port) as silent:
            silent.send_until_refused(head("/metrics", method="GET") * 100, times=100)
            wait_until(lambda: open_connections(service.pid) == 0, "the connection is closed")
            wait_until(lambda: service.resident_bytes - before < GROWTH_BYTES, "their memory is given back")
        assert classify(service.port).body == b"result : red"
        assert "Traceback" not in service.log


def test_connections_over_the_limit_are_refused_and_the_others_kept(colours: Path) -> None:
    """503 with when to come again; a place that is given up is free."""
    with AndonServe("--max-connections", "5", str(colours)) as service, ExitStack() as clients:
        wait_until(lambda: open_connections(service.pid) == 0, "no connection is open")
        connections = [clients.enter_context(wire(service.port)) for _ in range(5)]
        for connection in connections:
            connection.send(head("/live", method="GET"))
            assert connection.answer("GET").status == 200
        with wire(service.port) as sixth:
            refused = sixth.answer()
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        for connection in connections:
            connection.send(whole("/run", RED))
            assert connection.answer().status == 200
        connections[0].close()
        wait_until(lambda: open_connections(service.pid) < 5, "a place is free")
        assert classify(service.port).status == 200


# Load.


def test_when_full_it_refuses_at_once(colours: Path, tmp_path: Path) -> None:
    """While the model hangs and the queue is full: 429, and those that wait are answered when it goes on."""
    control = Control(tmp_path)
    words = ("--threads", "1", "--max-queue-jobs", "4", "--canary-interval-s", "3600")
    with AndonServe(*words, str(colours), environment=control.environment) as service, ExitStack() as clients:
        control.begin("hang")
        waiting = [clients.enter_context(wire(service.port)) for _ in range(4)]
        for connection in waiting:
            connection.send(whole("/run", RED))
        wait_until(lambda: 'andon_jobs{state="queued"} 3' in metrics(service), "three images wait, and one runs")
        for _ in range(20):
            refused = classify(service.port)
            assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
        assert httpx.get(f"{service.url}/live", trust_env=False).status_code == 200
        control.end("hang")
        assert [connection.answer().body for connection in waiting] == [b"result : red"] * 4


def metrics(service: AndonServe) -> str:
    """Read the numbers, as they stand there without a fraction."""
    return httpx.get(f"{service.url}/metrics", trust_env=False, timeout=TIMEOUT_S).text.replace(".0\n", "\n")


def test_under_overload_every_request_is_answered_and_it_stays_ready(colours: Path) -> None:
    """Twelve clients ask for more than can be done: 200 with the label or 429, nothing else; never unready."""
    words = ("--threads", "1", "--max-queue-jobs", "3", "--canary-interval-s", "0.2")
    seen: list[tuple[int, bytes]] = []
    ended = threading.Event()
    with AndonServe(*words, str(colours)) as service:
        port = service.port

        def ask() -> None:
            with wire(port) as connection:
                for _ in range(40):
                    connection.send(whole("/run", LARGE))
                    answer = connection.answer()
                    seen.append((answer.status, answer.body if answer.status == 200 else answer.headers["Retry-After"]))

        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        watched = 0
        with wire(port) as watching:
            while any(thread.is_alive() for thread in threads):
                watching.send(head("/ready", method="GET"))
                assert watching.answer("GET").status == 200
                watched += 1
                ended.wait(0.02)
        assert watched > 5
        assert len(seen) == 12 * 40
        assert set(seen) == {(200, b"result : red"), (429, "1")}
        service.send_signal(signal.SIGTERM)
        assert service.wait_until_it_ends() == 0
        assert "Traceback" not in service.log


# One connection.


def test_one_connection_carries_a_thousand_requests(service: AndonServe) -> None:
    """All are answered on it, in order, each with the id that it brought."""
    with wire(service.port) as connection:
        for number in range(1000):
            connection.send(whole("/run", RED, f"X-Request-Id: {number}"))
            answer = connection.answer()
            assert (answer.status, answer.headers["X-Request-Id"]) == (200, str(number))


def test_pipelined_requests_are_answered_in_order(service: AndonServe) -> None:
    """200 of them are sent before the first answer is read; light and heavy ones alike keep their places."""
    ways = [whole("/run", RED), whole("/run", LARGE), whole("/predict", RED), head("/live", method="GET")]
    with wire(service.port) as connection:
        requests = [
            ways[number % 4].replace(b"Host: x", b"Host: x\r\nX-Request-Id: n%d" % number) for number in range(200)
        ]
        sender = threading.Thread(target=connection.send, args=(b"".join(requests),))
        sender.start()
        answers = [connection.answer() for _ in requests]
        sender.join(TIMEOUT_S)
    assert [answer.headers["X-Request-Id"] for answer in answers] == [f"n{number}" for number in range(200)]
    assert {answer.status for answer in answers} == {200}


def test_more_requests_than_can_wait_are_refused(service: AndonServe) -> None:
    """20,000 small ones at once take some MB, not hundreds: those that may wait are answered, then one refusal."""
    before = service.resident_bytes
    answers = exchange(service.port, b"GET /live HTTP/1.1\r\n\r\n" * 20_000)
    assert service.resident_bytes - before < GROWTH_BYTES
    assert [answer.status for answer in answers] == [200] * (len(answers) - 1) + [400]
    assert b"use several connections" in answers[-1].body
    assert len(answers) > 200


def test_rubbish_behind_a_request_does_not_take_its_answer(service: AndonServe) -> None:
    """The request is answered first; then the rubbish is refused, and the connection closed."""
    answers = exchange(service.port, whole("/run", RED) + b"rubbish\r\n\r\n")
    assert [answer.status for answer in answers] == [200, 400]


def test_an_offered_upgrade_is_not_taken_up(service: AndonServe) -> None:
    """A body that comes with it, as from Java's own client, is read like any other, and the next request too."""
    offer = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAEAAEAAAAIAAAAB")
    with wire(service.port) as connection:
        connection.send(whole("/run", RED, *offer) + head("/live", method="GET"))
        assert connection.answer().body == b"result : red"
        assert connection.answer("GET").status == 200


def test_http_1_0_is_answered_and_closed(service: AndonServe) -> None:
    """As its clients expect: without chunks, and the end of the connection is the end of the answer."""
    request = b"POST /run HTTP/1.0\r\nContent-Type: image/png\r\nContent-Length: %d\r\n\r\n" % len(RED)
    (answer,) = exchange(service.port, request + RED)
    assert (answer.body, answer.headers["Connection"]) == (b"result : red", "close")


@pytest.mark.parametrize(
    ("path", "status"),
    [("/", 200), ("/live", 200), ("/ready", 200), ("/models", 200), ("/metrics", 200), ("/run", 405)],
)
def test_head_has_the_head_of_get_and_nothing_more(service: AndonServe, path: str, status: int) -> None:
    """The next answer on the connection begins right after it."""
    with wire(service.port) as connection:
        connection.send(head(path, method="HEAD"))
        answer = connection.answer("HEAD")
        assert answer.status == status
        assert int(answer.headers["Content-Length"]) > 0
        connection.send(head("/live", method="GET"))
        assert connection.answer("GET").body == b'{"live":true}'


def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(service: AndonServe) -> None:
    """`Expect: 100-continue` is answered first; not where the body would be refused anyway."""
    with wire(service.port) as connection:
        connection.send(head("/run", "Content-Type: image/png", f"Content-Length: {len(RED)}", "Expect: 100-continue"))
        assert connection.answer().status == 100
        connection.send(RED)
        assert connection.answer().status == 200
        connection.send(head("/run", f"Content-Length: {10**9}", "Expect: 100-continue"))
        assert connection.answer().status == 413


def test_no_connection_is_left_behind(service: AndonServe) -> None:
    """Once its clients are gone, the service has its port and nothing else."""
    wait_until(lambda: len(inet_sockets(service.pid)) == 1, "only the port is open")
