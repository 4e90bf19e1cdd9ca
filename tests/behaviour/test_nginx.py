"""The seed's last step: real nginx in front of real services, under load, with failures."""

import http.client
import json
import os
import pwd
import shutil
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from andon.bench.body import multipart_body
from andon.deploy.check import check_folder
from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode
from tests.support.gunicorn import Gunicorn
from tests.support.nginx import Nginx, open_folder
from tests.support.pictures import encoded, photo
from tests.support.program import ServerProgram
from tests.support.upstreams import Upstream, upstream
from tests.support.waiting import wait_until
from tests.support.wire import HOST, Answer

pytestmark = pytest.mark.slow

RED = encode(colour_image((200, 40, 40)), "JPEG")
JPEG = {"Content-Type": "image/jpeg"}


@pytest.fixture(scope="module", params=["gunicorn", "andon serve"])
def form(request: pytest.FixtureRequest) -> str:
    """What stands behind nginx."""
    return str(request.param)


@pytest.fixture(scope="module")
def ports(form: str, colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[int]]:
    """Where four services with the bundle of colours listen."""
    with ExitStack() as stack:
        started = [
            stack.enter_context(service(form, colours, folder=tmp_path_factory.mktemp("service"))) for _ in range(4)
        ]
        yield [each.wait_until_it_serves().port for each in started]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for nginx."""
    with open_folder() as path:
        yield path / "front"


@pytest.fixture
def front(ports: list[int], folder: Path) -> Iterator[Nginx]:
    """Nginx before the four services."""
    with Nginx(folder, *ports) as running:
        yield running


@pytest.fixture
def told() -> Iterator[list[Upstream]]:
    """Three services that do as they are told."""
    with ExitStack() as stack:
        yield [stack.enter_context(upstream()) for _ in range(3)]


@pytest.fixture
def before_told(told: list[Upstream], folder: Path) -> Iterator[Nginx]:
    """Nginx before the three."""
    with Nginx(folder, *(each.port for each in told)) as running:
        yield running


def service(form: str, bundle: Path, *, folder: Path, port: int = 0) -> ServerProgram:
    """Make one service of a bundle, with the probe, that handles one request at a time; it is not started yet."""
    if form == "gunicorn":
        further = ("-b", f"{HOST}:{port}") if port else ()
        return Gunicorn("-w", "1", *further, f'andon.wsgi:create_app("{bundle}", probe=True)', folder=folder)
    return AndonServe(str(bundle), "--probe", "--threads", "1", port=port, waits=False)


def problem(answer: Answer) -> tuple[int, str]:
    """Give the status and the code of a refusal."""
    return answer.status, json.loads(answer.body)["code"]


def test_the_seed_s_command_works_through_it(front: Nginx, tmp_path: Path) -> None:
    """`ab` with its form and its boundary: all complete, none fails, every status is 2xx."""
    if shutil.which("ab") is None:
        pytest.skip("ab is not installed: apt-get install apache2-utils")
    (tmp_path / "turtle.txt").write_bytes(multipart_body(RED, "turtle.jpg"))
    form = "multipart/form-data; boundary=1234567890"
    command = ["ab", "-n", "40", "-c", "2", "-T", form, "-p", "turtle.txt", f"http://localhost:{front.port}/run"]
    report = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "Complete requests:      40" in report
    assert "Failed requests:        0" in report
    assert "Non-2xx" not in report
    assert len({line["upstream"] for line in front.wait_for_log(40)}) == 4


def test_four_probes_at_once_go_to_four_services(front: Nginx) -> None:
    """The one-second probe runs four times as fast as before one service: each holds exactly one of them."""
    for _ in range(3):
        before = len(front.logged())
        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: front.ask("GET", "/run")[:2], range(4)))
        assert answers == [(200, b"0")] * 4
        assert len({line["upstream"] for line in front.wait_for_log(before + 4)[before:]}) == 4


def test_a_service_that_is_killed_costs_no_request(form: str, colours: Path, folder: Path, tmp_path: Path) -> None:
    """
    240 uploads by eight clients while one of three is killed: each is answered, and answered right.

    One answer at most may have been on its way, head first, when its sender died. That cannot be
    undone: the client sees it break off, and asks again.
    """
    with ExitStack() as stack:
        services = [stack.enter_context(service(form, colours, folder=tmp_path)) for _ in range(3)]
        ports = [each.wait_until_it_serves().port for each in services]
        front = stack.enter_context(Nginx(folder, *ports))
        under_way = threading.Semaphore(0)
        broken_off = []

        def upload(_: int) -> tuple[int, bytes]:
            under_way.release()
            try:
                return front.ask("POST", "/run", RED, JPEG)[:2]
            except http.client.IncompleteRead as error:
                broken_off.append(error)
                return front.ask("POST", "/run", RED, JPEG)[:2]

        with ThreadPoolExecutor(8) as pool:
            answers = pool.map(upload, range(240))
            for _ in range(60):
                under_way.acquire()
            services[0].kill_all()
            assert Counter(answers) == {(200, b"result : red"): 240}
        assert len(broken_off) <= 1
        logged = front.wait_for_log(240)
        assert {ports[1], ports[2]} <= {int(line["upstream"].rpartition(":")[2]) for line in logged[-60:]}


def test_a_request_that_its_service_drops_is_sent_to_another(told: list[Upstream], folder: Path) -> None:
    """The whole body is there again, and the client hears nothing of it."""
    with socket.create_server((HOST, 0)) as dying, ThreadPoolExecutor(1) as pool:

        def die() -> bytes:
            connection, _ = dying.accept()
            with connection:
                return connection.recv(10_000_000)

        died = pool.submit(die)
        with Nginx(folder, dying.getsockname()[1], told[0].port) as front:
            while not died.done():
                assert front.ask("POST", "/run", b"image" * 1000).status == 200
        assert died.result().startswith(b"POST /run HTTP/1.1")
    assert {seen.body for seen in told[0].received} == {b"image" * 1000}


def test_a_service_that_comes_back_is_asked_again(form: str, colours: Path, folder: Path, tmp_path: Path) -> None:
    """Within seconds, and while it is away nobody notices."""
    with ExitStack() as stack:
        other = stack.enter_context(service(form, colours, folder=tmp_path)).wait_until_it_serves()
        with service(form, colours, folder=tmp_path) as first:
            port = first.wait_until_it_serves().port
            front = stack.enter_context(Nginx(folder, port, other.port))
        for _ in range(20):
            assert front.ask("POST", "/run", RED, JPEG).status == 200
        assert front.wait_for_log(20)[-1]["upstream"] == f"{HOST}:{other.port}"
        stack.enter_context(service(form, colours, folder=tmp_path, port=port))

        def is_back() -> bool:
            assert front.ask("POST", "/run", RED, JPEG).status == 200
            return front.logged()[-1]["upstream"] == f"{HOST}:{port}"

        wait_until(is_back, "it is asked again")


def test_requests_are_spread_while_they_take_long(told: list[Upstream], before_told: Nginx) -> None:
    """Three at once go to three services: none is answered before each of them holds one."""
    barrier = threading.Barrier(3)
    for each in told:
        each.barrier = barrier
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: before_told.ask("POST", "/run", b"x"), range(3)))
    assert [answer.status for answer in answers] == [200] * 3
    assert [len(each.received) for each in told] == [1, 1, 1]


def test_a_busy_service_is_spared(told: list[Upstream], before_told: Nginx) -> None:
    """While one holds a request, however long, the next ones go to the others."""
    barrier = threading.Barrier(2)
    for each in told:
        each.barrier = barrier
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(before_told.ask, "POST", "/run", b"held")
        wait_until(lambda: barrier.n_waiting == 1, "a service holds the request")
        for each in told:
            each.barrier = None
        for _ in range(12):
            assert before_told.ask("POST", "/run", b"next").status == 200
        barrier.wait()
        assert held.result().status == 200
    assert sorted(len(each.received) for each in told) == [1, 6, 6]


def test_a_body_over_the_limit_is_refused_as_the_service_would(front: Nginx) -> None:
    """70 MB sent before listening, as python-requests does: a problem with its code and the request id."""
    answer = front.ask("POST", "/run", bytes(70_000_000), {"X-Request-Id": "part-7"})
    document = json.loads(answer.body)
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert (document["code"], document["status"], document["request_id"]) == ("request.bytes", 413, "part-7")
    assert "more than 67108864 bytes" in document["detail"]
    assert answer.headers.get_all("X-Request-Id") == ["part-7"]


def test_an_image_over_the_buffer_gets_through(front: Nginx) -> None:
    """Written to the folder of nginx meanwhile, and gone after; smaller ones never touch the disk."""
    large = encoded(photo(2000, 2000), "PNG", compress_level=0)
    assert len(large) > 10_000_000
    assert front.ask("POST", "/run", large, {"Content-Type": "image/png"}).status == 200
    small = encoded(photo(1500, 1500), "PNG", compress_level=0)
    assert front.ask("POST", "/run", small, {"Content-Type": "image/png"}).status == 200
    assert "temporary file" in (errors := (front.folder / "logs" / "error.log").read_text())
    assert errors.count("temporary file") == 1
    assert [path for path in (front.folder / "temp").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("offered", ["part-7:a/b+c=d@e._", "A" * 128])
def test_a_request_id_is_kept(told: list[Upstream], before_told: Nginx, offered: str) -> None:
    """The service gets it, the answer has it once, the log has it."""
    told[0].headers = {"X-Request-Id": "of-the-service"}
    answer = before_told.ask("GET", "/", headers={"X-Request-Id": offered})
    assert answer.headers.get_all("X-Request-Id") == [offered]
    assert [seen.headers["x-request-id"] for each in told for seen in each.received] == [offered]
    assert before_told.wait_for_log(1)[0]["request_id"] == offered


@pytest.mark.parametrize("offered", [None, "", "A" * 129, 'a"b', "a b", "a,b", "a\tb", "ä"])
def test_a_request_id_that_cannot_be_kept_is_replaced(
    told: list[Upstream], before_told: Nginx, offered: str | None
) -> None:
    """By the rule of the service itself, so both always speak of one."""
    headers = {} if offered is None else {"X-Request-Id": offered}
    (given,) = before_told.ask("GET", "/", headers=headers).headers.get_all("X-Request-Id") or []
    assert len(given) == 32
    assert set(given) <= set("0123456789abcdef")
    assert [seen.headers["x-request-id"] for each in told for seen in each.received] == [given]
    assert before_told.wait_for_log(1)[0]["request_id"] == given


def test_the_log_says_where_the_time_went(front: Nginx) -> None:
    """One JSON object a request: who, what, how long, which service, and that service's own account."""
    front.ask("POST", "/run", RED, {**JPEG, "X-Request-Id": "part-7"})
    (line,) = front.wait_for_log(1)
    assert line["client"] == HOST
    assert line["request"] == "POST /run HTTP/1.1"
    assert (line["status"], line["upstream_status"]) == ("200", "200")
    assert line["request_bytes"] > len(RED)
    assert 0 <= float(line["upstream_s"]) <= line["duration_s"] + 0.01
    assert "infer;dur=" in line["server_timing"]


