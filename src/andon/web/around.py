"""What goes on around each request over ASGI: its id, the token, errors, counting and logging."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import quote

from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from andon.engine.policy import closed
from andon.errors import AndonError, RequestError
from andon.web.answer import fault, method_not_allowed, refuse
from andon.web.body import ClientGoneError
from andon.web.dialects.base import Dialect
from andon.web.intake import Intake
from andon.web.messages import Request, Response, choose_request_id
from andon.web.metrics import Metrics
from andon.web.problems import TEXT, failure_of
from andon.web.token import require_token

access_logger = logging.getLogger("andon.access")

CLIENT_GONE = 499
"""What is counted and logged for a client that did not wait for its answer; nobody receives it."""
Handler = Callable[[HttpRequest, Request], Awaitable[Response]]
"""Makes the answer to a request, whose body is not read yet, or raises AndonError."""


class Around:
    """
    Makes routes of handlers.

    Args:
        metrics: Where requests are counted.
        token: What each request has to bring, unless its route is open.
        access_log: Whether each request is logged.
        max_held_bytes: Of the bodies of all requests that are not answered yet.
    """

    def __init__(self, metrics: Metrics, *, token: str | None, access_log: bool, max_held_bytes: int) -> None:
        self._metrics = metrics
        self._intake = Intake(max_held_bytes)
        self._token = token
        self._access_log = access_log

    def route(self, path: str, handlers: Mapping[str, Handler], dialect: Dialect, *, is_open: bool = False) -> Route:
        """
        Make a route on which every request is answered, whatever happens.

        Args:
            path: Its pattern, which is its name in the metrics too: clients cannot make new ones.
            handlers: By method; that of `GET` answers `HEAD` too.
            dialect: How errors are told.
            is_open: Whether it may be asked without the token.
        """

        async def answer(http: HttpRequest, request: Request) -> Response:
            if not is_open:
                require_token(request, self._token)
            handler = handlers.get("GET" if http.method == "HEAD" else http.method)
            if handler is None:
                return method_not_allowed(dialect, request, handlers)
            return await handler(http, request)

        return Route(path, Endpoint(answer, dialect, self._intake, lambda *done: self._note(path, *done)))

    def elsewhere(self, choose_dialect: Callable[[str], Dialect]) -> ASGIApp:
        """Make what answers where no route fits, in the dialect that is chosen by the path."""

        async def answer(_http: HttpRequest, _request: Request) -> Response:
            raise RequestError(
                "there is nothing at this address",
                code="request.path",
                hint="images go to /predict or /run; /docs lists all addresses",
            )

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            dialect = choose_dialect(scope["path"])
            endpoint = Endpoint(answer, dialect, self._intake, lambda *done: self._note("other", *done))
            await endpoint(scope, receive, send)

        return app

    def _note(self, route: str, http: HttpRequest, request: Request, response: Response) -> None:
        seconds = time.perf_counter() - request.received
        self._metrics.count_request(route, response.status, seconds)
        if self._access_log:
            access_logger.info(
                "%s %s %d %.1f ms, %s, %s, %s",
                http.method,
                # Encoded again: the path may hold what moves the cursor of a terminal, or breaks the line.
                quote(http.scope["path"], safe="/:@+,;=~"),
                response.status,
                seconds * 1e3,
                request.request_id,
                response.headers.get("X-Device", "-"),
                response.headers.get("Server-Timing", "-"),
            )


class Endpoint:
    """
    Answers every request of a route, whatever happens; no object of a function, so that it gets all methods.

    Args:
        answer: Makes the answer.
        dialect: How errors are told.
        intake: Bounds the bodies of all requests together.
        note: Told of each answer.
    """

    def __init__(
        self, answer: Handler, dialect: Dialect, intake: Intake, note: Callable[[HttpRequest, Request, Response], None]
    ) -> None:
        self._answer = answer
        self._dialect = dialect
        self._intake = intake
        self._note = note

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application."""
        http = HttpRequest(scope, receive)
        request = head_of(http)
        response = await self._answer_counted(http, request)
        await _http_response(request, response)(scope, receive, send)
        # Afterwards: the client does not wait for it.
        self._note(http, request, response)

    async def respond(self, http: HttpRequest) -> HttpResponse:
        """Answer as a function of Starlette or FastAPI."""
        request = head_of(http)
        response = await self._answer_counted(http, request)
        self._note(http, request, response)
        return _http_response(request, response)

    async def _answer_counted(self, http: HttpRequest, request: Request) -> Response:
        with self._intake.counted(http.receive) as receive:
            return await self._answer_always(HttpRequest(http.scope, receive), request)

    async def _answer_always(self, http: HttpRequest, request: Request) -> Response:
        try:
            return await self._answer(http, request)
        except ClientGoneError:
            return Response(status=CLIENT_GONE, content_type=TEXT, body=b"")
        except asyncio.CancelledError:
            # The server ends, and waits no longer.
            return refuse(self._dialect, failure_of(closed()), request)
        except AndonError as error:
            return refuse(self._dialect, failure_of(error), request)
        except Exception:  # noqa: BLE001 -- logged, and answered as a fault of ours
            return fault(self._dialect, request)


def _http_response(request: Request, response: Response) -> HttpResponse:
    headers = {"X-Request-Id": request.request_id, **response.headers, "Content-Type": response.content_type}
    return HttpResponse(response.body, response.status, headers)


def head_of(http: HttpRequest) -> Request:
    """Take from a request what the dialects look at; its body is not touched."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in http.scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        headers=headers,
        request_id=choose_request_id(headers.get("x-request-id")),
        # Our own protocol notes when the first byte came; under another server it is now.
        received=http.scope.get("state", {}).get("received") or time.perf_counter(),
    )
