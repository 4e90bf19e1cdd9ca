"""Tests of the text of nginx.conf."""

import json
import re

import pytest

from andon.deploy.address import Address
from andon.deploy.nginx import NginxOptions, read_options, render
from andon.errors import CODES, UsageError
from andon.predictions import Failure
from andon.settings.limits import DEFAULT_LIMITS
from andon.settings.serve import ServeSettings
from andon.web.problems import STATUS, problem_json

ONE = Address(host="127.0.0.1", port=5555)
TWO = Address(host="::1", port=5565)
FRONT = Address(host="127.0.0.1", port=5556)


def directives(text: str) -> dict[str, list[str]]:
    """Give the values of every directive of one line, by name."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^\s*(\w+) +([^#\n]+);$", text, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def problems(text: str) -> dict[int, dict[str, object]]:
    """Give the answers of nginx itself, by status."""
    return {int(status): json.loads(body) for status, body in re.findall(r"return (\d+) '(.*)';", text)}


def test_every_upstream_is_asked_and_asked_again() -> None:
    """Each stands in the list, and once more for when all are taken for failed."""
    servers = directives(render(NginxOptions(upstreams=(ONE, TWO))))["server"]
    assert servers == [
        "127.0.0.1:5555 max_fails=1 fail_timeout=2s",
        "[::1]:5565 max_fails=1 fail_timeout=2s",
        "127.0.0.1:5555 backup max_fails=0",
        "[::1]:5565 backup max_fails=0",
    ]


def test_a_single_upstream_needs_no_second_list() -> None:
    """The only one is never taken for failed."""
    servers = directives(render(NginxOptions(upstreams=(ONE,))))["server"]
    assert [server.split()[0] for server in servers] == ["127.0.0.1:5555"]


def test_the_limits_are_those_of_the_service() -> None:
    """What `andon serve` would take gets through, and what it would refuse does not."""
    found = directives(render(NginxOptions(upstreams=(ONE,))))
    settings = ServeSettings()
    assert found["client_max_body_size"] == [str(DEFAULT_LIMITS.max_body_bytes)]
    assert found["large_client_header_buffers"] == [f"1 {settings.max_head_bytes // 1024}k"]
    assert found["client_header_timeout"] == [f"{settings.head_timeout_s:.0f}s"]
    assert found["client_body_timeout"] == [f"{settings.body_timeout_s:.0f}s"]
    client, upstream = found["keepalive_timeout"][::-1]
    assert client == f"{settings.keep_alive_s:.0f}s"
    assert float(upstream[:-1]) < settings.keep_alive_s
    assert float(found["proxy_read_timeout"][0][:-1]) > settings.deadline_ms / 1000


def test_options_change_what_they_name() -> None:
    """Address, size of the body, and the deadline, which three directives follow."""
    found = directives(render(NginxOptions(upstreams=(ONE,), listen=TWO, max_body_bytes=1000, deadline_s=600)))
    assert found["listen"] == ["[::1]:5565"]
    assert found["client_max_body_size"] == ["1000"]
    assert found["client_body_buffer_size"] == ["1000"]
    names = ("proxy_read_timeout", "proxy_send_timeout", "proxy_next_upstream_timeout")
    assert [found[name] for name in names] == [["605s"], ["605s"], ["600s"]]


@pytest.mark.parametrize(
    "options",
    [
        NginxOptions(upstreams=(ONE,)),
        NginxOptions(upstreams=(ONE, TWO), listen=Address(host="::", port=80), max_body_bytes=1, deadline_s=600),
    ],
)
def test_what_is_written_can_be_read_back(options: NginxOptions) -> None:
    """Every option, from the directives themselves."""
    assert read_options(render(options)) == options


def test_what_people_change_is_read_back() -> None:
    """An upstream more, one commented out, a size with a unit, and TLS, which the check passes over."""
    text = render(NginxOptions(upstreams=(ONE, TWO)))
    text = text.replace("server [::1]:5565 max_fails=1", "# server [::1]:5565;\n        server gpu-1:5555 weight=2")
    text = re.sub(r"client_max_body_size \d+", "client_max_body_size 8M", text)
    text = text.replace("listen 127", "listen 0.0.0.0:443 ssl;\n        listen 127")
    options = read_options(text)
    assert options.listen == FRONT
    assert list(map(str, options.upstreams)) == ["127.0.0.1:5555", "gpu-1:5555"]
    assert options.max_body_bytes == 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        (r"listen .*;", "a directive is missing"),
        (r"server [0-9].*;", "there is no upstream"),
        (r"client_max_body_size .*;", "a directive is missing"),
        (r"proxy_next_upstream_timeout .*;", "a directive is missing"),
    ],
)
def test_what_cannot_be_read_back_is_told(gone: str, message: str) -> None:
    """The error names the file and what it needs."""
    text = re.sub(gone, "", render(NginxOptions(upstreams=(ONE,))))
    with pytest.raises(UsageError, match=message) as caught:
        read_options(text)
    assert (caught.value.code, caught.value.where) == ("deploy.folder", "nginx.conf")


@pytest.mark.parametrize(
    ("upstreams", "listen", "message"),
    [
        ((), FRONT, "there is no upstream"),
        ((ONE, TWO, ONE), FRONT, "127.0.0.1:5555 is given twice"),
        ((ONE,), ONE, "nginx would ask itself"),
        ((ONE,), Address(host="0.0.0.0", port=5555), "nginx would ask itself"),  # noqa: S104 -- nothing listens
    ],
)
def test_what_makes_no_sense_together_is_refused(upstreams: tuple[Address, ...], listen: Address, message: str) -> None:
    """No upstream, one twice, and a circle."""
    with pytest.raises(UsageError, match=message):
        NginxOptions(upstreams=upstreams, listen=listen)


def test_the_answers_of_nginx_are_problems_like_those_of_the_service() -> None:
    """The same members, a known code with its own status or one that nginx has chosen, and the request id."""
    ours = json.loads(problem_json(Failure(code="request.path", message=""), 404, ""))
    for status, document in problems(render(NginxOptions(upstreams=(ONE,)))).items():
        assert document.keys() == ours.keys()
        assert document["status"] == status
        assert document["request_id"] == "$andon_request_id"
        assert document["title"] == CODES[str(document["code"])]
        assert status in (STATUS[str(document["code"])], 400, 414)


def test_every_status_that_nginx_redirects_has_its_answer() -> None:
    """No `error_page` leads nowhere."""
    text = render(NginxOptions(upstreams=(ONE,)))
    targets = {int(value.rsplit("/", 1)[1]) for value in directives(text)["error_page"]}
    assert targets <= problems(text).keys()
    assert {400, 413, 414, 431, 500, 502, 504} <= targets
