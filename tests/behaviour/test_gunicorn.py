"""The seed's service, command for command: real gunicorn, curl and ab."""

import base64
import json
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from andon.bench.body import multipart_body
from tests.support.bundles import colour_graph, colour_image, encode, write_colours
from tests.support.gunicorn import Gunicorn
from tests.support.waiting import wait_until
from tests.support.wire import HOST

pytestmark = pytest.mark.slow

MODES = [pytest.param([], id="after-fork"), pytest.param(["--preload"], id="preload")]
RED = encode(colour_image((200, 40, 40)), "JPEG")
FORM = "multipart/form-data; boundary=1234567890"


def program(name: str, package: str) -> str:
    """Find a program, or skip the test and say how to get it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: apt-get install {package}")
    return found


def ab(*arguments: str) -> dict[str, str]:
    """Run ApacheBench, and give its report as `name: value`."""
    report = subprocess.run([program("ab", "apache2-utils"), *arguments], capture_output=True, text=True, check=True)
    return dict(re.findall(r"^([A-Z][\w\- ]+):\s+(\S+)", report.stdout, re.MULTILINE))


def curl(*arguments: str, stdin: bytes | None = None) -> tuple[int, str]:
    """Run curl, and give the status and the body of the answer."""
    command = [program("curl", "curl"), "--silent", "--show-error", "--write-out", "\n%{http_code}", *arguments]
    answer = subprocess.run(command, input=stdin, capture_output=True, check=True).stdout.decode()
    body, _, status = answer.rpartition("\n")
    return int(status), body


def has_loaded(pid: int, library: str = "onnxruntime") -> bool:
    """Ask whether a process has a library in its memory."""
    return library in Path(f"/proc/{pid}/maps").read_text()


def wait_until_all_have_loaded(running: Gunicorn, count: int, library: str = "onnxruntime") -> None:
    """Wait until there are so many workers, and each has a library in its memory."""
    wait_until(lambda: len(running.workers()) == count, f"there are {count} workers")
    wait_until(lambda: all(has_loaded(pid, library) for pid in running.workers()), f"all have loaded {library}")


@pytest.fixture(scope="module", params=MODES)
def service(
    request: pytest.FixtureRequest, colours: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    """Four workers with the bundle of colours, loaded after the fork or with `--preload`."""
    application = f'andon.wsgi:create_app("{colours}", probe=True)'
    with Gunicorn("-w", "4", *request.param, application, folder=tmp_path_factory.mktemp("gunicorn")) as running:
        wait_until_all_have_loaded(running, 4)
        yield running.wait_until_it_serves()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A red photo."""
    path = tmp_path / "x.jpg"
    path.write_bytes(RED)
    return path


@pytest.mark.parametrize("mode", MODES)
def test_every_worker_loads_the_model_itself_before_it_is_asked(mode: list[str], colours: Path, tmp_path: Path) -> None:
    """The master never has the runtime in its memory, so no session and no thread of it; the workers all have."""
    with Gunicorn("-w", "4", *mode, f'andon.wsgi:create_app("{colours}")', folder=tmp_path) as running:
        wait_until_all_have_loaded(running, 4)
        assert not has_loaded(running.pid)


def test_the_root_is_the_seed_s(service: Gunicorn) -> None:
    """Exactly `classifier api`."""
    assert curl(f"{service.url}/") == (200, "classifier api")
    assert service.ask("HEAD", "/")[:2] == (200, b"")


def test_curl_uploads_an_image(service: Gunicorn, image: Path) -> None:
    """`result : LABEL`, without a newline."""
    assert curl("-F", f"file=@{image}", f"{service.url}/run") == (200, "result : red")


def test_curl_may_ask_for_json(service: Gunicorn, image: Path) -> None:
    """With `Accept: application/json` everything is told."""
    status, body = curl("-F", f"file=@{image}", "-H", "Accept: application/json", f"{service.url}/run")
    answer = json.loads(body)
    assert (status, answer["predictions"][0]["label"], answer["model"]["name"]) == (200, "red", "colours")


