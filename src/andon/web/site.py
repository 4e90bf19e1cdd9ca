"""What a browser gets of the service: the page and its files; whoever is no browser gets the seed's greeting."""

from starlette.requests import Request as HttpRequest

from andon.settings.serve import ServeSettings
from andon.web.dialects.classify import GREETING
from andon.web.messages import Request, Response
from andon.web.negotiation import prefers
from andon.web.pages.answers import answer_page, answer_static
from andon.web.problems import TEXT


class Pages:
    """
    Handlers of the pages.

    Args:
        settings: Of the service that the page asks.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self._settings = settings

    async def index(self, http: HttpRequest, request: Request) -> Response:
        """Give the page to a browser, and one line of text to others."""
        if not prefers(request.headers.get("accept", ""), ("text/html",), over="text/plain"):
            return Response(status=200, content_type=TEXT, body=GREETING.encode(), headers={"Vary": "Accept"})
        return answer_page(
            request,
            asked_language=http.query_params.get("lang"),
            max_image_bytes=self._settings.max_image_bytes,
            needs_token=self._settings.token is not None,
        )


async def static(http: HttpRequest, request: Request) -> Response:
    """Give a file of the pages."""
    return answer_static(http.path_params["name"], request)
