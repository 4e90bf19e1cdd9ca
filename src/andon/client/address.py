"""Where a service is: its URL, taken apart and checked once."""

import re
from urllib.parse import SplitResult, quote, urlsplit

from msgspec import Struct

from andon.errors import UsageError

_HINT = "write http://HOST:PORT, or https://HOST:PORT/PREFIX behind a proxy"
_PRINTABLE = re.compile(r"[!-~]+")


class Address(Struct, frozen=True, kw_only=True):
    """The root of a service."""

    root: str
    """Scheme, host, port and prefix, without a slash at the end."""
    host: str
    """Host and port as the header `Host` has them."""

    @property
    def is_encrypted(self) -> bool:
        """Whether the service is asked over TLS."""
        return self.root.startswith("https:")


def parse_address(url: str) -> Address:
    """
    Take a URL apart.

    Args:
        url: `http` or `https`, a host, and where needed a port and a prefix, for a service behind
            a proxy that serves it below one.

    Raises:
        UsageError: `usage.argument`: anything else, also a query, a fragment, or a user and
            password, which would end up in logs.

    >>> parse_address("http://127.0.0.1:5555/").root
    'http://127.0.0.1:5555'
    >>> parse_address("https://[::1]:443/line/7/").root
    'https://[::1]:443/line/7'
    """
    if not _PRINTABLE.fullmatch(url):
        raise _unusable(url, "it is empty, or holds characters that a URL cannot have", _HINT)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _unusable(url, str(error), _HINT) from None
    _require_plain(url, parts)
    if port == 0:
        raise _unusable(url, "nothing listens on port 0", _HINT)
    return Address(root=f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}", host=parts.netloc)


def _require_plain(url: str, parts: SplitResult) -> None:
    """Refuse what is not scheme, host, port and prefix; a user and password are not repeated in the error."""
    if parts.username is not None or parts.password is not None:
        raise _unusable(parts.hostname, "it holds a user or a password", "Client(url, token=...) sends a token")
    if parts.scheme not in ("http", "https"):
        scheme_forgotten = "://" not in url
        hint = f"http://{url}" if scheme_forgotten else _HINT
        raise _unusable(url, f"expected http or https, got {parts.scheme or 'no scheme'}", hint)
    if not parts.hostname:
        raise _unusable(url, "it names no host", _HINT)
    if parts.query or parts.fragment or url[-1] in "?#":
        raise _unusable(url, "it has a query or a fragment", _HINT)


def _unusable(url: object, reason: str, hint: str) -> UsageError:
    return UsageError(
        f"the URL of the service cannot be used: {reason}", code="usage.argument", where=f"url {url!r}"[:200], hint=hint
    )


def predict_path(model: str | None, version: str | None) -> str:
    """
    Give the path at which a model is asked, percent-encoded.

    Args:
        model: None for the default model of the service.
        version: None for the first version of the model that is served.

    Raises:
        UsageError: `usage.argument`: a name is empty, or there is a version and no model.

    >>> predict_path("scratch", "3f2a01b2c3d4")
    '/predict/scratch/3f2a01b2c3d4'
    """
    if version is not None and model is None:
        raise UsageError(f"there is a version, {version!r}, and no model", code="usage.argument", hint="name the model")
    names = [name for name in (model, version) if name is not None]
    if any(not name or name in (".", "..") for name in names):
        raise UsageError(f"model {model!r}, version {version!r}: expected names", code="usage.argument")
    return "/".join(["/predict", *(quote(name, safe="@") for name in names)])
