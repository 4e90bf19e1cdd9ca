"""Tests of the comparison between a service and the model in this process."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import andon
from andon.demo.check import check_greeting, compare
from andon.model.model import Model
from andon.web.dialects.classify import GREETING
from tests.support.bundles import colour_image


@contextmanager
def service(answer: Callable[[bytes], tuple[int, str]], greeting: str = GREETING) -> Iterator[int]:
    """Run a service that answers images by a function; give its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200, greeting)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            form = message_from_bytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + body)
            (part,) = form.get_payload()
            self._send(*answer(part.get_payload(decode=True)))

        def _send(self, status: int, text: str) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- its name in the base class
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="module")
def model(colours: Path) -> Model:
    """The model of colours."""
    return andon.load(colours)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """A red image and a text."""
    colour_image((200, 30, 30)).save(tmp_path / "red.png")
    (tmp_path / "text.png").write_text("red")
    return [tmp_path / "red.png", tmp_path / "text.png"]


def honest(model: Model) -> Callable[[bytes], tuple[int, str]]:
    """Answer as the model does."""

    def answer(image: bytes) -> tuple[int, str]:
        prediction = model.predict(image)
        return (400, "error : no image") if prediction.error else (200, f"result : {prediction.label}")

    return answer


def test_equal_answers_are_no_problem(model: Model, paths: list[Path]) -> None:
    """The answer is kept as it came."""
    with service(honest(model)) as port:
        (found,) = compare(model, port, paths[:1])
    assert (found.path, found.answer, found.problem) == (paths[0], "result : red", "")


def test_an_image_that_is_refused_is_a_problem_of_the_image(model: Model, paths: list[Path]) -> None:
    """The service was right to refuse it, and it was not classified; the others are."""
    with service(honest(model)) as port:
        bad, good = compare(model, port, reversed(paths))
    assert (bad.answer, bad.problem) == ("error : no image", "not an image of a format that is taken")
    assert good.problem == ""


@pytest.mark.parametrize(
    ("index", "answer"),
    [
        (0, (200, "result : blue")),
        (0, (400, "error : no image")),
        (0, (500, "result : red")),
        (1, (200, "result : red")),
    ],
)
def test_a_service_that_answers_otherwise_is_the_problem(
    model: Model, paths: list[Path], index: int, answer: tuple[int, str]
) -> None:
    """Another label, a refusal of a good image, a fault, a label for what is none."""
    with service(lambda _: answer) as port:
        (found,) = compare(model, port, paths[index : index + 1])
    assert found.problem.startswith(f"the service answers {answer[0]}")


def test_a_file_that_cannot_be_read_is_not_asked_about(model: Model, tmp_path: Path) -> None:
    """There is nothing to send."""
    (found,) = compare(model, 1, [tmp_path / "gone.png"])
    assert found.answer == found.problem == "cannot be read: No such file or directory"


@pytest.mark.parametrize(("greeting", "said"), [(GREETING, ""), ("it works", "GET / answers 200 'it works'")])
def test_the_greeting_is_the_known_one(greeting: str, said: str) -> None:
    """Clients ask for it to see whether it is this service."""
    with service(lambda _: (200, ""), greeting) as port:
        assert check_greeting(port).startswith(said)
        assert bool(check_greeting(port)) == bool(said)
