"""One request goes out over a connection that is kept, and one outcome comes back, whatever happens to it."""

import asyncio
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from andon.client.address import parse_address
from andon.client.connections import AsyncConnections, Connections
from andon.client.messages import Answer, Broken, Outcome, Send
from andon.client.options import DEFAULT_OPTIONS, ClientOptions
from andon.errors import UsageError
from andon.programs import usable_port
from tests.support.scripted import Stage, answers, drips, hangs, http_answer, resets, says, scripted
from tests.support.wire import HOST

Ask = Callable[..., list[Outcome]]


def request_to(url: str, body: bytes = b"body", timeout_s: float = 60.0) -> Send:
    """Make a request."""
    host = parse_address(url).host
    headers = {"Host": host, **({"Content-Length": str(len(body))} if body else {})}
    return Send(method="POST" if body else "GET", url=f"{url}/x", headers=headers, body=body, timeout_s=timeout_s)


def ask_blocking(url: str, *requests: Send, options: ClientOptions = DEFAULT_OPTIONS) -> list[Outcome]:
    """Send requests one after the other through `Connections`."""
    connections = Connections(parse_address(url), options)
    try:
        return [connections.send(request) for request in requests or [request_to(url)]]
    finally:
        connections.close()


def ask_async(url: str, *requests: Send, options: ClientOptions = DEFAULT_OPTIONS) -> list[Outcome]:
    """Send them through `AsyncConnections`."""

    async def ask() -> list[Outcome]:
        connections = AsyncConnections(parse_address(url), options)
        try:
            return [await connections.send(request) for request in requests or [request_to(url)]]
        finally:
            await connections.close()

    return asyncio.run(ask())


both = pytest.mark.parametrize("ask", [ask_blocking, ask_async])


@both
def test_an_answer_comes_whole(ask: Ask) -> None:
    """Status, headers by lower-case name, body; any status is an answer."""
    with scripted(answers(418, b"tea", X_Some="Thing")) as service:
        (outcome,) = ask(service.url)
        (received,) = service.received
    assert outcome == Answer(status=418, headers={"content-length": "3", "x-some": "Thing"}, body=b"tea")
    assert (received.method, received.path, received.body) == ("POST", "/x", b"body")