def test_a_slow_client_holds_no_service(told: list[Upstream], before_told: Nginx) -> None:
    """The service hears of a request when its whole body is there."""
    head = b"POST /run HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 200000\r\n\r\n"
    with socket.create_connection((HOST, before_told.port), timeout=30) as connection:
        connection.sendall(head + bytes(199_999))
        # nginx answers others meanwhile, by the same processes, so it has read what was sent by now or soon.
        for _ in range(20):
            assert before_told.ask("GET", "/live").status == 200
        assert not any(each.connections for each in told)
        connection.sendall(b"\0")
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.startswith(b"HTTP/1.1 200 ")
    assert [len(seen.body) for each in told for seen in each.received] == [200_000]


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_service_that_cannot_is_passed_over(told: list[Upstream], before_told: Nginx, status: int) -> None:
    """The client never hears of it, and the next requests spare it."""
    told[0].status = told[1].status = status
    for _ in range(30):
        assert before_told.ask("POST", "/run", b"image").body == str(told[2].port).encode()
    assert {seen.body for each in told for seen in each.received} == {b"image"}
    assert len(told[0].received) + len(told[1].received) < 15


@pytest.mark.parametrize("status", [400, 413, 500, 504])
def test_an_answer_that_would_come_again_is_final(told: list[Upstream], before_told: Nginx, status: int) -> None:
    """A bad image, a fault of the model, a deadline that has passed: asked once, and passed as it is."""
    for each in told:
        each.status = status
    answer = before_told.ask("POST", "/run", b"image")
    assert (answer.status, answer.body.decode()) == (status, str(next(s.port for s in told if s.received)))
    assert sum(len(each.received) for each in told) == 1


