"""From images to results: all the ways in, and all that is shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from andon.model.load import load
from tests.support.browser import Visit, choose
from tests.support.served import Served

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.slow
Open = Callable[..., "Page"]
SERVER_STAGES = ["Decode the image", "Resize and crop", "Run the model", "Scores and verdict"]
MAKE_TRANSFER = """async (name) => {
  const canvas = new OffscreenCanvas(64, 48);
  const context = canvas.getContext("2d");
  context.fillStyle = "rgb(200 40 40)";
  context.fillRect(0, 0, 64, 48);
  const data = new DataTransfer();
  if (name) data.items.add(new File([await canvas.convertToBlob()], name, { type: "image/png" }));
  else data.setData("text/plain", "words");
  return data;
}"""
"""Makes what is dropped or pasted: a red image, or text where no name is given."""
PASTE = """(data) => document.body.dispatchEvent(
  new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }))"""


def texts(page: "Page", selector: str) -> list[str]:
    """Give the texts of all elements that fit."""
    return [text.strip() for text in page.locator(selector).all_inner_texts()]


def test_the_page_says_which_model_it_is_and_whether_its_proof_holds(open_page: Open, parts: Path) -> None:
    """Name, version, digest, runtime, state and proof are those of the bundle."""
    page = open_page()
    model = load(parts)
    said = page.locator("#model").inner_text()
    assert page.locator("#model-choice").input_value() == "0"
    assert texts(page, "#model-choice option") == ["parts", "colours"]
    assert texts(page, "#model .badge") == ["Ready", "Holds"]
    assert model.proof is not None
    assert f"{model.proof.samples} golden samples, worst output difference" in said
    assert "of allowed 1e-3" in said
    assert "onnxruntime · fp32 · cpu" in said
    assert model.version in said
    assert f"{model.digest[:12]}…" in said


def test_many_images_are_classified_each_by_itself(open_page: Open, pictures: dict[str, Path], parts: Path) -> None:
    """Each line shows name, label and verdict, as the model gives them in-process."""
    page = open_page()
    shown = [pictures[colour] for colour in ("red", "green", "olive")]
    choose(page, *shown)
    model = load(parts)
    for row, path in zip(page.locator("#list li").all(), shown, strict=True):
        expected = model.predict(path)
        assert row.locator(".name").inner_text() == path.name
        assert row.locator(".label").inner_text() == expected.label
        assert row.locator(".badge").inner_text() == expected.verdict.name
    assert texts(page, "#list .badge") == ["NotOK", "OK", "NotDecidable"]
    assert page.locator("#progress").inner_text() == "3 of 3 done"


def test_verdicts_differ_by_shape_and_word_too(open_page: Open, pictures: dict[str, Path]) -> None:
    """Whoever sees no colours sees which part is bad."""
    page = open_page()
    choose(page, *(pictures[colour] for colour in ("red", "green", "olive")))
    shapes = [use.get_attribute("href") for use in page.locator("#list .badge use").all()]
    assert shapes == ["#icon-NotOK", "#icon-OK", "#icon-NotDecidable"]


def test_the_result_shows_scores_reasons_time_and_the_answer(
    open_page: Open, pictures: dict[str, Path], parts: Path
) -> None:
    """Scores best first, the reasons of the service, every stage, and the JSON that came."""
    page = open_page()
    choose(page, pictures["olive"])
    expected = load(parts).predict(pictures["olive"])
    assert texts(page, "#detail table >> nth=0 >> tbody th")[0] == expected.label
    assert texts(page, "#detail .reasons li") == list(expected.reasons)
    stages = texts(page, "#detail table >> nth=1 >> tbody th")
    assert [stage for stage in stages if stage in SERVER_STAGES] == SERVER_STAGES
    assert (stages[0], stages[-1]) == ("To the server", "Back to the browser")
    page.locator("#detail summary").click()
    page.locator("#detail details code", has_text="predictions").wait_for()
    answer = json.loads(page.locator("#detail details code").inner_text())
    assert answer["predictions"][0]["label"] == expected.label
    assert answer["request_id"] in page.locator("#detail dl").inner_text()


def percent(page: "Page", selector: str, name: str) -> list[float]:
    """Read an attribute in percent of all elements that fit."""
    return [float((shape.get_attribute(name) or "").rstrip("%")) for shape in page.locator(selector).all()]


def test_the_bars_are_as_long_as_what_they_show(open_page: Open, pictures: dict[str, Path]) -> None:
    """A score of 0.6 fills 60 % of its bar; each stage begins where the one before ended."""
    page = open_page()
    choose(page, pictures["olive"])
    scores = [float(text.strip("<")) for text in texts(page, "#detail table >> nth=0 >> tbody .number")]
    assert percent(page, "#detail rect.fill", "width") == pytest.approx([100 * score for score in scores], abs=0.5)
    starts = percent(page, "#detail table >> nth=1 >> rect:not(.track)", "x")
    lengths = percent(page, "#detail table >> nth=1 >> rect:not(.track)", "width")
    ends = [start + length for start, length in zip(starts, lengths, strict=True)]
    assert starts[0] == 0
    assert starts[1:] == pytest.approx(ends[:-1], abs=0.5)
    assert ends[-1] == pytest.approx(100, abs=0.5)


def test_a_model_with_many_labels_shows_the_best_ten_first(
    visit: Callable[..., Visit], pictures: dict[str, Path]
) -> None:
    """More are shown on demand, until all are there."""
    labels = [f"label {place}" for place in range(70)]
    opened = visit()
    opened.page.route("**/models", lambda route: answer_with(route, lambda body: relabel_model(body, labels)))
    opened.page.route("**/predict/*", lambda route: answer_with(route, lambda body: relabel_answer(body, labels)))
    page = opened.open()
    choose(page, pictures["red"])
    rows = page.locator("#detail table >> nth=0 >> tbody tr")
    assert rows.count() == 10
    assert rows.first.locator("th").inner_text() == "label 69"
    page.get_by_role("button", name="Show 50 more of 70").click()
    assert rows.count() == 60
    page.get_by_role("button", name="Show 10 more of 70").click()
    assert rows.count() == 70
    assert rows.last.locator("th").inner_text() == "label 0"
    assert page.get_by_role("button", name="more of").count() == 0


def answer_with(route: Any, change: Callable[[Any], None]) -> None:
    """Let a request through, and change its answer."""
    answer = route.fetch()
    body = answer.json()
    change(body)
    route.fulfill(response=answer, json=body)


def relabel_model(body: Any, labels: list[str]) -> None:
    """Give the first model other labels."""
    body["models"][0]["labels"] = labels


def relabel_answer(body: Any, labels: list[str]) -> None:
    """Give an answer scores of these labels, the last of which is the best."""
    scores = [place / 100 for place in range(len(labels))]
    body["predictions"][0].update(label=labels[-1], index=len(labels) - 1, score=scores[-1], scores=scores)


def test_another_model_can_be_chosen(open_page: Open, pictures: dict[str, Path]) -> None:
    """What is sent from then on goes to it, and so do the lines of the programs."""
    page = open_page()
    page.locator("#model-choice").select_option("colours")
    choose(page, pictures["red"])
    assert texts(page, "#list .badge") == ["Undefined"]
    assert texts(page, "#detail .reasons li") == [
        "This model declares no rule for good and bad, so there is a label and no verdict."
    ]
    assert page.locator("#code-curl").inner_text().endswith("/predict/colours")


def test_images_can_be_dropped_anywhere(open_page: Open) -> None:
    """The zone says so while something is above it, and what falls beside it is taken too."""
    page = open_page()
    data = page.evaluate_handle(MAKE_TRANSFER, "dropped.png")
    page.dispatch_event("footer", "dragenter", {"dataTransfer": data})
    assert page.locator("#drop").inner_text().strip() == "Let go to classify"
    page.dispatch_event("footer", "drop", {"dataTransfer": data})
    page.locator("#list .badge", has_text="NotOK").wait_for()
    assert page.locator("#drop").inner_text().strip() == "Drop images here, or choose them"
    assert texts(page, "#list .name") == ["dropped.png"]


def test_images_can_be_pasted(open_page: Open) -> None:
    """Browsers give every pasted image one name; the page numbers them."""
    page = open_page()
    for _ in range(2):
        page.evaluate(PASTE, page.evaluate_handle(MAKE_TRANSFER, "image.png"))
    page.locator("#list .badge", has_text="NotOK").nth(1).wait_for()
    assert texts(page, "#list .name") == ["pasted-1.png", "pasted-2.png"]


def test_what_is_no_file_is_refused_with_words(open_page: Open) -> None:
    """Pasted or dropped text does nothing, and says so until an image comes."""
    page = open_page()
    page.evaluate(PASTE, page.evaluate_handle(MAKE_TRANSFER, ""))
    assert page.locator("#intake-said").inner_text() == "There was no image in what you dropped or pasted."
    page.evaluate(PASTE, page.evaluate_handle(MAKE_TRANSFER, "image.png"))
    page.locator("#list li").wait_for()
    assert page.locator("#intake-said").is_hidden()


def test_the_camera_runs_from_start_to_stop(open_page: Open) -> None:
    """A picture becomes a result; after the stop nothing is recorded any more."""
    page = open_page()
    page.click("#camera-start")
    page.locator("#camera-take:enabled").wait_for()
    assert page.evaluate("document.activeElement.id") == "camera-take"
    page.click("#camera-take")
    page.locator("#list .label").wait_for()
    assert texts(page, "#list .name") == ["camera-1.png"]
    track = page.evaluate_handle("document.getElementById('camera-view').srcObject.getTracks()[0]")
    assert track.evaluate("track => track.readyState") == "live"
    page.click("#camera-stop")
    assert track.evaluate("track => track.readyState") == "ended"
    assert page.locator("#camera").is_hidden()
    assert page.evaluate("document.activeElement.id") == "camera-start"


def test_an_image_can_be_sent_again_or_removed(open_page: Open, pictures: dict[str, Path]) -> None:
    """Sent again it goes to the model that is chosen now; removed, the next one is shown."""
    page = open_page()
    choose(page, pictures["red"], pictures["green"])
    page.locator("#model-choice").select_option("colours")
    page.get_by_role("button", name="Classify again").click()
    page.locator("#list .badge", has_text="Undefined").wait_for()
    assert texts(page, "#list .badge") == ["Undefined", "OK"]
    page.get_by_role("button", name="Remove").click()
    assert texts(page, "#list .badge") == ["OK"]
    assert page.locator("#detail .badge").inner_text() == "OK"
    page.click("#clear")
    assert page.locator("#results").is_hidden()
    assert "appears here" in page.locator("#detail").inner_text()


def test_an_image_can_be_cancelled(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """One, or all that are left; two are on their way at a time, and a cancelled one makes room."""
    opened = visit()
    opened.page.route("**/predict/*", lambda _: None)  # nothing ever answers
    page = opened.open()
    page.set_input_files("#files", [str(pictures["red"])] * 4)
    page.locator("#list .badge", has_text="Classifying").nth(1).wait_for()
    assert texts(page, "#list .badge") == ["Classifying …", "Classifying …", "Waiting", "Waiting"]
    page.locator("#detail").get_by_role("button", name="Cancel").click()
    page.locator("#list li:nth-child(3) .badge", has_text="Classifying").wait_for()
    assert texts(page, "#list .badge") == ["Cancelled", "Classifying …", "Classifying …", "Waiting"]
    page.click("#cancel-rest")
    assert texts(page, "#list .badge") == ["Cancelled"] * 4
    assert [trouble for trouble in opened.troubles if not trouble.startswith("failed: ")] == []


def test_images_wait_for_a_model_that_is_loading(visit: Callable[..., Visit], pictures: dict[str, Path]) -> None:
    """The page asks until the model is ready, and sends nothing before."""
    opened = visit()
    asked: list[str] = []

    def answer(route: Any) -> None:
        asked.append("models")
        answer_with(route, loading if len(asked) < 3 else lambda _: None)

    opened.page.route("**/models", answer)
    opened.page.on("request", lambda request: asked.append("predict") if "predict" in request.url else None)
    page = opened.open()
    assert texts(page, "#model .badge") == ["Loading", "Being checked"]
    choose(page, pictures["green"])
    assert texts(page, "#model .badge") == ["Ready", "Holds"]
    assert texts(page, "#list .badge") == ["OK"]
    assert asked == ["models", "models", "models", "predict"]
    assert opened.troubles == []


def loading(body: Any) -> None:
    """Say of the first model what is known while it loads."""
    body["models"][0].update(state="loading", version=None, digest=None, labels=None, proof=None, runtime=None)


def test_the_page_works_under_a_prefix(parts: Path, pictures: dict[str, Path], open_page: Open) -> None:
    """Every address is relative to the page, those in the lines of the programs too."""
    with Served(parts, prefix="/line-3/inspection") as mounted:
        page = open_page(mounted.page)
        choose(page, pictures["green"])
        assert texts(page, "#list .badge") == ["OK"]
        assert page.locator("#code-curl").inner_text().endswith("/line-3/inspection/predict/parts")
        assert page.locator("#code-python").inner_text().count('/line-3/inspection"') == 1