@both
def test_a_body_in_chunks_is_put_together(ask: Ask) -> None:
    """A proxy may send the answer on in pieces."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    with scripted(says(data)) as service:
        (outcome,) = ask(service.url)
    assert isinstance(outcome, Answer)
    assert outcome.body == b"abcde"


@both
def test_a_connection_is_used_again(ask: Ask) -> None:
    """Also after a refusal; a new one only where the service says that it closes it."""
    with scripted(answers(503), answers(200)) as service:
        ask(service.url, *[request_to(service.url)] * 5)
        assert (len(service.received), service.connections) == (5, 1)
    with scripted(says(http_answer(Connection="close"))) as service:
        ask(service.url, *[request_to(service.url)] * 3)
        assert (len(service.received), service.connections) == (3, 3)


@both
def test_a_redirect_is_an_answer(ask: Ask) -> None:
    """It is not followed: an image goes where its owner said."""
    with scripted(answers(200)) as other, scripted(answers(307, b"", Location=f"{other.url}/y")) as service:
        (outcome,) = ask(service.url)
        assert other.received == []
    assert isinstance(outcome, Answer)
    assert outcome.status == 307


@both
def test_nobody_there_is_unreachable(ask: Ask) -> None:
    """A port where nothing listens, a name that nobody has, one that nobody can have."""
    for url in (f"http://{HOST}:{usable_port(0)}", "http://no-such-host.invalid:1", "http://a..b:1"):
        (outcome,) = ask(url)
        assert isinstance(outcome, Broken)
        assert outcome.kind == "unreachable", url
        assert outcome.reason


@both
@pytest.mark.parametrize(
    "act",
    [
        resets,
        says(b""),
        says(b"HTTP/1.1 200 OK\r\n"),
        says(http_answer(200, b"body")[:-1]),
        says(b"\x16\x03\x01 this is TLS"),
        says(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n"),
        says(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000),
    ],
    ids=["reset", "closed", "half a head", "part of a body", "no HTTP", "a length that is no number", "endless head"],
)
def test_no_whole_answer_is_broken(ask: Ask, act: Callable[[Stage], bool]) -> None:
    """The caller may try again; nothing of it is taken for an answer."""
    with scripted(act) as service:
        (outcome,) = ask(service.url)
    assert isinstance(outcome, Broken)
    assert outcome.kind == "broken"
    assert outcome.reason


@both
@pytest.mark.parametrize(
    "act",
    [hangs, drips(b"HTTP/1.1 200 OK\r\nX: "), drips(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n")],
    ids=["silence", "a head without end", "a body without end"],
)
def test_time_is_up_when_it_is_up(ask: Ask, act: Callable[[Stage], bool]) -> None:
    """Bytes that come now and then gain no time."""
    with scripted(act) as service:
        # Whatever waits for ever waits until this ends the service, and then the outcome is another one.
        watchdog = threading.Timer(20, service.close)
        watchdog.start()
        (outcome,) = ask(service.url, request_to(service.url, timeout_s=0.15))
        watchdog.cancel()
    assert isinstance(outcome, Broken)
    assert outcome.kind == "late"


@both
def test_a_request_that_is_late_leaves_the_others_alone(ask: Ask) -> None:
    """Its connection is closed, for its answer may still come; the next request gets its own."""
    with scripted(hangs, answers(200, b"second")) as service:
        first, second = ask(
            service.url,
            request_to(service.url, timeout_s=0.1),
            request_to(service.url),
            options=ClientOptions(connections=1),
        )
        assert service.connections == 2
    assert isinstance(first, Broken)
    assert isinstance(second, Answer)
    assert second.body == b"second"


@both
@pytest.mark.parametrize(("size", "kept"), [(1000, True), (1001, False)])
def test_an_answer_is_bounded(ask: Ask, size: int, kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 -- a case
    """Whether its size is told in advance or not."""
    monkeypatch.setattr("andon.client.connections.MAX_ANSWER_BYTES", 1000)
    for act in (answers(200, bytes(size)), says(b"HTTP/1.0 200 OK\r\n\r\n" + bytes(size))):
        with scripted(act) as service:
            (outcome,) = ask(service.url)
        assert isinstance(outcome, Answer) == kept
        assert kept or (isinstance(outcome, Broken) and outcome.kind == "oversize")


@pytest.mark.slow
def test_a_call_waits_for_a_free_connection_only_as_long_as_it_has() -> None:
    """With one connection that hangs, a second call is late too."""
    with scripted(hangs) as service:
        connections = Connections(parse_address(service.url), ClientOptions(connections=1))
        held = threading.Thread(target=connections.send, args=[request_to(service.url, timeout_s=0.6)])
        held.start()
        outcome = connections.send(request_to(service.url, timeout_s=0.1))
        held.join()
        connections.close()
    assert isinstance(outcome, Broken)
    assert outcome.kind == "late"


@both
def test_a_connection_that_is_in_use_outlives_the_closing(ask: Ask) -> None:
    """The answer that is under way still comes; then the connection is closed too."""
    closing = threading.Event()

    def answers_after_closing(stage: Stage) -> bool:
        closing.set()
        closed.wait(10)
        return answers(200, b"late")(stage)

    def ask_and_close() -> Outcome:
        connections = Connections(parse_address(service.url), DEFAULT_OPTIONS)
        found: list[Outcome] = []
        asking = threading.Thread(target=lambda: found.append(connections.send(request_to(service.url))))
        asking.start()
        closing.wait(10)
        connections.close()
        closed.set()
        asking.join()
        return found[0]

    async def ask_and_close_async() -> Outcome:
        connections = AsyncConnections(parse_address(service.url), DEFAULT_OPTIONS)
        asking = asyncio.create_task(connections.send(request_to(service.url)))
        await asyncio.to_thread(closing.wait, 10)
        await connections.close()
        closed.set()
        return await asking

    closed = threading.Event()
    with scripted(answers_after_closing) as service:
        outcome = ask_and_close() if ask is ask_blocking else asyncio.run(ask_and_close_async())
        assert service.connections == 1
    assert isinstance(outcome, Answer)
    assert outcome.body == b"late"


def test_threads_share_the_connections() -> None:
    """Each gets the answer to its own request."""

    def echo(stage: Stage) -> bool:
        stage.connection.sendall(http_answer(200, stage.request.body))
        return True

    found: dict[int, Outcome] = {}
    with scripted(echo) as service:
        connections = Connections(parse_address(service.url), ClientOptions(connections=3))

        def ask(number: int) -> None:
            for _ in range(25):
                found[number] = connections.send(request_to(service.url, str(number).encode()))
                assert isinstance(found[number], Answer)

        threads = [threading.Thread(target=ask, args=[number]) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connections.close()
        assert service.connections <= 3
    assert {number: outcome.body for number, outcome in found.items() if isinstance(outcome, Answer)} == {
        number: str(number).encode() for number in range(8)
    }


def test_a_call_that_is_cancelled_closes_its_connection() -> None:
    """Nobody will read that answer."""

    async def cancel_one() -> Outcome:
        connections = AsyncConnections(parse_address(service.url), ClientOptions(connections=1))
        call = asyncio.create_task(connections.send(request_to(service.url)))
        await asyncio.to_thread(came.wait, 10)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        outcome = await connections.send(request_to(service.url))
        await connections.close()
        return outcome

    came = threading.Event()

    def notes_and_hangs(stage: Stage) -> bool:
        came.set()
        return hangs(stage)

    with scripted(notes_and_hangs, answers(200)) as service:
        assert asyncio.run(cancel_one()) == Answer(status=200, headers={"content-length": "0"})
        assert service.connections == 2


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine that nobody but itself has signed, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    path = tmp_path_factory.mktemp("tls") / "service.pem"
    subject = ["-subj", "/CN=localhost", "-addext", f"subjectAltName=IP:{HOST}"]
    command = [openssl, "req", "-x509", "-newkey", "ed25519", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", f"{path}.key", "-out", path], check=True, capture_output=True)
    return path


def tls_of(certificate: Path) -> ssl.SSLContext:
    """Make what a service needs to speak TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, f"{certificate}.key")
    return context


@both
def test_a_service_with_a_certificate_of_the_plant_is_trusted_by_its_file(ask: Ask, certificate: Path) -> None:
    """The connection is encrypted, kept, and bounded in time as any other."""
    options = ClientOptions(ca_file=certificate)
    with scripted(answers(200), answers(200), hangs, tls=tls_of(certificate)) as service:
        late = request_to(service.url, timeout_s=0.15)
        outcomes = ask(service.url, *[request_to(service.url)] * 2, late, options=options)
        assert service.connections == 1
    assert [type(outcome) for outcome in outcomes] == [Answer, Answer, Broken]


@both
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(ask: Ask, certificate: Path) -> None:
    """No byte of the request is sent."""
    with scripted(answers(200), tls=tls_of(certificate)) as service:
        (outcome,) = ask(service.url)
        assert service.received == []
    assert isinstance(outcome, Broken)
    assert outcome.kind == "unreachable"


@both
@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_certificates_that_cannot_be_read_are_told_at_once(ask: Ask, content: bytes | None, tmp_path: Path) -> None:
    """Not at the first request."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="no certificates can be read") as caught:
        ask("https://127.0.0.1:1", options=ClientOptions(ca_file=path))
    assert str(path) in caught.value.where
