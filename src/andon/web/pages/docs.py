"""The page that describes the addresses of the service, made from its OpenAPI document."""

from andon.web.messages import Request, Response
from andon.web.openapi.reading import read_sections, read_text
from andon.web.openapi.refusals import Json
from andon.web.pages.answers import HTML, PAGE_HEADERS
from andon.web.pages.language import HTML_TAGS, LANGUAGES, choose_language
from andon.web.pages.page import templates
from andon.web.pages.words import words_of

COPY_WORDS = ("program.copied", "program.copy", "program.copy_failed")
"""What the buttons of the page say; its only script fills them in."""


def answer_docs(request: Request, document: Json, *, base_url: str, asked_language: str | None) -> Response:
    """
    Answer with the page.

    Args:
        request: Its `Accept-Language` counts where no language is asked for.
        document: As `openapi_document` makes it.
        base_url: Where the service is asked, without a slash at the end; stands in the commands.
        asked_language: The value of `?lang=`, None where there is none.
    """
    language = choose_language(request.headers.get("accept-language", ""), asked_language)
    words = words_of(language)
    text = (
        templates()
        .get_template("docs.html")
        .render(
            language=language,
            languages=LANGUAGES,
            tags=HTML_TAGS,
            words=words,
            script_words={key: words[key] for key in COPY_WORDS},
            info=document["info"],
            about=read_text(document["info"]["description"]),
            sections=read_sections(document, base_url),
            needs_token="securitySchemes" in document["components"],
            base_url=base_url,
        )
    )
    headers = {**PAGE_HEADERS, "Content-Language": HTML_TAGS[language]}
    return Response(status=200, content_type=HTML, body=text.encode(), headers=headers)