def test_ab_posts_a_base64_body(service: Gunicorn, image: Path, tmp_path: Path) -> None:
    """The seed's load test: all complete, none fails, every status is 2xx."""
    body = tmp_path / "body.txt"
    body.write_bytes(multipart_body(image.read_bytes(), image.name))
    report = ab("-n", "20", "-c", "2", "-T", FORM, "-p", str(body), f"{service.url}/run")
    assert (report["Complete requests"], report["Failed requests"]) == ("20", "0")
    assert "Non-2xx responses" not in report
    assert report["Document Length"] == str(len("result : red"))


def test_a_body_made_by_hand_is_read(service: Gunicorn) -> None:
    """As the seed's readers write it: a script, one line of base64, a name with a path that nobody follows."""
    lines = [
        b"--1234567890",
        b'Content-Disposition: form-data; name="file"; filename="../../etc/turtle.jpg"',
        b"Content-Type: image/jpeg",
        b"Content-Transfer-Encoding: base64",
        b"",
        base64.b64encode(RED),
        b"",
        b"--1234567890--",
        b"",
    ]
    body = b"\r\n".join(lines)
    assert service.ask("POST", "/run", body, {"Content-Type": FORM})[:2] == (200, b"result : red")


def test_ab_sees_that_requests_run_side_by_side(service: Gunicorn, tmp_path: Path) -> None:
    """The seed's concurrency probe: four workers answer more than twice as many a second as one."""
    wait_until(lambda: seconds_for_four_probes(service) < 1.8, "all four workers are up")
    # ab makes its first request alone, so ten take four seconds and not three.
    four = ab("-c", "4", "-n", "10", f"{service.url}/run")
    with Gunicorn("-w", "1", "andon.wsgi:create_app(None, null=True, probe=True)", folder=tmp_path) as alone:
        one = ab("-c", "2", "-n", "3", f"{alone.wait_until_it_serves().url}/run")
    assert (four["Complete requests"], four["Failed requests"]) == ("10", "0")
    assert float(four["Requests per second"]) > 2 * float(one["Requests per second"])
    assert float(one["Requests per second"]) < 1.1


def seconds_for_four_probes(service: Gunicorn) -> float:
    """Ask four times at once; a second where four workers answer."""
    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: service.ask("GET", "/run")[:2], range(4)))
    assert answers == [(200, b"0")] * 4
    return time.monotonic() - started


@pytest.mark.parametrize("header", ["Expect: 100-continue", "Transfer-Encoding: chunked", "Expect:"])
def test_curl_is_told_that_a_body_is_too_large(service: Gunicorn, header: str) -> None:
    """A 413 with a sentence arrives, however the body is sent, and not a connection reset."""
    status, body = curl("-H", header, "-F", "file=@-", f"{service.url}/run", stdin=bytes(70_000_000))
    assert status == 413
    assert "more than 67108864 bytes" in body
    assert "[request.bytes]" in body


def test_a_client_that_sends_before_it_listens_is_told_too(service: Gunicorn) -> None:
    """As python-requests does: the whole body first, then the answer."""
    status, body, _ = service.ask("POST", "/run", bytes(70_000_000), {"Content-Type": "image/png"})
    assert status == 413
    assert b"[request.bytes]" in body


@pytest.mark.parametrize(
    ("request_head", "answer"),
    [
        (b"POST /run HTTP/1.0\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n", b"result : red"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", b"result : red"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 1%d\r\n\r\n", b"[request.body]"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\n\r\n", b"[request.file]"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"[request.body]"),
        (b"POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n", b"[request.body]"),
    ],
    ids=["HTTP/1.0", "no type", "too short", "no length", "bad chunk", "short chunk"],
)
def test_requests_are_answered_however_odd(service: Gunicorn, request_head: bytes, answer: bytes) -> None:
    """Old clients, lying lengths and broken chunks: the right image or the right 4xx."""
    head = request_head % len(RED) if b"%d" in request_head else request_head
    with socket.create_connection((HOST, service.port), timeout=30) as connection:
        connection.sendall(head + RED)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received.endswith(answer)
    assert received.split()[1] in (b"200", b"400")


def test_nothing_is_written_to_disk(service: Gunicorn, tmp_path: Path) -> None:
    """Large uploads are served by processes that are not allowed to write one byte to any file."""
    noise = np.random.default_rng(0).integers(0, 256, (1300, 1300, 3), np.uint8)
    noise[..., 0] |= 128
    large = encode(Image.fromarray(noise))
    assert len(large) > 5_000_000
    (tmp_path / "large.png").write_bytes(large)
    for pid in service.workers():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, 0))
    for _ in range(8):
        assert curl("-F", f"file=@{tmp_path / 'large.png'}", f"{service.url}/run") == (200, "result : red")


