"""What is the blocking client's own; what both do alike is in tests/contracts/test_clients."""

import itertools
import threading
from collections.abc import Iterator

import pytest

import andon
from tests.support.answers import predictions_json
from tests.support.scripted import Stage, answers, refuses, scripted

GOOD = answers(200, predictions_json())


def test_a_client_says_what_it_asks() -> None:
    """In a notebook one sees where it leads."""
    client = andon.Client("http://host:5555/", model="scratch")
    assert repr(client) == "<andon.Client http://host:5555/predict/scratch>"


def test_leaving_the_block_closes_the_client() -> None:
    """Its connections are gone, and it says so if it is asked again."""
    with scripted(GOOD) as service:
        with andon.Client(service.url) as client:
            client.predict(b"image")
        with pytest.raises(andon.AndonError, match="closed"):
            client.models()


def test_threads_share_a_client() -> None:
    """Each has its own prediction, and together they need no more connections than they are allowed."""
    options = andon.ClientOptions(connections=2)
    found: list[andon.Prediction] = []
    with scripted(GOOD) as service, andon.Client(service.url, options=options) as client:
        threads = [threading.Thread(target=lambda: found.append(client.predict(b"image"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert service.connections <= 2
    assert [prediction.label for prediction in found] == ["red"] * 8


def test_nothing_is_read_before_the_first_prediction_is_asked_for() -> None:
    """And of an endless source no more than two batches ahead; leaving ends the threads."""
    read = itertools.count()

    def endless() -> Iterator[bytes]:
        while True:
            next(read)
            yield b"image"

    before = threading.active_count()
    with scripted(answers(200, predictions_json(4))) as service, andon.Client(service.url) as client:
        predictions = client.predict_many(endless(), batch_size=4)
        assert next(read) == 0
        assert next(predictions).label == "red"
        assert next(read) == 9
        predictions.close()  # type: ignore[attr-defined]  # it is a generator
        assert len(service.received) == 2
    assert threading.active_count() == before


def test_two_requests_are_under_way() -> None:
    """The service has the second batch before it has answered the first."""
    both_came = threading.Barrier(2)

    def waits_for_the_other(stage: Stage) -> bool:
        both_came.wait(10)
        return answers(200, predictions_json(1))(stage)

    with scripted(waits_for_the_other) as service, andon.Client(service.url) as client:
        assert len(list(client.predict_many([b"image"] * 6, batch_size=1))) == 6


def test_each_request_of_many_has_a_deadline_of_its_own() -> None:
    """A thousand images may take longer than one call."""
    with scripted(GOOD) as service, andon.Client(service.url, deadline_s=5) as client:
        list(client.predict_many([b"image"] * 3, batch_size=1))
        assert all(int(request.headers["x-deadline-ms"]) > 1000 for request in service.received)


def test_a_service_that_is_full_for_a_moment_is_asked_again() -> None:
    """The client waits as long as it is told, and a little by chance."""
    acts = (refuses(429, "service.unready", Retry_After="1"), GOOD)
    slept: list[float] = []
    with scripted(*acts) as service, andon.Client(service.url) as client, pytest.MonkeyPatch.context() as patch:
        patch.setattr("andon.client.sync.sleep", slept.append)
        assert client.predict(b"image").label == "red"
    assert len(slept) == 1
    assert 1 <= slept[0] <= 1.1
