"""`andon serve` from its start to its end: what it answers meanwhile, and how it ends."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.support.andon_serve import ANDON, AndonServe
from tests.support.bundles import colour_graph, colour_image, encode, write_colours
from tests.support.machine import inet_sockets, written_bytes
from tests.support.unruly import Control
from tests.support.waiting import TIMEOUT_S, wait_until
from tests.support.wire import HOST, Wire, head, whole, wire

pytestmark = pytest.mark.slow

RED = encode(colour_image((200, 40, 40)))
TOKEN = "a-secret-of-many-letters"  # noqa: S105 -- of a test


@pytest.fixture
def control(tmp_path: Path) -> Control:
    """Says when the model of a service hangs or lies."""
    return Control(tmp_path)


def get(service: AndonServe, path: str) -> httpx.Response:
    """Ask over a connection of its own."""
    return httpx.get(f"{service.url}{path}", trust_env=False, timeout=TIMEOUT_S)


def held(service: AndonServe, state: str) -> int:
    """Ask how many images wait (`queued`) or are computed (`running`)."""
    found = re.search(rf'andon_jobs{{state="{state}"}} ([\d.]+)', get(service, "/metrics").text)
    assert found
    return int(float(found[1]))


def run(*words: str, environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `andon serve` until it ends by itself."""
    return subprocess.run(
        [str(ANDON), "serve", *words], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment, check=False
    )


# The start.


def test_the_port_answers_before_the_model_is_loaded(colours: Path, control: Control) -> None:
    """While it loads: alive, not ready, and images are refused with when to ask again. Then all of it."""
    control.begin("import")
    with AndonServe(str(colours), environment=control.environment, waits=False) as service:
        control.wait_until_it_waits("import")
        assert get(service, "/live").status_code == 200
        unready = get(service, "/ready")
        assert unready.status_code == 503
        assert [model["state"] for model in unready.json()["models"]] == ["loading"]
        assert [model["state"] for model in get(service, "/models").json()["models"]] == ["loading"]
        for path in ("/run", "/predict"):
            with wire(service.port) as connection:
                connection.send(whole(path, RED))
                refused = connection.answer()
            assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
            assert b"service.unready" in refused.body
        control.end("import")
        wait_until(lambda: get(service, "/ready").status_code == 200, "the service is ready")
        with wire(service.port) as connection:
            connection.send(whole("/run", RED))
            assert connection.answer().body == b"result : red"


def test_a_bundle_that_does_not_prove_itself_is_not_served(tmp_path: Path, control: Control) -> None:
    """The port says 503 until it is known, then the process ends with 1 and says why, once."""
    wrong = write_colours(tmp_path / "wrong.andon", graph=colour_graph(np.eye(3, dtype=np.float32)))
    control.begin("import")
    with AndonServe(str(wrong), environment=control.environment, waits=False) as service:
        control.wait_until_it_waits("import")
        assert get(service, "/ready").status_code == 503
        control.end("import")
        assert service.wait_until_it_ends() == 1
    assert service.log.count("proof.failed") == 1
    assert "Traceback" not in service.log
    assert "ready: " not in service.log


def test_a_file_that_is_not_there_ends_it(tmp_path: Path) -> None:
    """Exit code 1, as for every bundle that cannot be had, without a traceback."""
    ended = run("--port", "0", str(tmp_path / "absent.andon"))
    assert ended.returncode == 1
    assert "bundle.missing" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_wants_a_bundle() -> None:
    """Exit code 2, and what to type."""
    ended = run("--port", "0")
    assert ended.returncode == 2
    assert "hint: andon serve" in ended.stderr


def test_a_port_that_is_taken_is_said(colours: Path) -> None:
    """Exit code 3, at once, with what to do."""
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        ended = run("--port", str(port), str(colours))
    assert ended.returncode == 3
    assert f"port {port}" in ended.stderr
    assert "--port N" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_other_machines_come_in_only_where_that_was_said(colours: Path) -> None:
    """Without a token, listening on all addresses is refused with 2; the hint names both ways out."""
    ended = run("--port", "0", "--host", "0.0.0.0", str(colours))  # noqa: S104 -- it is refused
    assert ended.returncode == 2
    assert "ANDON_TOKEN" in ended.stderr
    assert "--insecure" in ended.stderr


