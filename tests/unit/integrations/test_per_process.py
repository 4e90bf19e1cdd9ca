"""Each process has a model of its own; these tests fork."""

import gc
import logging
import os
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from andon.errors import BundleError, EnvironmentFault
from andon.integrations import own_device
from andon.integrations.per_process import PerProcessModel, load_per_process
from andon.model.model import Model
from andon.model.null import null_model
from tests.support.carded_onnxruntime import CardedLibrary
from tests.support.cards import as_one_of, give_cards


def in_child(task: Callable[[], object]) -> tuple[int, str]:
    """Fork, run a task in the child, and give its exit code and what the task returned."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.write(writer, str(task()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), said


class Loader:
    """Counts, in each process, how often it loads; may fail from some number on."""

    def __init__(self, fails_from: int = 10**9) -> None:
        self.pids: list[int] = []
        self._fails_from = fails_from

    def __call__(self) -> Model:
        """Load a model that needs no bundle."""
        self.pids.append(os.getpid())
        if len(self.pids) >= self._fails_from:
            raise BundleError("the file is gone", code="bundle.missing")
        return null_model()


@pytest.fixture
def as_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process take itself for a master that preloads."""
    monkeypatch.setitem(sys.modules, "gunicorn.arbiter", os)


def test_it_is_loaded_at_once_and_once() -> None:
    """A bundle that does not prove itself is refused when the application is made."""
    load = Loader()
    model = PerProcessModel(load)
    assert model() is model()
    assert load.pids == [os.getpid()]
    with pytest.raises(BundleError):
        PerProcessModel(Loader(fails_from=1))


def test_a_child_loads_its_own() -> None:
    """It does not use what it inherits, and the parent keeps what it has."""
    load = Loader()
    model = PerProcessModel(load)
    first = model()
    code, said = in_child(lambda: (model() is first, load.pids[-1] == os.getpid(), len(load.pids), model() is model()))
    assert (code, said) == (0, "(False, True, 2, True)")
    assert model() is first
    assert load.pids == [os.getpid()]


def test_a_child_that_does_not_serve_loads_nothing() -> None:
    """A helper process costs no model."""
    load = Loader()
    model = PerProcessModel(load)
    assert in_child(lambda: len(load.pids)) == (0, "1")
    assert model() is not None


def test_a_grandchild_loads_its_own_too() -> None:
    """Whatever the number of forks."""
    load = Loader()
    model = PerProcessModel(load)

    def grandchild() -> str:
        model()
        return in_child(lambda: (model() is not None, len(set(load.pids))))[1]

    assert in_child(grandchild) == (0, "(True, 3)")


def test_a_child_that_cannot_load_says_so_at_each_call() -> None:
    """The error is the caller's to answer, and the next call tries again."""
    load = Loader(fails_from=2)
    model = PerProcessModel(load)

    def calls() -> int:
        for _ in range(3):
            with pytest.raises(BundleError):
                model()
        return len(load.pids)

    assert in_child(calls) == (0, "4")


def test_a_lock_held_during_the_fork_does_not_stop_the_child() -> None:
    """Another thread of the parent may have been loading."""
    model = PerProcessModel(Loader())
    with model._lock:  # noqa: SLF001 -- the state that a fork may meet
        assert in_child(lambda: model() is not None) == (0, "True")


def test_a_master_that_preloads_loads_only_in_its_children() -> None:
    """The child has its model before anybody asks, the parent none."""
    load = Loader()
    model = PerProcessModel(load, in_children=True)
    assert load.pids == []
    assert in_child(lambda: load.pids == [os.getpid()]) == (0, "True")
    assert in_child(lambda: (model() is model(), len(load.pids))) == (0, "(True, 1)")
    assert load.pids == []


def test_a_worker_of_a_master_that_preloads_loads_for_its_children_when_asked() -> None:
    """Only the master's own children are workers."""
    load = Loader()
    model = PerProcessModel(load, in_children=True)
    assert in_child(lambda: in_child(lambda: len(load.pids))) == (0, "(0, '1')")
    assert in_child(lambda: in_child(lambda: (model() is not None, len(load.pids)))[1]) == (0, "(True, 2)")


