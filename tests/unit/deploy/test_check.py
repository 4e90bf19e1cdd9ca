"""Tests of checking a folder, with real nginx."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from andon import programs
from andon.deploy import check as module
from andon.deploy.address import Address
from andon.deploy.check import check_folder
from andon.deploy.folder import write_folder
from andon.deploy.nginx import NginxOptions, render
from andon.errors import EnvironmentFault
from andon.programs import usable_port
from tests.support.nginx import nginx_program, open_folder
from tests.support.upstreams import upstream

HOST = "127.0.0.1"


@pytest.fixture
def options() -> NginxOptions:
    """One service, where nobody listens, and a port for nginx that is free."""
    return NginxOptions(
        upstreams=(Address(host=HOST, port=usable_port(0)),),
        listen=Address(host=HOST, port=usable_port(0)),
        max_body_bytes=1000,
    )


@pytest.fixture
def folder(options: NginxOptions) -> Iterator[Path]:
    """A written folder."""
    nginx_program()
    with open_folder() as path:
        write_folder(path / "front", render(options))
        yield path / "front"


@pytest.mark.slow
def test_without_a_service_what_needs_none_holds(folder: Path) -> None:
    """The configuration, the start and the refusal; the rest says how to start a service."""
    told: list[str] = []
    checks = check_folder(folder, report=told.append)
    holds = {check.name: check.holds for check in checks if not check.name.startswith("upstream")}
    assert holds == {
        "configuration": True,
        "start": True,
        "request": False,
        "image": False,
        "too large a body": True,
        "access log": False,
    }
    assert told == [check.name for check in checks]
    assert all("andon serve FILE --port" in check.detail for check in checks if check.name in ("request", "image"))
    assert checks[0].detail.startswith("nginx/1.")


def test_a_configuration_that_nginx_refuses_is_not_started(folder: Path) -> None:
    """Its own reason, with the line, is all there is to tell."""
    text = (folder / "nginx.conf").read_text()
    (folder / "nginx.conf").write_text(text.replace("least_conn;", "least_con;"))
    (check,) = check_folder(folder)
    assert (check.name, check.holds) == ("configuration", False)
    assert 'unknown directive "least_con"' in check.detail
    assert "nginx.conf:" in check.detail


def test_a_port_that_is_taken_is_an_error_of_the_environment(folder: Path, options: NginxOptions) -> None:
    """The hint thinks of the nginx that runs already, and says how to end it."""
    with upstream() as taken:
        text = (folder / "nginx.conf").read_text()
        (folder / "nginx.conf").write_text(text.replace(str(options.listen), f"{HOST}:{taken.port}"))
        with pytest.raises(EnvironmentFault, match="Address already in use") as caught:
            check_folder(folder)
    assert caught.value.code == "environment.port"
    assert f"nginx -p {folder} -c nginx.conf -s quit" in caught.value.hint


@pytest.mark.slow
def test_a_start_that_fails_gives_the_reason_of_nginx(folder: Path) -> None:
    """Here somebody has added a second address, which is taken; nothing is asked then."""
    text = (folder / "nginx.conf").read_text()
    with upstream() as taken:
        added = f"server_name andon;\n        listen {HOST}:{taken.port};"
        (folder / "nginx.conf").write_text(text.replace("server_name andon;", added))
        checks = check_folder(folder)
    assert [(check.name, check.holds) for check in checks] == [("configuration", True), ("start", False)]
    assert f"bind() to {HOST}:{taken.port} failed" in checks[1].detail


@pytest.mark.slow
def test_a_start_that_takes_too_long_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the time that was waited."""
    monkeypatch.setattr(module, "START_TIMEOUT_S", 0.0)
    assert check_folder(folder)[1].detail.endswith("within 0 s")


def test_nginx_must_be_installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the package."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "_SYSTEM_PATH", "")
    with pytest.raises(EnvironmentFault, match="nginx is not installed") as caught:
        check_folder(folder)
    assert caught.value.hint == "as root: apt-get install nginx-light"
