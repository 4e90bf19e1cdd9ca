"""What a service says of its addresses: the document for tools, and the page made of it for people."""

from starlette.requests import Request as HttpRequest

from andon.service import Service
from andon.web.about import json_response
from andon.web.inference import facts_of
from andon.web.messages import ModelFacts, Request, Response
from andon.web.openapi.document import openapi_document
from andon.web.openapi.refusals import Json
from andon.web.pages.docs import answer_docs


class Description:
    """
    Handlers that describe the service; both are open, so they tell nothing that needs the token.

    Args:
        service: Its settings are described, and its models stand as examples.
    """

    def __init__(self, service: Service) -> None:
        self._service = service

    async def openapi(self, _http: HttpRequest, _request: Request) -> Response:
        """Give the document in JSON."""
        return json_response(self._document())

    async def docs(self, http: HttpRequest, request: Request) -> Response:
        """Show the document as a page."""
        return answer_docs(
            request,
            self._document(),
            base_url=str(http.base_url).rstrip("/"),
            asked_language=http.query_params.get("lang"),
        )

    def _document(self) -> Json:
        settings = self._service.settings
        loaded = [status.loaded for status in self._service.models() if status.loaded is not None]
        facts = [facts_of(model) for model in loaded]
        if settings.token is not None:
            # `/ready` tells the names to everybody; what exactly is served is for those who have the token.
            facts = [ModelFacts(name=model.name, version="", digest="") for model in facts]
        return openapi_document(settings, facts)
