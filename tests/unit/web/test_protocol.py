"""HTTP/1.1 with bounds, over real sockets."""

import asyncio
import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from typing import cast

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from andon.settings.serve import ServeSettings
from andon.web import protocol
from tests.support.in_thread import InThread
from tests.support.waiting import TIMEOUT_S, wait_until
from tests.support.wire import Answer, Wire, wire

SMALL = ServeSettings(max_head_bytes=1024, max_headers=10, head_timeout_s=60.0, body_timeout_s=60.0)


class App:
    """Answers with what it was sent; `/early` without reading the body, `/large` with four megabytes."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return
        request = Request(scope, receive)
        self.seen.append(request.url.path)
        if request.url.path == "/early":
            await JSONResponse({"early": True}, 413)(scope, receive, send)
            return
        body = await request.body()
        if request.url.path == "/large":
            await Response(bytes(4 * 1024 * 1024))(scope, receive, send)
            return
        headers = sorted(name.decode() for name, _ in scope["headers"])
        answer = {"path": request.url.path, "bytes": len(body), "headers": headers}
        await JSONResponse(answer)(scope, receive, send)


@pytest.fixture(scope="module")
def app() -> App:
    """What is served."""
    return App()


@pytest.fixture(scope="module")
def server(app: App) -> Iterator[InThread]:
    """A server with small bounds."""
    with InThread(app, SMALL) as started:
        yield started


@pytest.fixture
def connection(server: InThread) -> Iterator[Wire]:
    """A connection to it."""
    with wire(server.port) as opened:
        yield opened


def request(path: str = "/", body: bytes = b"", *headers: str, version: str = "1.1") -> bytes:
    """Write a request with a body of declared length."""
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def chunked(*chunks: bytes, path: str = "/", headers: str = "") -> bytes:
    """Write a request with a chunked body, which does not end."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n{headers}\r\n".encode()
    return head + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)


def require_problem(answer: Answer, status: int, code: str) -> None:
    """Check that an answer is a problem which ends the connection."""
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["connection"] == "close"
    problem = json.loads(answer.body)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == answer.headers["x-request-id"]


def require_usable(connection: Wire) -> None:
    """Check that a connection answers another request."""
    connection.send(request("/again", b"abc"))
    answer = connection.answer()
    assert answer.status == 200
    assert json.loads(answer.body)["path"] == "/again"


def test_requests_are_answered_one_after_the_other(connection: Wire) -> None:
    """Over one connection, with and without bodies."""
    for size in (0, 1, 200_000):
        connection.send(request("/a", bytes(size)))
        assert json.loads(connection.answer().body)["bytes"] == size


def test_pipelined_requests_are_answered_in_order(connection: Wire) -> None:
    """Those that come in one piece, too."""
    connection.send(b"".join(request(f"/{number}", bytes(number)) for number in range(20)))
    answers = [json.loads(connection.answer().body) for _ in range(20)]
    assert [(answer["path"], answer["bytes"]) for answer in answers] == [(f"/{n}", n) for n in range(20)]


def test_bytes_may_come_one_by_one(connection: Wire) -> None:
    """Slow networks cut anywhere; none of it is refused."""
    for data in (request("/a", b"abc"), chunked(b"a", b"bc") + b"0\r\n\r\n"):
        for index in range(len(data)):
            connection.send(data[index : index + 1])
        assert json.loads(connection.answer().body)["bytes"] == 3


def test_a_body_of_very_small_chunks_is_read(connection: Wire) -> None:
    """Its framing is several times as large as a head may be; what counts is that the body grows."""
    connection.send(chunked(*[b"x"] * 2000) + b"0\r\n\r\n")
    assert json.loads(connection.answer().body)["bytes"] == 2000
    require_usable(connection)


