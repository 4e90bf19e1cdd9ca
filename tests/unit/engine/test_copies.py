"""A model is loaded for each device, or for the CPU in place of cards that nobody named."""

import pytest

from andon.engine.copies import load_copies
from andon.engine.placement import Choice
from andon.errors import AndonError, BundleError, EnvironmentFault, ProofError, RuntimeFault, TrustError
from andon.model.model import Model
from andon.model.null import null_model

CARDS = ("cuda:0", "cuda:1", "cuda:2")
NO_CUDA = EnvironmentFault("no CUDA in it", code="environment.device", hint="pip install it")


class Loader:
    """Loads the model `null`, but on devices that fail."""

    def __init__(self, **failures: AndonError) -> None:
        self.asked: list[str] = []
        self._failures = {name.replace("_", ":"): error for name, error in failures.items()}

    def __call__(self, device: str) -> Model:
        """Load it on a device."""
        self.asked.append(device)
        if device in self._failures:
            raise self._failures[device]
        return null_model()


def test_each_device_gets_a_copy_of_its_own() -> None:
    """In the order given."""
    load = Loader()
    copies = load_copies(load, Choice(devices=CARDS))
    assert (tuple(copies), load.asked) == (CARDS, [*CARDS])
    assert len(set(map(id, copies.values()))) == 3


def test_a_card_that_was_named_is_held_to() -> None:
    """Its error comes out, and nothing runs elsewhere."""
    load = Loader(cuda_1=NO_CUDA)
    with pytest.raises(EnvironmentFault, match="no CUDA in it"):
        load_copies(load, Choice(devices=CARDS))
    assert "cpu" not in load.asked


@pytest.mark.parametrize(
    "error",
    [
        NO_CUDA,
        RuntimeFault("no execution fits", code="runtime.none"),
        ProofError("not reproduced", code="proof.failed"),
    ],
)
def test_without_a_card_that_does_the_cpu_is_used(error: AndonError, caplog: pytest.LogCaptureFixture) -> None:
    """What all cards have in common is said once, with what to do."""
    load = Loader(cuda_0=error, cuda_1=error, cuda_2=error)
    copies = load_copies(load, Choice(devices=CARDS, may_fall_back=True))
    assert (tuple(copies), load.asked) == (("cpu",), [*CARDS, "cpu"])
    (message,) = caplog.messages
    assert message.startswith(f"computing on cpu and not on cuda:0, cuda:1, cuda:2: {error.message}")
    assert message.endswith(error.hint)


def test_cards_that_do_go_on_without_one_that_does_not(caplog: pytest.LogCaptureFixture) -> None:
    """A broken card costs its own part only."""
    load = Loader(cuda_1=NO_CUDA)
    assert tuple(load_copies(load, Choice(devices=CARDS, may_fall_back=True))) == ("cuda:0", "cuda:2")
    assert caplog.messages == ["computing on cuda:0, cuda:2 and not on cuda:1: no CUDA in it; pip install it"]


@pytest.mark.parametrize(
    "error", [BundleError("damaged", code="bundle.digest"), TrustError("not trusted", code="bundle.trust")]
)
def test_what_is_no_matter_of_the_device_is_not_tried_again(error: AndonError) -> None:
    """It would fail on the CPU too."""
    load = Loader(cuda_0=error)
    with pytest.raises(type(error)):
        load_copies(load, Choice(devices=CARDS, may_fall_back=True))
    assert load.asked == ["cuda:0"]


def test_what_fails_on_the_cpu_too_fails() -> None:
    """With the CPU's error."""
    load = Loader(cuda_0=NO_CUDA, cpu=ProofError("not reproduced", code="proof.failed"))
    with pytest.raises(ProofError):
        load_copies(load, Choice(devices=("cuda:0",), may_fall_back=True))
