"""Text or JSON, as the client prefers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.web.negotiation import prefers_json


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "APPLICATION/JSON",
        "application/json, */*;q=0.5",
        "application/json, text/plain, */*",
        "text/plain;q=0.5, application/json;q=0.6",
        "application/*",
        "application/json, */*",
        "application/problem+json",
        "application/json; charset=utf-8",
        "text/html, application/json;q=0.9",
        "application/json;q=1.000",
    ],
)
def test_json_is_given_to_who_prefers_it(accept: str) -> None:
    """By quality, else by how exactly it is named, else by being named first."""
    assert prefers_json(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/plain",
        "text/plain, application/json",
        "text/*;q=0.9, application/json;q=0.5",
        "application/json;q=0",
        "application/json;q=0, text/plain;q=0",
        "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8",
        "image/png",
        "application/jsonp",
        "application/json;q=nan, text/plain;q=0.1",
        "application/json;q=-1, */*",
        ",;q=,,;;",
    ],
)
def test_all_others_get_text(accept: str) -> None:
    """A wildcard, a browser, an equal preference that names text first, and rubbish mean text."""
    assert not prefers_json(accept)


@given(st.text(alphabet="applicationjstex/*;,q=.01 -+", max_size=200))
def test_no_header_is_too_strange(accept: str) -> None:
    """Whatever is sent gives an answer."""
    assert prefers_json(accept) in (True, False)
