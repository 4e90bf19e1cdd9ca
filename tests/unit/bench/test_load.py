"""Load on real sockets, against a server that errs in each way."""

import os
import signal
import socket
from collections.abc import Callable

import pytest

from andon.bench.load import put_load
from andon.bench.outcome import OK
from andon.bench.plan import LoadPlan
from andon.bench.requests import Image, Requests
from andon.bench.summary import Run
from andon.client.address import parse_address
from tests.support.unreliable import Unreliable

IMAGES = [Image("a.jpg", b"\xff\xd8\xff" + b"a" * 5000), Image("b.png", b"b" * 100)]


def measure(
    url: str,
    *,
    progress: Callable[[float, float], None] = lambda _passed, _of: None,
    connections: int = 2,
    duration_s: float = 0.15,
    timeout_s: float = 10.0,
    rate: float | None = None,
) -> Run:
    """Put a little load on a service that answers `a`."""
    plan = LoadPlan(
        connections=connections,
        duration_s=duration_s,
        warm_up_s=0.0,
        timeout_s=timeout_s,
        rate=rate,
        arrivals="fixed",
    )
    address = parse_address(url)
    return put_load(address, Requests(address, IMAGES, "bench-x"), plan, ["a", "a"], progress=progress)


def kinds(run: Run) -> dict[str, int]:
    """Count the requests by what they came to."""
    return {name: int((run.table.kind == place).sum()) for place, name in enumerate(run.table.kinds)}


def test_the_closed_loop_keeps_its_connections_busy_and_counts_every_request() -> None:
    """What the server has seen is what was recorded; bodies arrive as they are, in turn, under ids of their own."""
    with Unreliable() as server:
        run = measure(server.url, connections=1)
    assert (run.count.sent, run.count.answered, run.count.missing, run.count.doubled) == (server.posts,) * 2 + (0, 0)
    assert kinds(run) == {OK: server.posts}
    assert server.posts > 10
    assert server.bodies[:3] == [IMAGES[0].data, IMAGES[1].data, IMAGES[0].data]
    assert [b"X-Request-Id: bench-x-%d\r\n" % number in server.heads[number] for number in range(3)] == [True] * 3
    assert run.table.stages_ms[0].tolist() == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("reset", "connection reset"),
        ("early", "connection closed early"),
        ("full", "429 engine.full"),
        ("gateway", "502"),
        ("redirect", "307"),
        ("other label", "wrong answer: another label than before"),
        ("no prediction", "wrong answer: no prediction in it"),
        ("other id", "wrong answer: id of another request"),
        ("not HTTP", "not HTTP"),
    ],
)
def test_an_error_is_told_by_its_kind_and_the_next_request_is_not_touched(how: str, kind: str) -> None:
    """Each way of failing has a name, is counted once, and the connection is made anew where it must be."""
    with Unreliable(lambda number: how if number == 3 else "ok") as server:
        run = measure(server.url, connections=1)
    assert kinds(run) == {OK: server.posts - 1, kind: 1}
    assert run.count.missing == 0
    assert run.count.sent == server.posts


@pytest.mark.parametrize("how", ["chunked", "close", "continue", "no id"])
def test_every_form_of_a_whole_answer_is_read(how: str) -> None:
    """In chunks, with an interim answer before it, without an id, or on a connection that the service then closes."""
    with Unreliable(lambda _number: how) as server:
        run = measure(server.url)
    assert kinds(run) == {OK: server.posts}
    assert run.count.doubled == 0


def test_a_second_answer_to_a_request_is_counted() -> None:
    """It is taken neither for the answer to the next request nor for nothing."""
    with Unreliable(lambda number: "twice" if number == 3 else "ok") as server:
        run = measure(server.url, connections=1)
    assert run.count.doubled == 1
    assert run.count.missing == 0


def test_an_answer_that_does_not_come_ends_with_the_patience() -> None:
    """The request is a timeout, and its place is used again."""
    with Unreliable(lambda number: "never" if number == 0 else "ok") as server:
        run = measure(server.url, connections=1, timeout_s=0.2, duration_s=0.6)
    assert kinds(run)[OK] > 0
    assert run.table.kinds[run.table.kind[0]] == "timeout"
    assert run.table.latency_ms[0] >= 200
    assert (run.count.failed, run.count.missing) == (kinds(run)["timeout"], 0)


def test_nobody_there_is_an_error_a_request_and_no_storm() -> None:
    """Refused connections are told apart, and are tried ten times a second and not ten thousand."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        run = measure(f"http://127.0.0.1:{taken.getsockname()[1]}", connections=2)
    assert set(kinds(run)) == {OK, "connection refused"}
    assert 2 <= kinds(run)["connection refused"] <= 10


def test_in_the_open_loop_requests_come_at_the_rate() -> None:
    """As many as are due, whatever the time of the answers."""
    with Unreliable() as server:
        run = measure(server.url, rate=100, duration_s=0.5, connections=50)
    assert run.count.sent + run.unsent == 50
    assert run.table.due_s[run.table.due_s.argsort()].tolist() == [
        pytest.approx(number / 100) for number in range(len(run.table.due_s))
    ]


def test_what_is_due_at_the_last_moment_is_sent() -> None:
    """It has a free place, so it is not told as one that found none."""
    with Unreliable() as server:
        run = measure(server.url, rate=1 / (0.1 - 1e-7), duration_s=0.1)
    assert (run.count.sent, run.unsent) == (2, 0)


def test_what_waits_for_a_place_counts_from_when_it_was_due() -> None:
    """A service that stands still is not let off: late requests are late, unsent ones are told, the bound is named."""
    with Unreliable(lambda number: "never" if number == 0 else "ok") as server:
        run = measure(server.url, rate=100, duration_s=1.0, connections=1, timeout_s=0.2)
    assert run.held_back > 0
    assert run.table.latency_ms[run.table.is_ok].max() > 100
    assert (run.table.sent_s >= run.table.due_s).all()


def test_ctrl_c_gives_what_was_measured_so_far() -> None:
    """The first waits for what is in flight, and the measurement is marked."""
    told = []

    def interrupt(passed_s: float, _of_s: float) -> None:
        told.append(passed_s)
        if len(told) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with Unreliable() as server:
        run = measure(server.url, progress=interrupt, duration_s=60)
    assert run.interrupted
    assert run.ended_s < 30
    assert run.count.missing == 0
    assert run.count.answered > 0
