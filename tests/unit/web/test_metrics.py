"""What Prometheus scrapes is what has happened."""

from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from andon.service import Service
from andon.settings.serve import ServeSettings
from andon.web.metrics import Metrics
from tests.support.asgi import AsgiClient
from tests.support.engines import RED, FakeEngine
from tests.support.forms import FORM, field, form
from tests.support.served import asked


def scraped(client: AsgiClient) -> dict[tuple[str, ...], float]:
    """Scrape, and give each sample by its name and the values of its labels, which are sorted by their names."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_requests_and_images_are_counted(colours: Path) -> None:
    """By route and status, by verdict, by the code of an error, by stage."""
    with asked(str(colours)) as client:
        version = client.get("/models").json()["models"][0]["version"]
        client.post("/predict/colours", content=RED)
        body = form([field(RED), field(b"x")])
        client.post("/predict", content=body, headers={"Content-Type": FORM})
        client.post("/predict", content=b"x")
        for path in ("/a", "/b", "/c"):
            client.get(path)
        found = scraped(client)
    assert found["andon_requests_total", "/predict", "200"] == 1
    assert found["andon_requests_total", "/predict", "400"] == 1
    assert found["andon_requests_total", "/predict/{model}", "200"] == 1
    assert found["andon_requests_total", "other", "404"] == 3
    assert found["andon_request_seconds_count", "/predict"] == 2
    assert found["andon_predictions_total", "colours", "Undefined", version] == 2
    assert found["andon_predictions_total", "colours", "NotDecidable", version] == 2
    assert found["andon_failed_images_total", "image.format", "colours", version] == 2
    for stage in ("queue", "decode", "prepare", "infer", "finish"):
        assert found["andon_stage_seconds_count", "colours", stage, version] >= 2
    assert found["andon_engine_jobs_total", "answered"] == 5  # a canary is one
    assert found["andon_model_ready", "colours", version] == 1
    assert found["process_resident_memory_bytes",] > 0


def test_a_metric_is_asked_for_its_children_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request would pay for it."""
    metrics = Metrics(Service(FakeEngine(), ["a.andon"], ServeSettings()))
    metrics.count_request("/predict", 200, 0.1)
    monkeypatch.delattr(MetricWrapperBase, "labels")
    metrics.count_request("/predict", 200, 0.1)
    assert b'andon_requests_total{route="/predict",status="200"} 2.0' in metrics.exposition()


def test_what_the_engine_holds_is_read_when_it_is_asked_for() -> None:
    """Each number of its statistics, and which model runs where."""
    with asked("a.andon", engine=FakeEngine()) as client:
        found = scraped(client)
        text = client.get("/metrics").text
    assert [found["andon_jobs", state] for state in ("queued", "running")] == [1, 2]
    assert found["andon_held_bytes",] == 3
    outcomes = ("answered", "expired", "cancelled", "refused", "quarantined")
    assert [found["andon_engine_jobs_total", outcome] for outcome in outcomes] == [4, 5, 6, 7, 8]
    assert [found[name,] for name in ("andon_engine_retries_total", "andon_replaced_workers_total")] == [9, 10]
    assert found["andon_workers",] == 1
    (line,) = [line for line in text.splitlines() if line.startswith("andon_model_info{")]
    assert 'model="a"' in line
    assert 'runtime="null"' in line


def test_a_model_that_is_not_loaded_is_not_ready() -> None:
    """It is listed before its version is known."""
    with asked("a.andon", engine=FakeEngine(), loads=False) as client:
        found = scraped(client)
    assert found["andon_model_ready", "a", ""] == 0


def test_each_service_counts_for_itself() -> None:
    """Two in one process, as tests and embedding applications have them, do not mix."""
    for _ in range(2):
        with asked(None) as client:
            client.post("/predict", content=RED)
            assert scraped(client)["andon_requests_total", "/predict", "200"] == 1