def test_overload_stays_what_it_is(told: list[Upstream], before_told: Nginx) -> None:
    """All are full, again and again: the client is told 429 and when to come back, and none is taken for dead."""
    for each in told:
        each.status, each.headers = 429, {"Retry-After": "1"}
    for _ in range(20):
        answer = before_told.ask("POST", "/run", b"image")
        assert (answer.status, answer.headers["Retry-After"]) == (429, "1")
    told[1].status = 200
    for _ in range(20):
        assert before_told.ask("POST", "/run", b"image").status == 200


def test_full_or_unready_is_told_rather_than_gone(folder: Path) -> None:
    """Of two, one is gone: what the other says counts."""
    with upstream() as gone:
        port = gone.port
    with upstream() as told, Nginx(folder, port, told.port) as front:
        for status, code in ((429, "engine.full"), (503, "service.unready")):
            told.status, told.headers = status, {"Retry-After": "1"}
            for _ in range(10):
                answer = front.ask("POST", "/run", b"image", {"X-Request-Id": "part-7"})
                assert (answer.status, answer.headers["Retry-After"]) == (status, "1")
                if answer.headers["Content-Type"]:  # else it is the answer of the service itself
                    assert problem(answer) == (status, code)
                assert answer.headers.get_all("X-Request-Id") == ["part-7"]


