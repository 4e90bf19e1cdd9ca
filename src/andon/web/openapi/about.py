"""The operations that need no image: the pages, the models, health, numbers and the description itself."""

from andon.web.dialects.classify import GREETING
from andon.web.openapi import examples
from andon.web.openapi.components import REQUEST_ID
from andon.web.openapi.refusals import ID_HEADER, Json, refusals
from andon.web.openapi.schemas import ref
from andon.web.problems import JSON

MODELS_TAG = "Models and health"
PAGES_TAG = "Pages and description"
_HTML: Json = {"text/html": {"schema": {"type": "string"}}}
_NAME: Json = {"text/plain": {"schema": {"type": "string"}, "example": GREETING}}
_NUMBERS: Json = {"text/plain": {"schema": {"type": "string"}, "example": 'andon_jobs{state="queued"} 0.0\n'}}
_DOCUMENT: Json = {JSON: {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}


def about_paths() -> Json:
    """Describe the addresses that need no image."""
    return {
        "/models": {"get": _models()},
        "/live": {"get": _live()},
        "/ready": {"get": _ready()},
        "/metrics": {"get": _metrics()},
        "/": {"get": _page()},
        "/docs": {"get": _docs()},
        "/openapi.json": {"get": _openapi()},
    }


def _models() -> Json:
    said = "The models that are served, the default one first. Those that are still loading are listed too."
    return {
        "operationId": "models",
        "tags": [MODELS_TAG],
        "summary": "List the models",
        "description": "What each model is, what runs it, and what came of its proof on this machine.",
        **_answered(said, {JSON: {"schema": ref("Models")}}),
    }


def _live() -> Json:
    return {
        "operationId": "live",
        "tags": [MODELS_TAG],
        "summary": "Ask whether the process answers",
        "description": "It answers from the start, before any model is loaded: a restart would not help.",
        **_answered("It does.", {JSON: {"schema": ref("Live"), "example": {"live": True}}}),
    }


def _ready() -> Json:
    described = _answered("Every model is.", {JSON: {"schema": ref("Ready")}})
    unready = described["responses"]["503"]
    unready["description"] = f"A model is not ready, which says why; or:\n\n{unready['description']}"
    # The service answers what it was asked; it refuses nothing that could be tried again.
    unready["headers"] = ID_HEADER
    unready["content"] = {JSON: {"schema": ref("Ready"), "example": examples.UNREADY}, **unready["content"]}
    return {
        "operationId": "ready",
        "tags": [MODELS_TAG],
        "summary": "Ask whether every model is ready",
        "description": "A model is ready once it has reproduced its golden samples on this machine, and as long as it "
        "answers one of them again and again.",
        **described,
    }


def _metrics() -> Json:
    return {
        "operationId": "metrics",
        "tags": [MODELS_TAG],
        "summary": "Get the numbers of the service",
        "description": "Counts, times and what is held, for Prometheus to scrape.",
        **_answered("The numbers in the text format of Prometheus.", _NUMBERS),
    }


def _page() -> Json:
    return {
        "operationId": "page",
        "tags": [PAGES_TAG],
        "summary": "Open the page that classifies images",
        "description": "For a browser, which accepts `text/html`; other clients get a line of text.",
        **_answered(f"The page, or `{GREETING}`.", {**_HTML, **_NAME}),
    }


def _docs() -> Json:
    return {
        "operationId": "docs",
        "tags": [PAGES_TAG],
        "summary": "Read this description as a page",
        "description": "It needs no other host and no script.",
        **_answered("The page.", _HTML),
    }


def _openapi() -> Json:
    return {
        "operationId": "openapi",
        "tags": [PAGES_TAG],
        "summary": "Get this description",
        "description": "In OpenAPI 3.1, with the limits that this service was started with.",
        **_answered("The description.", _DOCUMENT),
    }


def _answered(description: str, content: Json) -> Json:
    """Describe an operation that takes nothing, and that has one answer beside the refusals."""
    answer = {"description": description, "headers": ID_HEADER, "content": content}
    return {"parameters": [REQUEST_ID], "responses": {"200": answer, **refusals(())}}
