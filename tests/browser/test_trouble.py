"""When something goes wrong, the page says what, in words, and what to do."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from PIL import Image

from tests.support.browser import INSECURE_HOST, Visit, choose
from tests.support.bundles import encode
from tests.support.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
MEBIBYTE = 1024 * 1024
TOKEN = "-".join(("word", "of", "line", "3"))
CHINESE = {"locale": "zh-CN"}


def said(page: "Page") -> str:
    """Give what the page says of the selected image."""
    return page.locator("#detail .said").inner_text()


def test_a_file_that_is_no_image_says_so(open_page: "Callable[..., Page]", pictures: dict[str, Path]) -> None:
    """In a sentence for people, with the code below; it is not even sent, and the others are not touched."""
    page = open_page()
    choose(page, pictures["text"], pictures["green"])
    assert (
        said(page) == "This is not an image that can be read here. "
        "Save it in one of these formats and try again: JPEG, PNG, TIFF, BMP, WebP, GIF."
    )
    assert "image.format" in page.locator("#detail dl").inner_text()
    assert page.locator("#list .badge").all_inner_texts() == ["Failed", "OK"]


def test_what_the_service_says_of_an_image_is_shown(
    visit: Callable[..., Visit], pictures: dict[str, Path], tmp_path: Path
) -> None:
    """Below the sentence for people: the code, the words of the service and the id that its log has."""
    (tmp_path / "half.png").write_bytes(pictures["green"].read_bytes()[:2000])
    page = visit().open()
    choose(page, tmp_path / "half.png")
    facts = page.locator("#detail dl").inner_text()
    assert "image.truncated" in facts
    assert "the image is cut off or damaged" in facts
    assert set(page.locator("#detail dt").all_inner_texts()) >= {"Request", "What the service says"}


def test_the_chinese_page_explains_an_error_in_chinese(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """By the code; what the service says in English stays away."""
    page = visit(**CHINESE).open()
    choose(page, pictures["text"])
    assert said(page) == "此处无法读取该图像。请另存为以下格式之一后重试：JPEG, PNG, TIFF, BMP, WebP, GIF。"
    assert page.locator("#detail dt").all_inner_texts() == ["错误代码"]


def test_an_image_with_too_many_pixels_is_refused_by_the_service(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """413 in words."""
    large = tmp_path / "wall.png"
    large.write_bytes(encode(Image.new("1", (9000, 9000))))
    opened = visit()
    page = opened.open()
    choose(page, large)
    assert said(page) == "The image has too many pixels for this service. Make it smaller and try again."
    assert any(trouble.startswith("413: ") for trouble in opened.troubles)


def test_a_file_over_the_limit_is_not_sent(visit: Callable[..., Visit], tmp_path: Path) -> None:
    """The page knows the limit of the service and names both sizes."""
    large = tmp_path / "scan.png"
    with large.open("wb") as file:
        file.truncate(65 * MEBIBYTE)
    opened = visit()
    page = opened.open()
    choose(page, large)
    assert said(page).startswith("The file has 65 MB, more than the 64 MB that this service takes.")
    assert opened.troubles == []


def test_a_file_that_has_gone_is_told_from_a_lost_network(
    visit: Callable[..., Visit], pictures: dict[str, Path], tmp_path: Path
) -> None:
    """It was deleted between choosing and sending, and can be removed from the list."""
    opened = visit()
    gone = tmp_path / "gone.png"
    gone.write_bytes(pictures["green"].read_bytes())

    def load_slowly(route: Any) -> None:
        answer = route.fetch()
        body = answer.json()
        if gone.exists():
            body["models"][0]["state"] = "loading"
        route.fulfill(response=answer, json=body)

    opened.page.route("**/models", load_slowly)
    page = opened.open()
    page.set_input_files("#files", str(gone))
    page.locator("#list .badge", has_text="Waiting").wait_for()
    gone.unlink()
    page.locator("#list .badge", has_text="Failed").wait_for()
    assert said(page) == "The browser cannot read the file. It may have been moved, changed, or be a folder."


def test_a_service_that_has_gone_is_told_from_a_bad_image(
    visit: Callable[..., Visit], parts: Path, pictures: dict[str, Path]
) -> None:
    """What was sent fails with words, and can be sent again."""
    with Served(parts) as service:
        page = visit(service.page).open()
        service.stop()
    choose(page, pictures["green"])
    assert said(page) == "The service cannot be reached. Is it running, and is the network there?"
    assert page.get_by_role("button", name="Try again").is_visible()


def test_a_service_without_its_models_can_be_asked_again(visit: Callable[..., Visit]) -> None:
    """The page says that it cannot be reached, and a button asks once more."""
    opened = visit()
    opened.page.route("**/models", lambda route: route.abort(), times=1)
    page = opened.open()
    assert "cannot be reached" in page.locator("#model .notice").inner_text()
    page.get_by_role("button", name="Ask again").click()
    page.locator("#model dl").wait_for()


def test_a_token_is_asked_for_and_kept_for_the_tab(
    visit: Callable[..., Visit], parts: Path, pictures: dict[str, Path]
) -> None:
    """Images wait for it; a wrong one is refused with words, the right one sends them, and a reload does not ask."""
    with Served(parts, token=TOKEN) as service:
        opened = visit(service.page)
        page = opened.open()
        assert page.evaluate("document.activeElement.id") == "token-field"
        assert page.locator("#model").is_hidden()
        assert opened.troubles == []
        page.set_input_files("#files", str(pictures["green"]))
        page.locator("#list .badge", has_text="Waiting").wait_for()
        page.fill("#token-field", "wrong")
        page.keyboard.press("Enter")
        page.locator("#token-refused").wait_for()
        page.fill("#token-field", TOKEN)
        page.get_by_role("button", name="Use the token").click()
        page.locator("#list .badge", has_text="OK").wait_for()
        assert page.locator("#token").is_hidden()
        assert TOKEN not in page.content()
        assert 'Bearer $ANDON_TOKEN"' in page.locator("#code-curl").inner_text()
        assert page.locator(".needs-token").first.is_visible()
        assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]
        opened.troubles.clear()
        page.reload()
        page.locator("#model dl").wait_for()
        assert opened.troubles == []


def test_a_token_that_is_asked_for_later_sends_the_image_again(
    visit: Callable[..., Visit], pictures: dict[str, Path]
) -> None:
    """A token may come to an end while the page is open."""
    opened = visit()
    opened.page.route("**/predict/*", lambda route: problem(route, 401, "request.token"), times=1)
    page = opened.open()
    choose(page, pictures["green"])
    assert said(page) == "The service asks for its token. Enter it above; the image is then sent again."
    page.fill("#token-field", TOKEN)
    page.keyboard.press("Enter")
    page.locator("#list .badge", has_text="OK").wait_for()


def problem(route: Any, status: int, code: str, **headers: str) -> None:
    """Answer with a problem, as the service does."""
    route.fulfill(status=status, json={"status": status, "code": code, "detail": "no"}, headers=headers)


def test_a_busy_service_is_asked_again_after_the_time_it_says(
    visit: Callable[..., Visit], pictures: dict[str, Path]
) -> None:
    """429 is no failure yet: the image waits, and is sent again by itself."""
    opened = visit()
    opened.page.route("**/predict/*", lambda route: problem(route, 429, "engine.full", **{"Retry-After": "1"}), times=1)
    page = opened.open()
    page.set_input_files("#files", str(pictures["green"]))
    page.locator("#list .badge", has_text="The service is busy. Trying again in 1 s").wait_for()
    page.locator("#list .badge", has_text="OK").wait_for()
    assert [trouble[:3] for trouble in opened.troubles if trouble[:3].isdigit()] == ["429"]


def test_waiting_for_a_busy_service_can_be_cancelled(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """503 waits as well, and nobody has to wait with it."""
    opened = visit()
    opened.page.route("**/predict/*", lambda route: problem(route, 503, "service.unready", **{"Retry-After": "30"}))
    page = opened.open()
    page.set_input_files("#files", str(pictures["green"]))
    page.locator("#list .badge", has_text="Trying again in 30 s").wait_for()
    page.locator("#detail").get_by_role("button", name="Cancel").click()
    assert page.locator("#list .badge").inner_text() == "Cancelled"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "The file is larger than the service takes in one request."),
        (502, "A proxy answers, but the service behind it does not."),
        (404, "There is no classification service at this address."),
        (418, "The answer is not one of this service."),
        (200, "The answer is not one of this service."),
    ],
)
def test_an_answer_of_a_proxy_is_understood(
    visit: Callable[..., Visit], pictures: dict[str, Path], status: int, words: str
) -> None:
    """HTML in the place of a problem is told by its status."""
    opened = visit()
    html = "<html>nginx</html>"
    opened.page.route("**/predict/*", lambda r: r.fulfill(status=status, body=html, content_type="text/html"))
    page = opened.open()
    choose(page, pictures["green"])
    assert said(page).startswith(words)
    assert not [trouble for trouble in opened.troubles if trouble.startswith("uncaught")]


def test_a_code_that_the_page_does_not_know_is_still_shown(
    visit: Callable[..., Visit], pictures: dict[str, Path]
) -> None:
    """A newer service may have more reasons."""
    opened = visit()
    opened.page.route("**/predict/*", lambda route: problem(route, 400, "image.smell"))
    page = opened.open()
    choose(page, pictures["green"])
    assert said(page) == "The service refused the image for a reason that this page does not know."
    assert "image.smell" in page.locator("#detail dl").inner_text()


def fail_model(route: Any) -> None:
    """Let the first model seem to have failed its proof."""
    answer = route.fetch()
    body = answer.json()
    proof = {**body["models"][0]["proof"], "holds": False, "worst_output_difference": None}
    body["models"][0].update(state="failed", reason="stage pixels: 9 grey levels", proof=proof)
    route.fulfill(response=answer, json=body)


def test_a_model_that_failed_is_not_waited_for(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """503 of a model that will never be ready is told at once."""
    opened = visit()
    opened.page.route("**/models", fail_model)
    opened.page.route("**/predict/*", lambda route: problem(route, 503, "service.unready", **{"Retry-After": "30"}))
    page = opened.open()
    choose(page, pictures["green"])
    assert said(page).startswith("The service is not ready: no model has proven itself yet.")


def test_a_model_that_failed_says_why(visit: Callable[..., Visit]) -> None:
    """State, proof and reason; on the Chinese page the reason is in the log only."""
    for options, reason, words in (
        ({}, "stage pixels: 9 grey levels", ["Failed", "Does not hold"]),
        (CHINESE, "原因见服务日志", ["失败", "未通过"]),
    ):
        opened = visit(**options)
        opened.page.route("**/models", fail_model)
        page = opened.open()
        assert page.locator("#model .badge").all_inner_texts() == words
        assert reason in page.locator("#model .notice").inner_text()
        assert ("grey levels" in page.content()) == (options == {})


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotAllowedError", "The browser does not let this page use the camera."),
        ("NotFoundError", "No camera was found."),
        ("NotReadableError", "The camera does not start."),
    ],
)
def test_a_camera_that_cannot_be_had_is_explained(visit: Callable[..., Visit], error: str, words: str) -> None:
    """Each reason in words; the button to try again has the focus."""
    opened = visit()
    refuse = f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{error}'); }};"
    opened.page.add_init_script(refuse)
    page = opened.open()
    page.click("#camera-start")
    page.locator("#camera-said", has_text=words).wait_for()
    assert page.evaluate("document.activeElement.id") == "camera-start"
    assert page.locator("#camera").is_hidden()
    assert opened.troubles == []


def test_an_insecure_page_explains_its_camera_and_copies_otherwise(
    visit: Callable[..., Visit], service: str, pictures: dict[str, Path]
) -> None:
    """Over plain http from another machine all else works; text to copy is selected instead."""
    opened = visit(f"http://{INSECURE_HOST}:{urlsplit(service).port}/")
    page = opened.open()
    assert page.evaluate("isSecureContext") is False
    page.click("#camera-start")
    page.locator("#camera-said", has_text="A browser gives the camera only to pages from https://").wait_for()
    page.locator("#panel-curl .copy").click()
    page.locator("#panel-curl .copy", has_text="The text is selected: press Ctrl+C").wait_for()
    assert page.evaluate("String(getSelection())") == page.locator("#code-curl").inner_text()
    choose(page, pictures["green"])
    assert page.locator("#list .badge").inner_text() == "OK"
    assert opened.troubles == []
