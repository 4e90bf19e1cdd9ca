"""Tests of looking at nginx as a client, before a service that plays nginx, well or badly."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from andon.deploy import visitor as module
from andon.deploy.address import Address
from andon.deploy.nginx import NginxOptions
from andon.deploy.visitor import Unmet, Visitor
from andon.programs import Child, usable_port
from tests.support.upstreams import Upstream, upstream

HOST = "127.0.0.1"
SLEEPER = (sys.executable, "-c", "import time; time.sleep(60)")
"""In place of a running nginx, which nobody waits for in vain."""


@pytest.fixture
def front() -> Iterator[Upstream]:
    """What plays nginx."""
    with upstream() as running:
        running.echoes_id = True
        yield running


@pytest.fixture
def service() -> Iterator[Upstream]:
    """What stands behind it."""
    with upstream() as running:
        yield running


@pytest.fixture
def visitor(front: Upstream, service: Upstream, tmp_path: Path) -> Iterator[Visitor]:
    """A client of the one, which knows of the other."""
    (tmp_path / "logs").mkdir()
    options = NginxOptions(upstreams=(at(service.port),), listen=at(front.port), max_body_bytes=1000)
    with Visitor(options, tmp_path) as visitor:
        yield visitor


def at(port: int, host: str = HOST) -> Address:
    """An address on this machine."""
    return Address(host=host, port=port)


def refuse(front: Upstream, code: str = "request.bytes", request_id: str | None = None) -> None:
    """Let it refuse as nginx would, or nearly so."""
    front.status = 413
    front.body = json.dumps({"code": code, "detail": "too large", "request_id": request_id}).encode()


def test_nginx_lives_when_it_answers_itself(front: Upstream, visitor: Visitor) -> None:
    """With 200, and for what only it knows."""
    assert visitor.is_answered()
    assert front.received[0].path == "/live"
    front.status = 503
    assert not visitor.is_answered()


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 -- asked, not listened on
def test_a_wildcard_is_asked_on_this_machine(host: str, tmp_path: Path) -> None:
    """What is listened on everywhere is asked at the loopback address of its kind."""
    with Visitor(NginxOptions(upstreams=(at(5555),), listen=at(5556, host)), tmp_path) as visitor:
        assert visitor.url == ("http://[::1]:5556" if ":" in host else "http://127.0.0.1:5556")
        assert not Visitor(NginxOptions(upstreams=(at(5555),), listen=at(usable_port(0))), tmp_path).is_answered()


@pytest.mark.parametrize(("status", "said"), [(200, "ready"), (404, "up")])
def test_a_service_is_asked_directly(service: Upstream, visitor: Visitor, status: int, said: str) -> None:
    """Whether it is ready; a form without that address is up."""
    service.status = status
    assert visitor.see_upstream(at(service.port)) == said
    assert service.received[0].path == "/ready"


def test_a_service_that_is_not_ready_says_why(service: Upstream, visitor: Visitor) -> None:
    """In the words of its own problem."""
    service.status = 503
    service.body = json.dumps({"code": "service.unready", "detail": "it loads"}).encode()
    with pytest.raises(Unmet, match=r"503 it loads \[service\.unready\]"):
        visitor.see_upstream(at(service.port))


def test_without_services_nothing_is_asked(front: Upstream, visitor: Visitor) -> None:
    """And the sentence is a command that starts one."""
    port = usable_port(0)
    with pytest.raises(Unmet, match="Connection refused"):
        visitor.see_upstream(at(port))
    for look in (visitor.see_root, lambda: visitor.see_image(8)):
        with pytest.raises(Unmet, match="no upstream answers; start them: andon serve FILE --port"):
            look()
    assert front.received == []


def test_an_answer_comes_with_the_request_id_that_was_sent(
    front: Upstream, service: Upstream, visitor: Visitor
) -> None:
    """Once: neither none nor two."""
    visitor.see_upstream(at(service.port))
    assert "with the request id" in visitor.see_root()
    assert len({seen.headers["x-request-id"] for seen in front.received}) == len(front.received) == 2
    front.headers = {"x-request-id": "another"}
    with pytest.raises(Unmet, match="request id that was sent, once"):
        visitor.see_root()
    front.headers, front.echoes_id = {}, False
    with pytest.raises(Unmet, match="request id that was sent, once"):
        visitor.see_root()


def test_an_image_is_uploaded_as_browsers_do(front: Upstream, service: Upstream, visitor: Visitor) -> None:
    """A real PNG under the field `file`; the answer is told, and that a token is asked for."""
    visitor.see_upstream(at(service.port))
    front.body = b"result : red"
    assert visitor.see_image(8).endswith("bytes: result : red")
    (seen,) = front.received
    assert (seen.method, seen.path) == ("POST", "/run")
    assert b'name="file"' in seen.body
    assert b"\x89PNG\r\n\x1a\n" in seen.body
    front.status = 401
    assert "asks for its token" in visitor.see_image(8)


def test_what_fails_is_told_in_its_own_words(
    front: Upstream, service: Upstream, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a reason where nginx has no place for a body."""
    visitor.see_upstream(at(service.port))
    front.status, front.body = 500, b"out of order\nat line 7"
    with pytest.raises(Unmet, match=r"GET /: 500 out of order$"):
        visitor.see_root()
    monkeypatch.setattr(module, "is_closed_to_others", lambda _: True)
    with pytest.raises(Unmet, match="500 out of order; nginx that root starts works as another user"):
        visitor.see_image(8)


def test_a_refusal_is_looked_at(front: Upstream, visitor: Visitor) -> None:
    """One byte over the limit is sent; the status, the code and the request id must be right."""
    refuse(front)
    with pytest.raises(Unmet, match="another request id than its header"):
        visitor.see_refusal()
    assert len(front.received[-1].body) == 1001
    refuse(front, code="request.body")
    with pytest.raises(Unmet, match=r"413 too large \[request\.body\], expected 413 \[request\.bytes\]"):
        visitor.see_refusal()
    front.status, front.body = 200, b"[1]"
    with pytest.raises(Unmet, match="200 "):
        visitor.see_refusal()


def test_the_log_is_counted_by_who_answered(
    front: Upstream, service: Upstream, visitor: Visitor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several that were tried, the last; lines of others and half a line do not count."""
    monkeypatch.setattr(module, "_LOG_TIMEOUT_S", 0.01)
    visitor.see_upstream(at(service.port))
    visitor.see_root()
    with Child(*SLEEPER) as child:
        with pytest.raises(Unmet, match="lacks requests that were answered"):
            visitor.see_log(child)
        lines = [
            {"request_id": seen.headers["x-request-id"], "upstream": f"gone:1, {HOST}:{service.port}"}
            for seen in front.received
        ]
        lines.append({"request_id": "of-somebody", "upstream": "other:1"})
        log = tmp_path / "logs" / "access.log"
        log.write_text("".join(f"{json.dumps(line)}\n" for line in lines) + '{"half')
        assert visitor.see_log(child) == f"answered by {HOST}:{service.port} (2)"
        log.write_text("".join(f"{json.dumps({**line, 'upstream': ''})}\n" for line in lines))
        with pytest.raises(Unmet, match="only 0 of 1 upstreams answered: none"):
            visitor.see_log(child)
