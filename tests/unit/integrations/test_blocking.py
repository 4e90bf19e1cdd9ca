"""What Flask and Django have in common."""

import sys
from pathlib import Path

import pytest

from andon.errors import BundleError
from andon.integrations.blocking import head_of, hold, index, model_getter
from andon.model.null import null_model


def test_a_loaded_model_is_given_as_it_is() -> None:
    """At every request the same."""
    model = null_model()
    assert model_getter(model)() is model


def test_a_function_is_asked_each_time() -> None:
    """So that an application can exchange the model."""
    first, second = null_model(), null_model()
    models = [second, first]
    get_model = model_getter(models.pop)
    assert get_model() is first
    assert get_model() is second


def test_a_path_is_loaded_and_proven_at_once(colours: Path) -> None:
    """And once."""
    get_model = model_getter(colours)
    assert get_model() is get_model()
    assert get_model().name == "colours"


def test_a_path_without_a_bundle_is_an_error_and_no_exit(tmp_path: Path) -> None:
    """Outside of gunicorn the caller hears of it."""
    with pytest.raises(BundleError):
        model_getter(tmp_path / "typo.andon")


def test_under_gunicorn_it_ends_the_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the code that stops gunicorn instead of starting the worker again."""
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", sys)
    with pytest.raises(SystemExit) as caught:
        model_getter(str(tmp_path / "typo.andon"))
    assert caught.value.code == 3


def test_headers_are_known_by_their_lower_case_names() -> None:
    """As the dialects ask for them; an id that is offered is kept."""
    request = head_of([("Content-Type", "image/png"), ("X-Request-Id", "part-7")])
    assert request.headers == {"content-type": "image/png", "x-request-id": "part-7"}
    assert request.request_id == "part-7"
    assert request.received > 0


def test_the_seed_s_words() -> None:
    """The index, as text."""
    assert (index().status, index().body) == (200, b"classifier api")
    assert index().content_type.startswith("text/plain")


@pytest.mark.slow
def test_the_probe_answers_a_zero() -> None:
    """After it has held the worker."""
    assert hold().body == b"0"
