"""Where `andon serve` listens: an address that only those can reach who may."""

import contextlib
import ipaddress
import os
import socket

from andon.errors import EnvironmentFault, UsageError
from andon.settings.serve import ServeSettings

BACKLOG = 2048
"""Connections that the kernel holds for us until they are accepted."""


def bind(settings: ServeSettings) -> socket.socket:
    """
    Listen where the settings say.

    Raises:
        UsageError: `usage.setting`: other machines could come in without a token.
        EnvironmentFault: `environment.port`: the address cannot be had.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        _require_safe(settings, address[0])
        # `::` means every address, as people mean it in containers.
        both = family == socket.AF_INET6 and address[0] == "::" and socket.has_dualstack_ipv6()
        return socket.create_server(address[:2], family=family, backlog=BACKLOG, dualstack_ipv6=both)
    # A host name that cannot be encoded for a look-up is a UnicodeError.
    except (OSError, UnicodeError) as error:
        raise EnvironmentFault(
            f"cannot listen on {settings.host} port {settings.port}: {_reason(error)}",
            code="environment.port",
            hint="choose another one with --port N, or end what listens there",
        ) from None


def _reason(error: OSError | UnicodeError) -> str:
    """Give the words of the system; Python adds the address to them, which is said already."""
    if isinstance(error, UnicodeError):
        return "it is no host name"
    if error.errno is None or isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    return os.strerror(error.errno)


def _require_safe(settings: ServeSettings, address: object) -> None:
    if ipaddress.ip_address(str(address)).is_loopback or settings.token is not None or settings.insecure:
        return
    raise UsageError(
        f"on {settings.host} other machines can come in, and there is no token",
        code="usage.setting",
        where="host",
        hint="set ANDON_TOKEN to a secret that clients must bring, or say --insecure",
    )


def url_of(listener: socket.socket) -> str:
    """Give the address to ask, without a slash at the end."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def stop_listening(listener: socket.socket) -> list[socket.socket]:
    """Give the connections that wait to be accepted, and have further ones refused from then on."""
    connections = []
    with contextlib.suppress(OSError):  # none waits, or so many files are open that none can be had
        while True:
            connections.append(listener.accept()[0])
    # Closing alone would take effect only in the next turn of the event loop.
    with contextlib.suppress(OSError):  # systems other than Linux know no such thing
        listener.shutdown(socket.SHUT_RDWR)
    return connections
