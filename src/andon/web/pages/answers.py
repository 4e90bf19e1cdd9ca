"""The answers that bring the page and its files to a browser, with headers that let it do no more than it needs."""

from collections.abc import Mapping
from types import MappingProxyType

from andon.predictions import Failure
from andon.web.messages import Request, Response
from andon.web.pages.language import HTML_TAGS, choose_language
from andon.web.pages.page import render_page
from andon.web.pages.static_files import static_file
from andon.web.problems import problem

HTML = "text/html; charset=utf-8"
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",  # blob: are the images that were chosen, shown before and beside their results
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""What the page may load: itself. No inline script or style, no other host, no frame around it."""
PAGE_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Permissions-Policy": "camera=(self), geolocation=(), microphone=()",
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept, Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }
)
STATIC_HEADERS: Mapping[str, str] = MappingProxyType(
    {
        # The modules import one another by bare names, so a stale one beside a new one would break the
        # page after an upgrade: browsers keep them, and ask each time whether they still hold.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)


def answer_page(
    request: Request, *, asked_language: str | None, max_image_bytes: int, needs_token: bool = False
) -> Response:
    """
    Answer with the page.

    Args:
        request: Its `Accept-Language` counts where no language is asked for.
        asked_language: The value of `?lang=`, None where there is none.
        max_image_bytes: Bytes of one image that the service takes, 1 or more.
        needs_token: Whether the service asks for a token.
    """
    language = choose_language(request.headers.get("accept-language", ""), asked_language)
    return Response(
        status=200,
        content_type=HTML,
        body=render_page(language, max_image_bytes=max_image_bytes, needs_token=needs_token),
        headers={**PAGE_HEADERS, "Content-Language": HTML_TAGS[language], "X-Request-Id": request.request_id},
    )


def answer_static(name: str, request: Request) -> Response:
    """
    Answer with a file of the page.

    Args:
        name: The last part of the address.
        request: Its `If-None-Match` may say that the browser has the file.

    Returns:
        The file; 304 without a body where the browser has it; the problem `request.path` where
        there is no such file.
    """
    file = static_file(name)
    if file is None:
        return problem(Failure(code="request.path", message="there is no file of this name"), request)
    headers = {**STATIC_HEADERS, "ETag": file.etag, "X-Request-Id": request.request_id}
    if _has(file.etag, request.headers.get("if-none-match", "")):
        return Response(status=304, content_type=file.content_type, body=b"", headers=headers)
    return Response(status=200, content_type=file.content_type, body=file.body, headers=headers)


def _has(etag: str, if_none_match: str) -> bool:
    """Ask whether a browser has the file; a proxy that compressed it may have weakened the tag."""
    offered = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in offered or offered == ["*"]