def test_where_nobody_answers_the_problem_says_so(folder: Path) -> None:
    """502 with a code of its own, for one service and for several."""
    with upstream() as first, upstream() as second:
        ports = (first.port, second.port)
    for count in (1, 2):
        with Nginx(folder, *ports[:count]) as front:
            assert problem(front.ask("POST", "/run", b"image")) == (502, "upstream.unreachable")


def test_a_service_that_is_silent_is_given_up(folder: Path) -> None:
    """Five seconds after the deadline, and no second one is asked: nobody waits any more."""
    with (
        socket.create_server((HOST, 0)) as first,
        socket.create_server((HOST, 0)) as second,
        Nginx(folder, first.getsockname()[1], second.getsockname()[1], deadline_s=1) as front,
    ):
        assert problem(front.ask("POST", "/run", b"image")) == (504, "upstream.timeout")
        assert front.wait_for_log(1)[0]["upstream_status"] == "504"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "request.http"),
        (b"NONSENSE\r\n\r\n", 400, "request.http"),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 33_000 + b"\r\n\r\n", 431, "request.head"),
        (b"GET /?" + b"a" * 33_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, "request.head"),
        (b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, "request.method"),
        (b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "request.path"),
        (b"POST /admin/swap HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "request.path"),
        (b"GET /.andon/413 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 404, "request.path"),
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            "request.http",
        ),
    ],
    ids=["host", "nonsense", "headers", "address", "method", "metrics", "admin", "inner address", "chunks"],
)
def test_what_nginx_refuses_is_a_problem(
    told: list[Upstream], before_told: Nginx, sent: bytes, status: int, code: str
) -> None:
    """In the shape of the service, with the request id of the header, and no service is bothered."""
    with socket.create_connection((HOST, before_told.port), timeout=30) as connection:
        connection.sendall(sent)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    document = json.loads(body)
    assert head.startswith(f"HTTP/1.1 {status}".encode())
    assert b"Content-Type: application/problem+json" in head
    assert (document["status"], document["code"]) == (status, code)
    assert f"X-Request-Id: {document['request_id']}".encode() in head
    assert not any(each.received for each in told)
    assert before_told.wait_for_log(1)[0]["status"] == str(status)


