"""Whether the service of the example answers as the same bundle does in this process."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from andon.demo.ask import Answer, get, post_image
from andon.model.model import Model
from andon.web.dialects.classify import GREETING


class Comparison(NamedTuple):
    """One image, asked about over HTTP and in this process."""

    path: Path
    answer: str
    """What the service said, or why there is no answer."""
    problem: str
    """What is wrong with that; empty where nothing is."""


def check_greeting(port: int) -> str:
    """Ask `GET /`, and give what is wrong with the answer; empty where nothing is."""
    answer = get(port, "/")
    if answer == Answer(200, GREETING):
        return ""
    return f"GET / answers {answer.status} {answer.text[:80]!r}, expected 200 {GREETING!r}"


def compare(model: Model, port: int, paths: Iterable[Path]) -> Iterator[Comparison]:
    """
    Ask about each image both ways.

    An image that cannot be used is a problem too: the service must refuse it, and it was not
    classified.

    Raises:
        ConnectionError: The service is gone.
    """
    for path in paths:
        try:
            image = path.read_bytes()
        except OSError as error:
            problem = f"cannot be read: {error.strerror}"
            yield Comparison(path, problem, problem)
            continue
        answer = post_image(port, "/run", image)
        yield Comparison(path, answer.text, _problem(answer, model, image))


def _problem(answer: Answer, model: Model, image: bytes) -> str:
    prediction = model.predict(image)
    if prediction.error:
        refused = 400 <= answer.status < 500
        return (
            prediction.error.message if refused else f"the service answers {answer.status} for an image that fails here"
        )
    expected = Answer(200, f"result : {prediction.label}")
    return (
        ""
        if answer == expected
        else f"the service answers {answer.status}, expected {expected.text!r} as in this process"
    )
