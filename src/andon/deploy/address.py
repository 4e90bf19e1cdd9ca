"""Where something listens, as people write it: HOST:PORT. Nothing is resolved or opened here."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

import msgspec

from andon.errors import UsageError

_NAME = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*\.?")
"""A host name of RFC 1123, and the underscore of container networks: nothing that has a meaning in a configuration."""
_DIGITS = re.compile(r"[0-9]{1,5}")


class Address(msgspec.Struct, frozen=True):
    """A host with a port."""

    host: str
    """A name in lower case, or an IP address in its shortest form, IPv6 without brackets."""
    port: int
    """1-65535."""

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def ip(self) -> IPv4Address | IPv6Address | None:
        """The IP address; None for a name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it; a name is taken to be reached from elsewhere."""
        return self.ip is not None and self.ip.is_loopback

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for all addresses of a machine."""
        return self.ip is not None and self.ip.is_unspecified


def parse_address(text: str, where: str) -> Address:
    """
    Read HOST:PORT.

    Args:
        text: A name, an IPv4 address or an IPv6 address in brackets, with a port. `localhost` is
            read as 127.0.0.1: the name may mean two addresses, and nginx would take it for two
            servers.
        where: The option it comes from, for the error.

    Raises:
        UsageError: `usage.argument`: it is something else.

    >>> str(parse_address("GPU-1.plant.example:5555", "--upstream")), str(parse_address("[0::1]:5555", "--upstream"))
    ('gpu-1.plant.example:5555', '[::1]:5555')
    """
    host, colon, port = text.strip().rpartition(":")
    if "://" in text or "/" in text:
        raise _refusal(text, where, "holds more than a host and a port", "write HOST:PORT, without http:// and path")
    if not colon or not port or not host:
        raise _refusal(text, where, "has no host or no port", "write HOST:PORT, as in 127.0.0.1:5555")
    if not _DIGITS.fullmatch(port) or not 1 <= int(port) <= 65535:
        raise _refusal(text, where, f"has the port {port!r}, expected 1-65535", "write HOST:PORT, as in 127.0.0.1:5555")
    return Address(host=_host(host, text, where), port=int(port))


def parse_upstream(text: str) -> Address:
    """
    Read the address of a running service, as `parse_address` does.

    Raises:
        UsageError: `usage.argument`: it is no address, or one that stands for all of a machine,
            which can be listened on and not asked.
    """
    address = parse_address(text, "--upstream")
    if address.is_wildcard:
        raise _refusal(
            text, "--upstream", "stands for all addresses of a machine", f"name one: 127.0.0.1:{address.port}"
        )
    return address


def _host(host: str, text: str, where: str) -> str:
    if host.startswith("[") and host.endswith("]"):
        try:
            return str(_without_zone(host[1:-1]))
        except ValueError:
            raise _refusal(text, where, "has no IPv6 address in its brackets", "as in [::1]:5555") from None
    if ":" in host:
        raise _refusal(text, where, "has more than one colon", f"an IPv6 address stands in brackets: [{host}]:PORT")
    name = host.lower()
    if name == "localhost":
        return "127.0.0.1"
    if re.fullmatch(r"[0-9.]+", name):
        try:
            return str(IPv4Address(name))
        except ValueError:
            raise _refusal(text, where, "has no IPv4 address before its port", "as in 127.0.0.1:5555") from None
    if len(name) > 253 or not _NAME.fullmatch(name):
        raise _refusal(text, where, f"has {host!r} as host, which is no name", "letters, digits, hyphens and dots")
    return name


def _without_zone(text: str) -> IPv6Address:
    """Read an IPv6 address; one with a zone, as in fe80::1%eth0, is refused, as nginx does not take it."""
    if "%" in text:
        raise ValueError(text)
    return IPv6Address(text)


def _refusal(text: str, where: str, wrong: str, hint: str) -> UsageError:
    return UsageError(f"{text!r} {wrong}", code="usage.argument", where=where, hint=hint)
