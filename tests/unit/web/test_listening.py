"""The port of a service, and who may reach it."""

import contextlib
import socket

import pytest

from andon.errors import EnvironmentFault, UsageError
from andon.settings.serve import ServeSettings
from andon.web.listening import bind, stop_listening, url_of
from tests.support.waiting import TIMEOUT_S

SETTINGS = ServeSettings(port=0)


def test_a_free_port_is_bound() -> None:
    """On this machine alone; the address is one to ask."""
    with bind(SETTINGS) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        assert port > 0
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_an_address_of_ipv6_is_bound() -> None:
    """And written as addresses of the web are."""
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    with bind(ServeSettings(host="::1", port=0)) as listener:
        assert url_of(listener).startswith("http://[::1]:")


def test_a_port_that_is_taken_is_told() -> None:
    """With the way to another one."""
    with bind(SETTINGS) as listener, pytest.raises(EnvironmentFault, match="Address already in use") as caught:
        bind(ServeSettings(port=listener.getsockname()[1]))
    assert caught.value.code == "environment.port"
    assert caught.value.message.endswith(": Address already in use")
    assert "--port" in caught.value.hint


def test_a_host_that_is_none_is_told() -> None:
    """Names that cannot be looked up, and addresses of other machines."""
    for host in ("no such host", "192.0.2.1", "a..b", "a" * 70):
        with pytest.raises(EnvironmentFault) as caught:
            bind(ServeSettings(host=host, port=0, insecure=True))
        assert caught.value.code == "environment.port"


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 -- that is what is refused
def test_other_machines_are_let_in_with_a_token_only(host: str) -> None:
    """Or where somebody says that they need none."""
    with pytest.raises(UsageError) as caught:
        bind(ServeSettings(host=host, port=0))
    assert caught.value.code == "usage.setting"
    assert "ANDON_TOKEN" in caught.value.hint
    for settings in (ServeSettings(host=host, port=0, token="t" * 16), ServeSettings(host=host, port=0, insecure=True)):
        bind(settings).close()


def test_connections_that_wait_to_be_accepted_are_kept() -> None:
    """Closing the port would reset them, with what was sent over them; whoever comes later is refused."""
    with bind(SETTINGS) as listener, contextlib.ExitStack() as opened:
        listener.settimeout(0.0)
        address = listener.getsockname()
        clients = [opened.enter_context(socket.create_connection(address, timeout=TIMEOUT_S)) for _ in range(3)]
        for client in clients:
            client.sendall(b"asked")
        accepted = [opened.enter_context(connection) for connection in stop_listening(listener)]
        assert [connection.recv(16) for connection in accepted] == [b"asked"] * 3
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address, timeout=TIMEOUT_S)


def test_every_address_means_that_of_ipv4_too() -> None:
    """`::` is what people write in containers."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with bind(ServeSettings(host="::", port=0, insecure=True)) as listener:
        socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=TIMEOUT_S).close()
