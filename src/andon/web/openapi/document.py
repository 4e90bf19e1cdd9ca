"""The whole document."""

from collections.abc import Sequence

from andon import __version__
from andon.settings.serve import ServeSettings
from andon.web.messages import ModelFacts
from andon.web.openapi.about import MODELS_TAG, PAGES_TAG, about_paths
from andon.web.openapi.components import components
from andon.web.openapi.images import TAG as PREDICTIONS_TAG
from andon.web.openapi.images import image_paths
from andon.web.openapi.inference import TAG as INFERENCE_TAG
from andon.web.openapi.inference import inference_paths
from andon.web.openapi.refusals import WITH_TOKEN, Json, refusals
from andon.web.problems import PROBLEM_JSON

OPEN = frozenset({"/", "/docs", "/openapi.json", "/live", "/ready", "/v2/health/live", "/v2/health/ready"})
"""Addresses that answer without the token: what a browser opens first, and what probes of health ask."""
_METHODS = ("get", "post")


def openapi_document(settings: ServeSettings, models: Sequence[ModelFacts] = ()) -> Json:
    """
    Describe everything that is served.

    Args:
        settings: Limits, and whether there is a token and a probe.
        models: Stand as examples in addresses; with none, there are made up ones.

    Returns:
        An OpenAPI 3.1 document as plain data. Its addresses are relative to its own, so that it also
        holds behind a proxy and under a prefix.

    Source:
        https://spec.openapis.org/oas/v3.1.1.html
    """
    paths = {**image_paths(settings, models), **about_paths(), **inference_paths(settings, models)}
    if settings.token is not None:
        for path, item in paths.items():
            _guard(item, is_open=path in OPEN)
    return {
        "openapi": "3.1.0",
        "info": _info(),
        "servers": [{"url": "./", "description": "This service"}],
        "tags": _tags(),
        "paths": paths,
        "components": components(settings),
    }


def _guard(item: Json, *, is_open: bool) -> None:
    """Say of each operation of an address whether it needs the token."""
    for operation in (item[method] for method in _METHODS if method in item):
        operation["security"] = [] if is_open else [{"token": []}]
        if not is_open:
            answers = operation["responses"]
            own_form = {name: form for name, form in answers["400"]["content"].items() if name != PROBLEM_JSON}
            operation["responses"] = dict(sorted({**answers, "401": refusals(WITH_TOKEN, own_form)["401"]}.items()))


def _info() -> Json:
    return {
        "title": "Andon",
        "version": __version__,
        "summary": "Classifies images with models that have proven themselves on this machine.",
        "description": "Every request is answered once, and its answer has an `X-Request-Id`. Errors are problems "
        "of RFC 9457 with a stable `code`. An address that does not take a method answers 405 and lists in `Allow` "
        "those that it takes; what is answered to `GET` is answered to `HEAD` too, without the body.",
        "license": {"name": "Apache License 2.0", "identifier": "Apache-2.0"},
    }


def _tags() -> list[Json]:
    return [
        {"name": PREDICTIONS_TAG, "description": "Images in, predictions out."},
        {"name": INFERENCE_TAG, "description": "As Triton and KServe speak, so that their clients can be used."},
        {"name": MODELS_TAG, "description": "What is served, how it is, and what it did."},
        {"name": PAGES_TAG, "description": "For people and for tools."},
    ]