def test_a_worker_that_cannot_load_stops_gunicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It exits with the code that gunicorn stops at, before it serves anything; the reason is logged."""
    log = logging.FileHandler(tmp_path / "error.log")
    monkeypatch.setattr(logging.getLogger("gunicorn.error"), "handlers", [log])
    model = PerProcessModel(Loader(fails_from=1), in_children=True)
    served = in_child(lambda: "served")
    del model
    log.close()
    assert served == (3, "")
    assert "[bundle.missing] the file is gone" in (tmp_path / "error.log").read_text()


def test_a_model_that_is_dropped_is_freed() -> None:
    """Registering for forks keeps nothing alive, and later forks go well."""
    model = PerProcessModel(Loader(fails_from=2))
    held = weakref.ref(model)
    del model
    gc.collect()
    assert held() is None
    assert in_child(lambda: "fine") == (0, "fine")


def test_a_bundle_is_loaded_and_proven_where_it_is_served(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one compute thread's session in this process; a relative path is looked up now."""
    monkeypatch.chdir(colours.parent)
    model = load_per_process(colours.name)
    monkeypatch.chdir("/")
    assert model().proof is not None
    assert model().proof.holds
    assert in_child(lambda: model().labels) == (0, "('red', 'green', 'blue')")


@pytest.mark.usefixtures("as_gunicorn")
def test_a_master_that_preloads_reads_the_bundle_first(tmp_path: Path) -> None:
    """A file that is no bundle is refused before any worker starts."""
    with pytest.raises(BundleError):
        load_per_process(tmp_path / "typo.andon")


@pytest.mark.usefixtures("as_gunicorn")
def test_a_master_that_preloads_opens_no_session(colours: Path) -> None:
    """The runtime is imported in the children only."""
    model = load_per_process(colours)
    assert model._model is None  # noqa: SLF001 -- asking would load it
    assert in_child(lambda: model._model is not None) == (0, "True")  # noqa: SLF001 -- as above


@pytest.fixture
def cards(monkeypatch: pytest.MonkeyPatch) -> Iterator[CardedLibrary]:
    """Let this process see two cards, and have taken none."""
    with as_one_of(f"andon-test-{os.getpid()}-{id(monkeypatch)}"):
        yield give_cards(monkeypatch)


def test_each_process_computes_on_a_card_of_its_own(colours: Path, cards: CardedLibrary) -> None:
    """A forked one takes another than its parent, and both keep theirs."""
    model = load_per_process(colours)
    assert model().device == "cuda:0"
    assert in_child(lambda: (model().device, model().device)) == (0, "('cuda:1', 'cuda:1')")
    assert model().device == "cuda:0"
    assert len(cards.opened) == 1


@pytest.mark.usefixtures("cards")
def test_several_models_of_a_process_share_its_card(colours: Path) -> None:
    """So that the other card is left to the other process."""
    first, second = load_per_process(colours), load_per_process(colours)
    assert {first().device, second().device} == {"cuda:0"}


@pytest.mark.parametrize(("asked", "device"), [("cpu", "cpu"), ("cuda:1", "cuda:1"), ("auto", "cuda:0")])
@pytest.mark.usefixtures("cards")
def test_the_environment_says_where_to_compute(
    colours: Path, monkeypatch: pytest.MonkeyPatch, asked: str, device: str
) -> None:
    """As the setting `devices` of the service."""
    monkeypatch.setenv("ANDON_DEVICES", asked)
    assert load_per_process(colours)().device == device


@pytest.mark.usefixtures("cards")
def test_without_a_card_that_does_a_process_uses_the_cpu(
    colours: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning; but a card that was named is held to."""
    give_cards(monkeypatch, falls_back=True)
    assert load_per_process(colours)().device == "cpu"
    assert "computing on cpu and not on cuda:" in caplog.text
    monkeypatch.setenv("ANDON_DEVICES", "cuda:1")
    with pytest.raises(EnvironmentFault, match="in place of the card"):
        load_per_process(colours)


@pytest.mark.usefixtures("as_gunicorn", "cards")
def test_a_master_that_preloads_takes_no_card(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its children do; cards that are not there stop it before any is forked."""
    model = load_per_process(colours)
    assert own_device._taken_here == {}  # noqa: SLF001 -- asking would take one
    assert in_child(lambda: model().device) == (0, "cuda:0")
    monkeypatch.setenv("ANDON_DEVICES", "cuda:7")
    with pytest.raises(EnvironmentFault, match="no cuda:7 here"):
        load_per_process(colours)


@pytest.mark.usefixtures("cards")
def test_one_thread_is_all_that_a_process_computes_with(colours: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever its share of the cores is, on a card and on the CPU."""
    for asked in ("cpu", "cuda"):
        monkeypatch.setenv("ANDON_DEVICES", asked)
        assert load_per_process(colours)()._threads == 1  # noqa: SLF001 -- nothing else shows it
