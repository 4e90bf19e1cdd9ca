"""What a client sees of nginx and the services behind it: each look gives a sentence, or says what is amiss."""

import io
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from andon.deploy.address import Address
from andon.deploy.folder import LOGS, is_closed_to_others
from andon.deploy.nginx import NginxOptions
from andon.errors import first_line
from andon.programs import Child

if TYPE_CHECKING:
    import httpx

_ASK_TIMEOUT_S = 60.0
_LOG_TIMEOUT_S = 5.0
_ROUNDS = 2
"""Requests for each service; one after another they go round."""
_PIECE = bytes(1024 * 1024)


class Unmet(Exception):
    """What was looked for is not there; the message says what is there instead."""


class Visitor:
    """
    A client of nginx: as a context manager it closes its connections.

    Args:
        options: Where nginx listens, and what stands behind it.
        folder: Where it runs.
    """

    def __init__(self, options: NginxOptions, folder: Path) -> None:
        import httpx

        self._options = options
        self._folder = folder
        self._log = folder / LOGS / "access.log"
        self._read_from = self._log.stat().st_size if self._log.exists() else 0
        self._ids: set[str] = set()
        self._up: set[Address] = set()
        self.url = f"http://{_address_to_ask(options.listen)}"
        # The proxy of the environment is for the world outside.
        self._client = httpx.Client(trust_env=False, timeout=_ASK_TIMEOUT_S)

    def __enter__(self) -> "Visitor":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def is_answered(self) -> bool:
        """Ask whether nginx itself answers."""
        try:
            return self._send("GET", f"{self.url}/live").status_code == 200
        except Unmet:
            return False

    def see_upstream(self, upstream: Address) -> str:
        """Ask one service directly whether it is ready; the form under gunicorn has no such address."""
        answer = self._send("GET", f"http://{upstream}/ready")
        if answer.status_code not in (200, 404):
            raise Unmet(_words(answer))
        self._up.add(upstream)
        return "ready" if answer.status_code == 200 else "up"

    def see_root(self) -> str:
        """Ask each service once or twice through nginx, and look for the request id."""
        self._require_upstreams()
        for _ in range(_ROUNDS * len(self._options.upstreams)):
            answer = self._ask("GET", "/")
            if answer.status_code != 200:
                raise Unmet(f"GET /: {_words(answer)}")
        return f"GET / answers {answer.text.strip()[:40]!r}, with the request id that was sent"

    def see_image(self, side_pixels: int) -> str:
        """Upload an image; a service that asks for a token has seen it too."""
        self._require_upstreams()
        image = _png(side_pixels)
        answer = self._ask("POST", "/run", files={"file": ("check.png", image, "image/png")})
        if answer.status_code == 401:
            return f"POST /run of {len(image):,} bytes: the service asks for its token, which passes through nginx"
        if answer.status_code != 200:
            raise Unmet(f"POST /run of {len(image):,} bytes: {_words(answer)}{self._reason(answer)}")
        return f"POST /run of {len(image):,} bytes: {answer.text.strip()[:60]}"

    def see_refusal(self) -> str:
        """Announce a body over the limit, and look at how nginx refuses it."""
        size = self._options.max_body_bytes + 1
        pieces = (_PIECE[: min(len(_PIECE), size - start)] for start in range(0, size, len(_PIECE)))
        answer = self._ask("POST", "/run", content=pieces, headers={"Content-Length": str(size)})
        problem = _problem(answer)
        if answer.status_code != 413 or problem.get("code") != "request.bytes":
            raise Unmet(f"a body of {size:,} bytes: {_words(answer)}, expected 413 [request.bytes]")
        if problem.get("request_id") != answer.headers.get("X-Request-Id"):
            raise Unmet("the refusal has another request id than its header")
        return f"{size:,} bytes are answered 413 [request.bytes]"

    def see_log(self, child: Child) -> str:
        """Look up what was asked in the access log, and see that every service that is up has answered."""
        if not child.wait_until(lambda: self._ids <= {line["request_id"] for line in self._logged()}, _LOG_TIMEOUT_S):
            raise Unmet(f"{self._log} lacks requests that were answered")
        answered = Counter(
            # Of several that were tried, the last one answered.
            line["upstream"].split(", ")[-1]
            for line in self._logged()
            if line["request_id"] in self._ids and line["upstream"]
        )
        self._require_upstreams()
        if len(answered) < len(self._up):
            raise Unmet(f"only {len(answered)} of {len(self._up)} upstreams answered: {_counts(answered)}")
        return f"answered by {_counts(answered)}"

    def _require_upstreams(self) -> None:
        if not self._up:
            port = self._options.upstreams[0].port
            raise Unmet(f"no upstream answers; start them: andon serve FILE --port {port}")

    def _ask(self, method: str, path: str, *, headers: dict[str, str] | None = None, **body: Any) -> "httpx.Response":
        """Ask nginx under a request id of our own, which must come back."""
        request_id = f"andon-check-{uuid4().hex}"
        answer = self._send(method, self.url + path, headers={"X-Request-Id": request_id, **(headers or {})}, **body)
        self._ids.add(request_id)
        if answer.headers.get_list("X-Request-Id") != [request_id]:
            raise Unmet(f"{method} {path}: the answer does not have the request id that was sent, once")
        return answer

    def _send(self, method: str, url: str, **how: Any) -> "httpx.Response":
        import httpx

        try:
            return self._client.request(method, url, **how)
        except httpx.HTTPError as error:
            raise Unmet(f"{method} {url}: {first_line(error)}") from error

    def _reason(self, answer: "httpx.Response") -> str:
        """Say why nginx could not keep a body, where that is so."""
        if answer.status_code == 500 and is_closed_to_others(self._folder):
            return "; nginx that root starts works as another user, who cannot enter the folder: move it, as to /srv"
        return ""

    def _logged(self) -> Iterator[dict[str, str]]:
        if not self._log.exists():
            return
        with self._log.open("rb") as lines:
            lines.seek(self._read_from)
            yield from (json.loads(line) for line in lines if line.endswith(b"\n"))


def _address_to_ask(listen: Address) -> Address:
    """Give an address at which one that is listened on can be asked."""
    if not listen.is_wildcard:
        return listen
    return Address(host="::1" if ":" in listen.host else "127.0.0.1", port=listen.port)


def _png(side_pixels: int) -> bytes:
    """Make a square image whose file has about three bytes a pixel, whatever it shows."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.new("RGB", (side_pixels, side_pixels), (200, 120, 40)).save(buffer, "PNG", compress_level=0)
    return buffer.getvalue()


def _problem(answer: "httpx.Response") -> dict[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _words(answer: "httpx.Response") -> str:
    """Say an answer in a few words: its status, and the problem or the first line of its text."""
    problem = _problem(answer)
    said = f"{problem['detail']} [{problem['code']}]" if {"detail", "code"} <= problem.keys() else answer.text.strip()
    return f"{answer.status_code} {(said.splitlines() or [''])[0][:200]}".strip()


def _counts(answered: "Counter[str]") -> str:
    return ", ".join(f"{upstream} ({count})" for upstream, count in sorted(answered.items())) or "none"