def test_a_head_within_the_limit_gets_through(told: list[Upstream], before_told: Nginx) -> None:
    """One header of 30 KiB, a token with the rest, and the addresses of the client."""
    headers = {"X-Long": "a" * 30_000, "Authorization": "Bearer secret", "Host": "line-4:5556"}
    assert before_told.ask("GET", "/", headers=headers).status == 200
    (seen,) = (seen for each in told for seen in each.received)
    assert seen.headers["x-long"] == "a" * 30_000
    assert seen.headers["authorization"] == "Bearer secret"
    assert seen.headers["host"] == "line-4:5556"
    assert (seen.headers["x-forwarded-for"], seen.headers["x-forwarded-proto"]) == (HOST, "http")
    assert "connection" not in seen.headers


@pytest.mark.parametrize("sent", [b"GET / HTTP/1.0\r\n\r\n", b"GET /\r\n"], ids=["1.0", "0.9"])
def test_the_oldest_clients_are_answered_and_logged(told: list[Upstream], before_told: Nginx, sent: bytes) -> None:
    """No Host, no version: the service gets proper HTTP, and the log stays JSON."""
    with socket.create_connection((HOST, before_told.port), timeout=30) as connection:
        connection.sendall(sent)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    (port,) = (each.port for each in told if each.received)
    assert received.endswith(str(port).encode())
    assert before_told.wait_for_log(1)[0]["request"] == sent.decode().strip()


def test_it_runs_as_an_ordinary_user(ports: list[int], folder: Path) -> None:
    """In the foreground, with its logs and temporary files in the folder, also for a body on disk."""
    before: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("setpriv is not installed: apt-get install util-linux")
        before = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
    with Nginx(folder, ports[0], before=before) as front:
        user = pwd.getpwuid(Path(f"/proc/{front.pid}").stat().st_uid).pw_name
        assert user != "root"
        large = encoded(photo(2000, 2000), "PNG", compress_level=0)
        assert front.ask("POST", "/run", large, {"Content-Type": "image/png"}).status == 200
        assert (folder / "logs" / "nginx.pid").read_text().strip() == str(front.pid)


def test_the_check_holds_before_running_services(ports: list[int], folder: Path) -> None:
    """Every check, with the service of each answer, and nginx is gone after it."""
    with Nginx(folder, *ports) as front:
        port = front.port
    checks = check_folder(folder)
    assert [check.name for check in checks if not check.holds] == []
    details = {check.name: check.detail for check in checks}
    assert details["image"].startswith("POST /run of 12,")
    assert "result : " in details["image on disk"]
    assert all(f"{HOST}:{number} (" in details["access log"] for number in ports)
    with pytest.raises(ConnectionRefusedError), socket.create_connection((HOST, port)):
        pass


def test_the_check_says_which_service_is_missing(ports: list[int], folder: Path) -> None:
    """The others answer for it, so all but its own check hold."""
    with upstream() as gone:
        port = gone.port
    with Nginx(folder, ports[0], port):
        pass
    failed = [check for check in check_folder(folder) if not check.holds]
    assert [check.name for check in failed] == [f"upstream {HOST}:{port}"]
    assert "Connection refused" in failed[0].detail