def test_head_is_answered_without_a_body(connection: Wire) -> None:
    """With the length that the body would have; the connection stays usable."""
    connection.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")
    answer = connection.answer("HEAD")
    assert answer.status == 200
    assert int(answer.headers["content-length"]) > 0
    require_usable(connection)


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"a" * 1100 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 1100 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 300_000,
        b"GET /" + b"a" * 300_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"a" * 200) for n in range(6)) + b"\r\n",
    ],
    ids=["path", "header", "endless header", "endless path", "sum"],
)
def test_a_head_that_is_too_large_is_refused(connection: Wire, head: bytes) -> None:
    """431 with the limit, whether the head comes to its end or not."""
    connection.send(head)
    answer = connection.answer()
    require_problem(answer, 431, "request.head")
    assert "more than 1024 bytes" in json.loads(answer.body)["detail"]
    assert connection.rest() == b""


def test_a_head_that_dribbles_is_refused_as_soon_as_it_is_too_large(connection: Wire) -> None:
    """A line that never ends is not kept in memory."""
    connection.send(b"GET / HTTP/1.1\r\nX: ")
    for _ in range(103):
        if not connection.try_to_send(b"a" * 10):
            break
    require_problem(connection.answer(), 431, "request.head")


def test_a_head_within_the_limits_is_taken(connection: Wire) -> None:
    """As many headers and almost as many bytes as are allowed."""
    connection.send(b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: %s\r\n" % (n, b"a" * 90) for n in range(10)) + b"\r\n")
    assert len(json.loads(connection.answer().body)["headers"]) == 10


def test_too_many_headers_are_refused(connection: Wire) -> None:
    """One more than allowed."""
    connection.send(b"GET / HTTP/1.1\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(11)) + b"\r\n")
    answer = connection.answer()
    require_problem(answer, 431, "request.head")
    assert "more than 10 headers" in json.loads(answer.body)["detail"]


@pytest.mark.parametrize(
    "flood",
    [
        b"1;" + b"x" * 300_000,
        b"0\r\nX: " + b"x" * 300_000,
        b"0" * 300_000,
    ],
    ids=["chunk extension", "trailer", "chunk size"],
)
def test_a_flood_that_is_no_body_is_refused(connection: Wire, flood: bytes, app: App) -> None:
    """Extensions of chunks and lines after the body are not kept in memory; the request gets one answer."""
    connection.send(chunked(b"abc", path="/flooded"))
    wait_until(lambda: "/flooded" in app.seen, "the application reads the body")
    app.seen.remove("/flooded")
    connection.send(flood)
    require_problem(connection.answer(), 400, "request.http")
    assert connection.rest() == b""


def test_too_many_lines_after_a_body_are_refused(connection: Wire) -> None:
    """They count as headers do."""
    connection.send(chunked(b"abc") + b"0\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(11)) + b"\r\n")
    require_problem(connection.answer(), 431, "request.head")
    assert connection.rest() == b""


def test_lines_after_a_body_are_no_headers(connection: Wire) -> None:
    """What a proxy did not look at cannot pass for a token or a priority."""
    connection.send(chunked(b"abc") + b"0\r\nAuthorization: Bearer x\r\nX-Priority: line\r\n\r\n")
    assert json.loads(connection.answer().body)["headers"] == ["host", "transfer-encoding"]
    require_usable(connection)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!",
        b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_http_is_told_so(connection: Wire, data: bytes) -> None:
    """As a problem that the client can read to its end, before the connection is closed."""
    connection.send(data)
    require_problem(connection.answer(), 400, "request.http")
    connection.try_to_send(b"more of the same" * 1000)
    assert connection.rest() == b""


def test_chunks_that_make_no_sense_are_told_so(connection: Wire, app: App) -> None:
    """Also where the application is reading already: it is told that the client is gone, and answers nothing."""
    connection.send(chunked(b"abc", path="/broken"))
    wait_until(lambda: "/broken" in app.seen, "the application reads the body")
    connection.send(b"xyz\r\n")
    require_problem(connection.answer(), 400, "request.http")
    assert connection.rest() == b""


def test_a_refusal_waits_for_the_answers_before_it(connection: Wire) -> None:
    """Each answer belongs to its request, in a flood of them too."""
    connection.send(request("/1") + request("/2", b"ab") + b"rubbish\r\n\r\n")
    assert json.loads(connection.answer().body)["path"] == "/1"
    assert json.loads(connection.answer().body)["path"] == "/2"
    require_problem(connection.answer(), 400, "request.http")
    assert connection.rest() == b""


def test_a_broken_body_in_a_row_is_refused_in_its_turn(connection: Wire, app: App) -> None:
    """The application never sees a request that waits behind others and does not come to its end."""
    connection.send(request("/1") + chunked(b"abc", path="/never") + b"xyz\r\n")
    assert json.loads(connection.answer().body)["path"] == "/1"
    require_problem(connection.answer(), 400, "request.http")
    assert connection.rest() == b""
    assert "/never" not in app.seen


def test_what_is_wrong_after_an_early_answer_ends_the_connection(connection: Wire) -> None:
    """The request has its answer: there is no second one."""
    connection.send(chunked(b"abc", path="/early"))
    assert connection.answer().status == 413
    connection.send(b"xyz\r\n")
    assert connection.rest() == b""


def test_a_body_that_nobody_wanted_is_thrown_away(connection: Wire) -> None:
    """The client hears the answer, and its connection stays usable."""
    head, body = request("/early", bytes(3_000_000)).split(b"\r\n\r\n", 1)
    connection.send(head + b"\r\n\r\n")
    assert connection.answer().status == 413
    connection.send(body)
    require_usable(connection)


@pytest.mark.parametrize(
    "made",
    [
        request("/early", bytes(3_000_000), version="1.0"),
        request("/early", bytes(3_000_000), "Connection: close"),
    ],
    ids=["1.0", "close"],
)
def test_a_client_that_closes_hears_an_early_answer_too(connection: Wire, made: bytes) -> None:
    """Its connection is not cut off while it still sends: it would see a reset in place of the reason."""
    head, body = made.split(b"\r\n\r\n", 1)
    connection.send(head + b"\r\n\r\n" + body[:1000])
    for start in range(1000, len(body), 100_000):
        connection.send(body[start : start + 100_000])
    assert connection.answer().status == 413
    assert connection.rest() == b""


def test_an_endless_body_is_not_thrown_away_for_ever(connection: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an answer, and after a refusal: at some point the connection is cut off."""
    monkeypatch.setattr(protocol, "MAX_DRAINED_BYTES", 1_000_000)
    connection.send(chunked(path="/early"))
    assert connection.answer().status == 413
    sent = 0
    while connection.try_to_send(b"10000\r\n" + bytes(0x10000) + b"\r\n"):
        sent += 0x10000
        assert sent < 100_000_000


@pytest.mark.slow
def test_the_rest_of_a_body_must_come_in_time(app: App) -> None:
    """A client that stops sending after an answer is cut off, and does not hold its connection."""
    settings = ServeSettings(body_timeout_s=0.1)
    with InThread(app, settings) as server, wire(server.port) as connection:
        connection.send(request("/early", bytes(1000))[:-1])
        assert connection.answer().status == 413
        with contextlib.suppress(ConnectionResetError):  # what is cut off may look so
            assert connection.rest() == b""


def test_a_refused_flood_is_cut_off(connection: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent after a refusal is not read for ever."""
    monkeypatch.setattr(protocol, "MAX_DRAINED_BYTES", 1_000_000)
    connection.send(b"rubbish\r\n\r\n")
    require_problem(connection.answer(), 400, "request.http")
    sent = 0
    while connection.try_to_send(bytes(0x10000)):
        sent += 0x10000
        assert sent < 100_000_000


@pytest.mark.slow
def test_a_head_that_does_not_come_is_told_so(app: App) -> None:
    """408 where a part of it has come; an idle new connection is closed without a word."""
    with InThread(app, ServeSettings(head_timeout_s=0.1)) as server:
        with wire(server.port) as connection:
            connection.send(b"GET / HTTP/1.1\r\nHost:")
            require_problem(connection.answer(), 408, "request.timeout")
            assert connection.rest() == b""
        with wire(server.port) as connection:
            assert connection.rest() == b""
        with wire(server.port) as connection:
            connection.send(request("/1"))
            assert connection.answer().status == 200
            connection.send(b"G")
            require_problem(connection.answer(), 408, "request.timeout")


def test_an_idle_connection_is_closed(app: App) -> None:
    """After the time that it is kept."""
    with InThread(app, ServeSettings(keep_alive_s=0.1)) as server, wire(server.port) as connection:
        connection.send(request("/1"))
        assert connection.answer().status == 200
        assert connection.rest() == b""


@pytest.mark.slow
def test_a_client_that_reads_no_answers_is_cut_off(app: App) -> None:
    """It does not hold its connection by asking for more and more."""
    with InThread(app, ServeSettings(keep_alive_s=0.1)) as server, wire(server.port) as connection:
        while connection.try_to_send(request("/large") * 10):
            pass
        wait_until(lambda: server.connections == 0, "the connection is gone")


def test_what_comes_just_after_the_end_is_answered(app: App) -> None:
    """Its client had sent it before it could know; then the connection is closed, as one that stays idle is."""
    with InThread(app, ServeSettings()) as server, wire(server.port) as kept, wire(server.port) as idle:
        for connection in (kept, idle):
            require_usable(connection)
        # In one turn of the event loop, so that the request is there, and not yet read, when it ends.
        server.in_its_loop(lambda: (kept.send(request("/late", b"abc")), server.end_connections()))
        answer = kept.answer()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert kept.rest() == b""
        assert idle.rest() == b""


def test_one_connection_too_many_is_answered(app: App) -> None:
    """503 with `Retry-After`, and there is room again once another one has gone."""
    with InThread(app, ServeSettings(max_connections=2)) as server:
        with wire(server.port) as first, wire(server.port) as second:
            for connection in (first, second):
                require_usable(connection)
            with wire(server.port) as third:
                answer = third.answer()
                require_problem(answer, 503, "service.connections")
                assert answer.headers["retry-after"] == "1"
            require_usable(first)
        wait_until(lambda: server.connections == 0, "the connections are gone")
        with wire(server.port) as fourth:
            require_usable(fourth)


def test_an_upgrade_that_is_not_spoken_is_plain_http(connection: Wire) -> None:
    """Clients that offer HTTP/2 in the clear get an answer over HTTP/1.1, with their body, again and again."""
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__")
    for body in (b"abc", b"", b"abcdef"):
        connection.send(request("/upgrade", body, *upgrade))
        assert json.loads(connection.answer().body)["bytes"] == len(body)
    require_usable(connection)


def test_a_client_that_asks_first_is_told_to_go_on(connection: Wire) -> None:
    """`Expect: 100-continue` is answered once the application wants the body."""
    head, body = request("/a", b"abc", "Expect: 100-continue").split(b"\r\n\r\n")
    connection.send(head + b"\r\n\r\n")
    assert connection.answer().status == 100
    connection.send(body)
    assert json.loads(connection.answer().body)["bytes"] == 3


def test_a_client_that_asks_first_hears_at_once_that_nobody_wants_it(connection: Wire) -> None:
    """There is no 100 before the answer."""
    connection.send(request("/early", b"abc", "Expect: 100-continue")[:-3])
    assert connection.answer().status == 413


def test_a_client_that_goes_away_harms_nobody(server: InThread) -> None:
    """In the middle of a head, of a body, and of a refusal."""
    for data in (b"GET / HT", request("/a", bytes(100))[:-50], b"rubbish\r\n\r\n", b""):
        with wire(server.port) as connection:
            connection.send(data)
    with wire(server.port) as connection:
        require_usable(connection)


class Noted:
    """A transport that notes what is written to it."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Note it, and write it."""
        self.written.append(data)
        self._transport.write(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self._transport, name)


def test_an_answer_goes_out_in_one_piece(app: App) -> None:
    """Head and body: that is one system call, and its client is woken once."""
    with InThread(app) as server, wire(server.port) as connection:
        require_usable(connection)
        noted = Noted(server.connection.transport)
        server.connection.transport = cast("asyncio.Transport", noted)
        require_usable(connection)
        assert len(noted.written) == 1


def test_an_answer_without_a_body_goes_before_the_end(connection: Wire) -> None:
    """Also where the connection is closed with it."""
    connection.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert connection.answer("HEAD").status == 200
    assert connection.rest() == b""


def test_an_answer_without_a_body_goes_before_a_refusal(connection: Wire) -> None:
    """Its head waits for nothing."""
    connection.send(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\nrubbish\r\n\r\n")
    assert connection.answer("HEAD").status == 200
    require_problem(connection.answer(), 400, "request.http")


class Slow:
    """Sends a head, and its body when it may: words that look like a head."""

    def __init__(self) -> None:
        self.may_send = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"12")]})
        await asyncio.to_thread(self.may_send.wait, TIMEOUT_S)
        await send({"type": "http.response.body", "body": b"HTTP/1.1 ", "more_body": True})
        await send({"type": "http.response.body", "body": b"200"})


@pytest.mark.parametrize("waits", [True, False])
def test_a_head_does_not_wait_for_a_slow_body(*, waits: bool) -> None:
    """The client has it while the body is being made; what the body looks like is nobody's matter."""
    app = Slow()
    with InThread(app) as server, wire(server.port) as connection:
        if not waits:
            app.may_send.set()
        connection.send(request("/a"))
        answer = connection.socket.recv(4, socket.MSG_PEEK)
        assert answer == b"HTTP"
        app.may_send.set()
        assert connection.answer().body == b"HTTP/1.1 200"


class Waiter:
    """Reads no body before it may, and notes what each piece was and whether the body was whole when it began."""

    def __init__(self) -> None:
        self.may_read = threading.Event()
        self.pieces: list[object] = []
        self.was_whole: list[object] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            return
        self.was_whole.append(scope["state"].get("is_whole"))
        await asyncio.to_thread(self.may_read.wait, TIMEOUT_S)
        more = True
        while more:
            message = await receive()
            self.pieces.append(message["body"])
            more = message["more_body"]
        await Response(str(sum(map(len, self.pieces))))(scope, receive, send)  # type: ignore[arg-type] # all are bytes


def test_a_body_that_nobody_reads_stays_in_the_kernel() -> None:
    """The server holds some of it and stops reading, until the application wants more; nothing is lost."""
    app, size_bytes = Waiter(), 20_000_000
    with InThread(app) as server, wire(server.port) as connection:
        sending = threading.Thread(target=connection.send, args=(request("/", bytes(size_bytes)),))
        sending.start()
        wait_until(lambda: server.connections == 1, "the connection is open")
        held = server.connection
        wait_until(lambda: held.flow is not None and held.flow.read_paused, "the server stops reading")
        assert len(held.cycle.body) < 1_000_000
        app.may_read.set()
        assert connection.answer().body == str(size_bytes).encode()
        sending.join(TIMEOUT_S)


def test_a_photo_is_handed_over_as_it_came() -> None:
    """One piece that nobody has copied into another; the application is told that no more of it will come."""
    app = Waiter()
    with InThread(app) as server, wire(server.port) as connection:
        connection.send(request("/", bytes(1000)))
        wait_until(lambda: app.was_whole, "the request has come")
        held = server.connection.cycle.body
        assert isinstance(held, bytes)  # type: ignore[unreachable] # uvicorn has a bytearray there, and copies it
        app.may_read.set()  # type: ignore[unreachable]
        assert connection.answer().body == b"1000"
        connection.send(request("/", bytes(2000))[:-1])
        wait_until(lambda: len(app.was_whole) == 2, "the head has come")
        connection.send(b"\0")
        assert connection.answer().status == 200
    assert app.was_whole == [True, None]
    assert app.pieces[0] is held
