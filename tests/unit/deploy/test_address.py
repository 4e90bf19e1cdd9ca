"""Tests of reading HOST:PORT."""

import pytest

from andon.deploy.address import Address, parse_address, parse_upstream
from andon.errors import UsageError


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("127.0.0.1:5555", "127.0.0.1:5555"),
        (" GPU-1.Plant.example:65535 ", "gpu-1.plant.example:65535"),
        ("andon_1:1", "andon_1:1"),
        ("[::1]:5555", "[::1]:5555"),
        ("[2001:DB8:0::7]:5555", "[2001:db8::7]:5555"),
        ("localhost:5555", "127.0.0.1:5555"),
    ],
)
def test_an_address_is_read_in_one_form(text: str, read: str) -> None:
    """Names in lower case, IPv6 at its shortest, so that one written twice is seen; `localhost` is one address."""
    assert str(parse_address(text, "--upstream")) == read
    assert parse_address(read, "--upstream") == parse_address(text, "--upstream")


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "has no host or no port", "HOST:PORT"),
        ("gpu-1", "has no host or no port", "127.0.0.1:5555"),
        (":5555", "has no host or no port", "HOST:PORT"),
        ("gpu-1:", "has no host or no port", "HOST:PORT"),
        ("http://gpu-1:5555", "more than a host and a port", "without http://"),
        ("gpu-1:5555/run", "more than a host and a port", "without http://"),
        ("gpu-1:0", "the port '0', expected 1-65535", "HOST:PORT"),
        ("gpu-1:65536", "the port '65536'", "HOST:PORT"),
        ("gpu-1:http", "the port 'http'", "HOST:PORT"),
        ("gpu-1:٥٥", "the port '٥٥'", "HOST:PORT"),
        ("gpu-1:-5", "the port '-5'", "HOST:PORT"),
        ("::1:5555", "more than one colon", "brackets: [::1]:PORT"),
        ("[127.0.0.1]:5555", "no IPv6 address in its brackets", "[::1]:5555"),
        ("[fe80::1%eth0]:5555", "no IPv6 address in its brackets", "[::1]:5555"),
        ("10.0.0:5555", "no IPv4 address", "127.0.0.1:5555"),
        ("10.0.0.256:5555", "no IPv4 address", "127.0.0.1:5555"),
        ("gpu 1:5555", "'gpu 1' as host", "letters"),
        ("gpu;deny:5555", "'gpu;deny' as host", "letters"),
        ("gpu\n1:5555", "as host", "letters"),
        ("-gpu:5555", "'-gpu' as host", "letters"),
        ("gpu..plant:5555", "'gpu..plant' as host", "letters"),
        (f"{'a' * 64}:5555", "as host", "letters"),
    ],
)
def test_what_is_no_address_is_explained(text: str, message: str, hint: str) -> None:
    """The error quotes what was typed, names the option and shows the right form."""
    with pytest.raises(UsageError) as caught:
        parse_address(text, "--listen")
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert (caught.value.code, caught.value.where) == ("usage.argument", "--listen")


def test_an_upstream_is_one_place() -> None:
    """What stands for every address of a machine can be listened on, and not asked."""
    assert parse_upstream("gpu-1:5555") == Address(host="gpu-1", port=5555)
    for text in ("0.0.0.0:5555", "[::]:5555"):
        assert parse_address(text, "--listen").is_wildcard
        with pytest.raises(UsageError, match="stands for all addresses"):
            parse_upstream(text)


def test_an_address_knows_who_reaches_it() -> None:
    """Only loopback addresses are of this machine alone; a name may be anything."""
    hosts = ("127.9.9.9", "[::1]", "[::]", "10.0.0.7", "gpu-1")
    assert [parse_address(f"{host}:1", "").is_loopback for host in hosts] == [True, True, False, False, False]
