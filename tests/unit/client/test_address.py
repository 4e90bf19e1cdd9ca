"""A URL is taken as it is meant, or refused with the one to write instead."""

import pytest

from andon.client.address import parse_address, predict_path
from andon.errors import UsageError


@pytest.mark.parametrize(
    ("url", "root", "host"),
    [
        ("http://127.0.0.1:5555", "http://127.0.0.1:5555", "127.0.0.1:5555"),
        ("http://127.0.0.1:5555/", "http://127.0.0.1:5555", "127.0.0.1:5555"),
        ("http://station-7", "http://station-7", "station-7"),
        ("https://plant.example/line/7/", "https://plant.example/line/7", "plant.example"),
        ("http://[::1]:5555", "http://[::1]:5555", "[::1]:5555"),
        ("HTTP://Host:80", "http://Host:80", "Host:80"),
    ],
)
def test_host_port_and_prefix_are_kept(url: str, root: str, host: str) -> None:
    """A slash at the end makes no difference; a port is not needed."""
    address = parse_address(url)
    assert (address.root, address.host) == (root, host)
    assert address.is_encrypted == root.startswith("https")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("http://host:5555/a b", "characters"),
        ("http://host:5555/\n", "characters"),
        ("http://hôst:5555", "characters"),
        ("host:5555", "http://host:5555"),
        ("127.0.0.1:5555", "http://127.0.0.1:5555"),
        ("ftp://host:5555", "expected http or https, got ftp"),
        ("http://", "names no host"),
        ("http://:5555", "names no host"),
        ("http://host:0", "port 0"),
        ("http://host:99999", "out of range"),
        ("http://host:port", "port"),
        ("http://[::1:5555", "Invalid IPv6"),
        ("http://host:5555/?model=a", "query"),
        ("http://host:5555/?", "query"),
        ("http://host:5555/#top", "fragment"),
        ("http://me:s3cret@host:5555", "a user or a password"),
    ],
)
def test_another_url_is_refused_with_a_hint(url: str, said: str) -> None:
    """The error says what is wrong and how a URL is written; a password is not repeated."""
    with pytest.raises(UsageError) as caught:
        parse_address(url)
    assert caught.value.code == "usage.argument"
    assert said in str(caught.value)
    assert caught.value.hint
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "version", "path"),
    [
        (None, None, "/predict"),
        ("scratch", None, "/predict/scratch"),
        ("scratch", "7", "/predict/scratch/7"),
        ("scratch@production", None, "/predict/scratch@production"),
        ("a/b?c#d e", "é", "/predict/a%2Fb%3Fc%23d%20e/%C3%A9"),
    ],
)
def test_a_name_is_one_segment_of_the_path(model: str | None, version: str | None, path: str) -> None:
    """Whatever a name holds, it leads to no other address."""
    assert predict_path(model, version) == path


@pytest.mark.parametrize(("model", "version"), [(None, "7"), ("", None), ("scratch", ""), ("..", None), ("a", ".")])
def test_what_is_no_name_is_refused(model: str | None, version: str | None) -> None:
    """Nothing is empty, nothing climbs, and a version is one of a model."""
    with pytest.raises(UsageError):
        predict_path(model, version)
