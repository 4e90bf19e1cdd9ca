"""The configuration of nginx in front of services: options become text, and are read back. It touches no file."""

import re
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from andon.deploy.address import Address, parse_address
from andon.errors import UsageError
from andon.predictions import Failure
from andon.settings.limits import DEFAULT_LIMITS
from andon.settings.serve import MAX_DEADLINE_MS, ServeSettings
from andon.web.problems import problem_json

DEFAULT_LISTEN = Address(host="127.0.0.1", port=5556)
DEFAULT_DEADLINE_S = ServeSettings().deadline_ms // 1000
MAX_DEADLINE_S = MAX_DEADLINE_MS // 1000
BODY_BUFFER_BYTES = 8 * 1024 * 1024
"""Bytes of a body that stay in memory; it is as large as this at least, and nginx adds a quarter rather than a file."""
READ_MARGIN_S = 5
"""Seconds that nginx waits longer than the service, which then has the word about a deadline that passed."""
_REQUEST_ID = "$andon_request_id"


class NginxOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the configuration is made from."""

    upstreams: tuple[Address, ...]
    """The services, one or more, each once."""
    listen: Address = DEFAULT_LISTEN
    """Where nginx listens."""
    max_body_bytes: int = DEFAULT_LIMITS.max_body_bytes
    """Bytes of one request body, 1 or more. Over it: `request.bytes`."""
    deadline_s: int = DEFAULT_DEADLINE_S
    """Seconds, 1-600: the longest `X-Deadline-Ms` of a client, or the deadline of the services if that is longer."""

    def __post_init__(self) -> None:
        if not self.upstreams:
            raise UsageError("there is no upstream", code="usage.argument", hint="--upstream 127.0.0.1:5555")
        for place, upstream in enumerate(self.upstreams):
            if upstream in self.upstreams[:place]:
                raise UsageError(f"{upstream} is given twice", code="usage.argument", where="--upstream")
            if _is_same_place(upstream, self.listen):
                raise UsageError(
                    f"nginx would ask itself: it listens on {self.listen}",
                    code="usage.argument",
                    where=f"--upstream {upstream}",
                    hint="give it another port with --listen",
                )


class _Refusal(NamedTuple):
    """An answer of nginx itself, in the shape of the services' own problems."""

    status: int
    code: str
    detail: str
    hint: str

    @property
    def body(self) -> str:
        """The problem as a quoted string of the configuration."""
        failure = Failure(code=self.code, message=self.detail, hint=self.hint)
        text = problem_json(failure, self.status, _REQUEST_ID).decode()
        if "'" in text or "\\" in text or "$" in text.replace(_REQUEST_ID, ""):
            raise ValueError(f"nginx would read more than text in {text}")
        return f"'{text}'"


def render(options: NginxOptions) -> str:
    """
    Write nginx.conf.

    Returns:
        The text, with a reason at each directive that is a decision. All its paths are relative
        to the folder that `nginx -p` names, so the folder can be moved.
    """
    from jinja2 import Environment, StrictUndefined

    environment = Environment(  # noqa: S701 -- no HTML: the values are numbers, and addresses of checked characters
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    template = files("andon.deploy").joinpath("nginx.conf.jinja").read_text(encoding="utf-8")
    return environment.from_string(template).render(_values(options))


def read_options(text: str) -> NginxOptions:
    """
    Read back what a written configuration says now; people may have added an upstream by hand.

    Raises:
        UsageError: `deploy.folder`: a directive that was written is gone, or cannot be read.
    """
    directives = re.findall(r"^\s*(\w+)[ \t]+([^;#\n]+);", text, re.MULTILINE)

    def values(name: str) -> list[str]:
        return [value.strip() for key, value in directives if key == name]

    plain = [value for value in values("listen") if "ssl" not in value.split()]
    servers = [value.split()[0] for value in values("server") if "backup" not in value.split()]
    try:
        return NginxOptions(
            upstreams=tuple(parse_address(server, "nginx.conf") for server in servers),
            listen=parse_address(plain[0].split()[0], "nginx.conf"),
            max_body_bytes=_bytes(values("client_max_body_size")[0]),
            deadline_s=int(values("proxy_next_upstream_timeout")[0].removesuffix("s")),
        )
    except (IndexError, ValueError, UsageError) as error:
        reason = error.message if isinstance(error, UsageError) else "a directive is missing, or has another form"
        raise UsageError(
            f"cannot be read back: {reason}",
            code="deploy.folder",
            where="nginx.conf",
            hint="it needs listen, server, client_max_body_size and proxy_next_upstream_timeout as they were written",
        ) from None


def _bytes(text: str) -> int:
    units = {"k": 1024, "m": 1024**2, "g": 1024**3}
    return int(text[:-1]) * units[text[-1].lower()] if text[-1].lower() in units else int(text)


def _is_same_place(upstream: Address, listen: Address) -> bool:
    return upstream.port == listen.port and (
        upstream.host == listen.host or (listen.is_wildcard and upstream.is_loopback)
    )


def _values(options: NginxOptions) -> dict[str, Any]:
    settings = ServeSettings()
    return {
        "options": options,
        "body_buffer_bytes": min(BODY_BUFFER_BYTES, options.max_body_bytes),
        "head_kilobytes": settings.max_head_bytes // 1024,
        "head_timeout_s": round(settings.head_timeout_s),
        "body_timeout_s": round(settings.body_timeout_s),
        "keep_alive_s": round(settings.keep_alive_s),
        "upstream_idle_s": round(settings.keep_alive_s) - 15,
        "read_timeout_s": options.deadline_s + READ_MARGIN_S,
        "refusals": {refusal.status: refusal for refusal in _refusals(options)},
    }


def _refusals(options: NginxOptions) -> list[_Refusal]:
    log = "logs/error.log of nginx has the reason"
    return [
        _Refusal(400, "request.http", "the request is not HTTP that can be understood", "send it with an HTTP client"),
        _Refusal(
            404,
            "request.path",
            "there is nothing at this address",
            "/metrics and /admin belong to one service: ask that service itself",
        ),
        _Refusal(405, "request.method", "the address does not take this method", "images are sent with POST"),
        _Refusal(
            413,
            "request.bytes",
            f"the body has more than {options.max_body_bytes} bytes, which is the limit",
            "send fewer or smaller images",
        ),
        _Refusal(414, "request.head", "the address is longer than allowed", "send data in the body"),
        _Refusal(431, "request.head", "the headers are larger than allowed", "send fewer or shorter headers"),
        _Refusal(429, "engine.full", "no service has room for the image", "try again after the seconds of Retry-After"),
        _Refusal(500, "service.fault", "nginx failed for a reason of its own", log),
        _Refusal(502, "upstream.unreachable", "no service answers", f"are they running? {log}"),
        _Refusal(503, "service.unready", "no service has a model that has proven itself", "try again in some seconds"),
        _Refusal(
            504,
            "upstream.timeout",
            f"no service answered within {options.deadline_s + READ_MARGIN_S} s",
            f"a deadline over {options.deadline_s} s needs: andon deploy nginx --deadline-s SECONDS",
        ),
    ]