@pytest.mark.parametrize(("words", "status"), [(("--token", TOKEN), 401), (("--insecure",), 200)])
def test_with_a_token_requests_must_bring_it(colours: Path, words: tuple[str, ...], status: int) -> None:
    """On all addresses: with `--token` a request without it is refused, with `--insecure` it is not."""
    with AndonServe("--host", "0.0.0.0", *words, str(colours)) as service:  # noqa: S104 -- behind a token, or for a moment
        with wire(service.port) as connection:
            connection.send(whole("/run", RED))
            assert connection.answer().status == status
            connection.send(whole("/run", RED, f"Authorization: Bearer {TOKEN}"))
            assert connection.answer().status == 200
        assert get(service, "/live").status_code == 200
        assert TOKEN not in service.log


def test_ipv6_is_served(colours: Path) -> None:
    """`--host ::1` listens there, and says so."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with AndonServe("--host", "::1", str(colours), waits=False) as service:
        wait_until(lambda: "ready: " in service.log, "the service is ready")
        found = re.search(r"listening on http://\[::1\]:(\d+)", service.log)
        assert found, service.log
        with wire(int(found[1]), "::1") as connection:
            connection.send(whole("/run", RED))
            assert connection.answer().body == b"result : red"


# The end.


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_answered_before_it_ends(colours: Path, number: int) -> None:
    """One that is computed, one that waits, one whose body is half sent; nobody new gets in, and the exit code is 0."""
    with AndonServe("--threads", "1", "--probe", str(colours)) as service:
        port = service.port
        with wire(port) as idle, wire(port) as holding, wire(port) as waiting, wire(port) as sending:
            idle.send(head("/live", method="GET"))
            assert idle.answer("GET").status == 200
            sending.send(head("/run", "Content-Type: image/png", f"Content-Length: {len(RED)}") + RED[:100])
            holding.send(head("/run", method="GET"))
            wait_until(lambda: held(service, "running") == 1, "the worker is held")
            waiting.send(whole("/run", RED))
            wait_until(lambda: held(service, "queued") == 1, "an image waits")
            service.send_signal(number)
            assert idle.rest_or_reset() == b""
            with pytest.raises(ConnectionError):
                Wire(port)
            sending.send(RED[100:])
            assert holding.answer("GET").body == b"0"
            answers = [connection.answer() for connection in (waiting, sending)]
        assert [(answer.status, answer.body) for answer in answers] == [(200, b"result : red")] * 2
        assert [answer.headers["Connection"] for answer in answers] == ["close"] * 2
        assert service.wait_until_it_ends() == 0
    assert "Traceback" not in service.log
    assert service.log.endswith("ended\n")


def test_a_second_interrupt_ends_it_at_once(colours: Path, control: Control) -> None:
    """The first waits for a body that does not come and for a model that hangs; the second for nothing."""
    words = ("--shutdown-timeout-s", "3600", "--body-timeout-s", "3600", "--canary-interval-s", "3600")
    with AndonServe(*words, str(colours), environment=control.environment) as service:
        control.begin("hang")
        with wire(service.port) as sending, wire(service.port) as hanging, wire(service.port) as idle:
            sending.send(head("/run", "Content-Length: 1000", "X-Deadline-Ms: 600000", "Expect: 100-continue"))
            assert sending.answer().status == 100
            hanging.send(whole("/run", RED, "X-Deadline-Ms: 600000"))
            control.wait_until_it_waits("hang")
            idle.send(head("/live", method="GET"))
            assert idle.answer("GET").status == 200
            service.send_signal(signal.SIGINT)
            assert idle.rest_or_reset() == b""
            service.send_signal(signal.SIGINT)
            service.wait_until_it_ends()
            for connection in (sending, hanging):
                assert b"engine.closed" in connection.rest_or_reset()
    assert "Traceback" not in service.log


def test_what_does_not_end_in_time_is_given_up(colours: Path, control: Control) -> None:
    """A body that does not come and a model that hangs hold the end up for a time, and no longer; exit code 0."""
    words = ("--shutdown-timeout-s", "0.1", "--body-timeout-s", "3600", "--canary-interval-s", "3600")
    with AndonServe(*words, str(colours), environment=control.environment) as service:
        control.begin("hang")
        with wire(service.port) as sending, wire(service.port) as hanging:
            sending.send(head("/run", "Content-Length: 1000", "X-Deadline-Ms: 600000", "Expect: 100-continue"))
            assert sending.answer().status == 100
            hanging.send(whole("/run", RED, "X-Deadline-Ms: 600000"))
            control.wait_until_it_waits("hang")
            service.send_signal(signal.SIGTERM)
            assert service.wait_until_it_ends() == 0
            for connection in (sending, hanging):
                assert b"engine.closed" in connection.rest_or_reset()
    assert "Traceback" not in service.log


def test_it_ends_while_it_loads(colours: Path, control: Control) -> None:
    """SIGTERM before the model is there: exit code 0, nothing said of a failure."""
    control.begin("import")
    with AndonServe(str(colours), environment=control.environment, waits=False) as service:
        control.wait_until_it_waits("import")
        service.send_signal(signal.SIGTERM)
        assert service.wait_until_it_ends() == 0
    assert "Traceback" not in service.log
    assert "Error" not in service.log


# Readiness.


def test_a_model_that_hangs_is_not_ready_until_it_answers_again(colours: Path, control: Control) -> None:
    """Its golden samples are missed; the process lives on, requests are answered 504, and it may recover."""
    words = ("--canary-interval-s", "0.1", "--threads", "1")
    with AndonServe(*words, str(colours), environment=control.environment) as service:
        control.begin("hang")
        wait_until(lambda: get(service, "/ready").status_code == 503, "the service is not ready")
        assert "golden sample" in get(service, "/ready").json()["models"][0]["reason"]
        assert get(service, "/live").status_code == 200
        with wire(service.port) as connection:
            connection.send(whole("/run", RED, "X-Deadline-Ms: 500"))
            assert connection.answer().status == 504
        control.end("hang")
        wait_until(lambda: get(service, "/ready").status_code == 200, "the service is ready again")
    assert "Traceback" not in service.log


def test_a_model_that_goes_wrong_is_not_ready(colours: Path, control: Control) -> None:
    """A golden sample that is answered wrongly takes the service out of traffic."""
    with AndonServe("--canary-interval-s", "0.1", str(colours), environment=control.environment) as service:
        control.begin("wrong")
        wait_until(lambda: get(service, "/ready").status_code == 503, "the service is not ready")
        assert get(service, "/ready").json()["models"][0]["reason"] == "a golden sample was answered wrongly"
        with wire(service.port) as connection:
            connection.send(whole("/run", RED))
            refused = connection.answer()
        # Whoever does not look at /ready, as nginx, must not be given wrong answers either.
        assert (refused.status, refused.headers["Retry-After"]) == (503, "1")
        assert b"a golden sample was answered wrongly [" in refused.body.replace(b"; ask again soon", b"")
        control.end("wrong")
        wait_until(lambda: get(service, "/ready").status_code == 200, "the service is ready again")
        with wire(service.port) as connection:
            connection.send(whole("/run", RED))
            assert connection.answer().body == b"result : red"


# What it leaves alone.


def test_it_writes_nothing_and_talks_to_nobody(colours: Path, tmp_path: Path) -> None:
    """Home and temporary folder stay empty, nothing goes to the disk, and its sockets are those of its clients."""
    folder = tmp_path / "home"
    folder.mkdir()
    names = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
    with AndonServe(str(colours), environment=dict.fromkeys(names, str(folder))) as service:
        before = written_bytes(service.pid)
        with wire(service.port) as connection:
            for body in (RED, RED * 4000, b"no image"):
                connection.send(whole("/run", body))
                connection.answer()
            assert {found.port for found in inet_sockets(service.pid)} == {service.port}
        assert written_bytes(service.pid) == before
        service.send_signal(signal.SIGTERM)
        assert service.wait_until_it_ends() == 0
    assert list(folder.iterdir()) == []