def test_a_worker_that_dies_is_replaced(service: Gunicorn) -> None:
    """Its successor loads and proves the bundle too, and requests go on being answered."""
    before = service.workers()
    os.kill(before[0], signal.SIGKILL)
    wait_until(lambda: len(set(service.workers()) - set(before)) == 1, "there is a successor")
    (successor,) = set(service.workers()) - set(before)
    wait_until(lambda: has_loaded(successor), "the successor has loaded")
    for _ in range(12):
        assert service.ask("POST", "/run", RED, {"Content-Type": "image/jpeg"})[:2] == (200, b"result : red")
    assert service.workers() == [*before[1:], successor]


@pytest.mark.parametrize("mode", MODES)
def test_sigterm_ends_it(mode: list[str], colours: Path, tmp_path: Path) -> None:
    """Master and workers end by themselves, at once and with code 0; no worker has to be killed."""
    with Gunicorn("-w", "2", *mode, f'andon.wsgi:create_app("{colours}")', folder=tmp_path) as running:
        running.wait_until_it_serves()
        workers = running.workers()
        assert running.ask("POST", "/run", RED, {"Content-Type": "image/jpeg"}).status == 200
        started = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait_until_it_ends() == 0
        assert time.monotonic() - started < 10
        assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
        assert "SIGKILL" not in running.log


@pytest.mark.parametrize("mode", MODES)
def test_it_can_be_ended_while_it_loads(mode: list[str], colours: Path, tmp_path: Path) -> None:
    """Ctrl-C right after the start does not wait for half a minute."""
    with Gunicorn("-w", "4", *mode, f'andon.wsgi:create_app("{colours}")', folder=tmp_path) as running:
        wait_until_all_have_loaded(running, 4, "numpy")
        started = time.monotonic()
        running.send_signal(signal.SIGINT)
        running.wait_until_it_ends()
        assert time.monotonic() - started < 10


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle with right digests in which one weight was changed."""
    weights = np.array([[4, -2, -2], [-2, 4, -2], [-2, -2, 4.5]], np.float32)
    return write_colours(tmp_path_factory.mktemp("wrong") / "wrong.andon", colour_graph(weights))


@pytest.mark.parametrize("mode", MODES)
def test_a_bundle_that_does_not_prove_itself_stops_the_service(mode: list[str], wrong: Path, tmp_path: Path) -> None:
    """Exit code 3, the reason once and without a traceback, and nobody listens any more."""
    with Gunicorn("-w", "4", *mode, f'andon.wsgi:create_app("{wrong}")', folder=tmp_path) as running:
        port = running.port
        assert running.wait_until_it_ends() == 3
        log = running.log
    assert log.count("[ERROR] [proof.failed]") == 1
    assert "stage raw output" in log
    assert "wrong.andon › golden/inputs/0.png" in log
    assert "Traceback" not in log
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, port), timeout=5)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("call", "code"), [('"typo.andon"', "bundle.missing"), ("None", "usage.argument")], ids=["no bundle", "no path"]
)
def test_what_cannot_be_served_stops_the_service(mode: list[str], call: str, code: str, tmp_path: Path) -> None:
    """A slip of the pen is one clear message and exit code 3, with any number of workers."""
    with Gunicorn("-w", "4", *mode, f"andon.wsgi:create_app({call})", folder=tmp_path) as running:
        assert running.wait_until_it_ends() == 3
        assert running.log.count(f"[ERROR] [{code}]") == 1
        assert "Traceback" not in running.log
        assert "hint: " in running.log or "typo.andon" in running.log


def test_there_is_a_service_before_there_is_a_model(image: Path, tmp_path: Path) -> None:
    """The seed's first lesson, and what is no image is refused already."""
    with Gunicorn("andon.wsgi:create_app(None, null=True)", folder=tmp_path) as running:
        running.wait_until_it_serves()
        assert curl("-F", f"file=@{image}", f"{running.url}/run") == (200, "result : null")
        assert curl("-F", f"file=@{__file__}", f"{running.url}/run")[0] == 400
