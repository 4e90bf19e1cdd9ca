"""The models of an engine, on a machine with cards that are none."""

from pathlib import Path

import pytest

from andon.engine.base import Job
from andon.engine.models import Models
from andon.engine.placement import Choice
from andon.errors import EnvironmentFault
from andon.settings.serve import ServeSettings
from tests.support.bundles import write_colours
from tests.support.cards import give_cards
from tests.support.engines import RED

CARDS = ("cuda:0", "cuda:1")
AUTO = Choice(devices=CARDS, may_fall_back=True)


def models(choice: Choice, **settings: object) -> Models:
    """Make them."""
    return Models(ServeSettings(**settings), choice)  # type: ignore[arg-type] # named by the test


def test_a_model_is_on_every_card(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread runs the copy of its own card, and the answers say which."""
    library = give_cards(monkeypatch)
    found = models(AUTO)
    loaded = found.load(str(colours))
    assert (loaded.devices, loaded.execution.device, found.devices) == (CARDS, "cuda", CARDS)
    assert [told["device_id"] for told, _ in library.opened] == ["0", "1"]
    job = Job(model=loaded.digest, image=RED)
    answers = [found.predict(job, device, lambda: True) for device in CARDS]
    assert [(answer.label, answer.device) for answer in answers] == [("red", "cuda:0"), ("red", "cuda:1")]


def test_the_first_model_decides(
    colours: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where cards can be used by nobody, the CPU is all there is, for later models too."""
    library = give_cards(monkeypatch, falls_back=True)
    found = models(AUTO)
    assert found.devices is None
    assert found.load(str(colours)).devices == ("cpu",)
    assert found.devices == ("cpu",)
    (message,) = caplog.messages
    assert message.startswith("computing on cpu and not on cuda:0, cuda:1: ONNX Runtime would")
    asked = len(library.opened)
    found.load(str(colours))
    assert len(library.opened) == asked == 2


def test_a_later_model_that_cannot_use_the_cards_has_one_copy(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread runs that one."""
    give_cards(monkeypatch)
    found = models(AUTO)
    found.load(str(colours))
    null = found.load(None)
    give_cards(monkeypatch, falls_back=True)
    other = write_colours(tmp_path / "other.andon", name="other")
    assert found.load(str(other)).devices == ("cpu",)
    assert (null.devices, found.devices) == (("cpu",), CARDS)
    assert found.predict(Job(model=null.digest, image=RED), "cuda:1", lambda: True).label == "null"
    assert null.digest in found
    assert "elsewhere" not in found


def test_a_card_that_was_named_and_does_not_do_is_an_error(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is loaded."""
    give_cards(monkeypatch, cards=1)
    found = models(Choice(devices=CARDS))
    with pytest.raises(EnvironmentFault) as caught:
        found.load(str(colours))
    assert caught.value.code == "environment.device"
    assert (found.devices, caught.value.where) == (CARDS, "cuda:1")


def test_a_model_that_is_loaded_stays_as_it_is(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has become of the cards since."""
    give_cards(monkeypatch)
    found = models(AUTO)
    first = found.load(str(colours))
    give_cards(monkeypatch, falls_back=True)
    assert found.load(str(colours)) == first


def test_the_limits_are_those_of_every_copy(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image over them is refused on each card."""
    give_cards(monkeypatch)
    found = models(AUTO, max_image_bytes=10)
    job = Job(model=found.load(str(colours)).digest, image=RED)
    errors = [found.predict(job, device, lambda: True).error for device in CARDS]
    assert [error.code for error in errors if error] == ["image.bytes"] * 2
