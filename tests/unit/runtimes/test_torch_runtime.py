"""torch runs its artifacts with threads and a device of the session's own, and answers only with raw outputs."""

import io
import os
import subprocess
import sys
import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault
from andon.runtimes import torch_runtime
from andon.runtimes.base import Session, SessionOptions
from andon.runtimes.torch_runtime import TorchRuntime, compute_threads, require_device
from tests.support.graphs import CLASSES, Form
from tests.support.torch_graphs import Convolution, torch_artifact

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning"),
]
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 3)).astype(np.uint8)


class Answers(nn.Module):
    """Answers with what a test wants to see refused."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Answer."""
        scores = image.float().mean(dim=[1, 2])
        if self.kind == "half":
            return scores.half()
        if self.kind == "integers":
            return scores.long()
        if self.kind == "no classes":
            return scores[:, 0]
        if self.kind == "another number":
            return scores[:, :2]
        if self.kind == "another batch":
            return scores[:1].repeat(7, 1)
        if self.kind == "raises":
            raise ValueError("no such kind")
        return image.mul_(0).float().mean(dim=[1, 2])


SEEN: list[int] = []
"""Threads that the watching network was run with."""


class Watching(Convolution):
    """Remembers how many threads torch has while it runs."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Answer as the network that it is."""
        SEEN.append(torch.get_num_threads())
        return super().forward(image)


def watching() -> nn.Module:
    """Build a network that watches."""
    return Watching(gives_map=False)


def opened(
    kind: Any,
    data: bytes,
    *,
    classes: int = CLASSES,
    factory: str = "tests.support.torch_graphs:gives_scores",
    **options: Any,
) -> Session:
    """Open an artifact."""
    artifact = Artifact(
        name=kind,
        format=kind,
        path="artifacts/any/model",
        factory=factory if kind == "eager" else None,
    )
    execution = Execution(artifact=kind, runtime="torch")
    return TorchRuntime().open(artifact, data, execution, SessionOptions(output_shape=(classes,), **options))


def answering(kind: str) -> Session:
    """Open TorchScript with an answer of some kind."""
    written = io.BytesIO()
    torch.jit.save(torch.jit.script(Answers(kind)), written)
    return opened("torchscript", written.getvalue(), classes=3)


@pytest.mark.parametrize(
    ("kind", "found"),
    [
        ("integers", "int64 (3, 3)"),
        ("no classes", "float32 (3,)"),
        ("another number", "float32 (3, 2)"),
        ("another batch", "float32 (7, 3)"),
    ],
)
def test_an_answer_that_is_no_raw_output_is_refused(kind: str, found: str) -> None:
    """With what it is, and what was expected; what is not known before is seen when it runs."""
    with pytest.raises(RuntimeFault) as caught:
        answering(kind).run(IMAGES)
    assert caught.value.code == "runtime.output"
    assert caught.value.message == f"the graph answers with {found}, expected floats (3, 3)"


def test_a_program_that_cannot_give_raw_outputs_is_refused_when_it_is_opened() -> None:
    """It says of itself what it gives; the message is that of every runtime."""
    with pytest.raises(RuntimeFault, match=r"output of float32 \(N, 7\), as the labels want it") as caught:
        opened("pt2", torch_artifact("pt2", Form()), classes=7)
    assert caught.value.code == "runtime.load"


def test_halves_become_float32() -> None:
    """They are floats."""
    found = answering("half").run(IMAGES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, IMAGES.mean(axis=(1, 2)), rtol=1e-3)


def test_a_graph_that_fails_is_told_in_one_line_and_stays_usable() -> None:
    """Whatever it raises."""
    session = answering("raises")
    for _ in range(2):
        with pytest.raises(RuntimeFault) as caught:
            session.run(IMAGES)
        assert caught.value.code == "runtime.run"
        assert "\n" not in caught.value.message


def test_a_graph_that_writes_to_its_input_writes_to_a_copy() -> None:
    """The caller's images stay."""
    before = IMAGES.copy()
    assert answering("zero").run(IMAGES).max() == 0
    np.testing.assert_array_equal(IMAGES, before)


def test_channels_that_a_network_does_not_take_are_a_refusal() -> None:
    """Also where no size is known before."""
    session = opened("eager", torch_artifact("eager", Form()))
    assert session.input_shape is None
    with pytest.raises(RuntimeFault) as caught:
        session.run(np.zeros((1, 12, 12, 5), np.uint8))
    assert caught.value.code == "runtime.run"
    assert session.run(np.zeros((1, 20, 30, 3), np.uint8)).shape == (1, CLASSES)


def test_no_gradient_is_kept() -> None:
    """An answer is numbers alone, and the weights of an eager network take none."""
    session = opened("eager", torch_artifact("eager", Form()))
    with torch.enable_grad():
        assert isinstance(session.run(IMAGES), np.ndarray)


def test_threads_are_the_sessions_own() -> None:
    """Sessions of different numbers take turns in one thread, and the caller's number is what it was."""
    SEEN.clear()
    data = torch_artifact("eager", Form())
    sessions = [opened("eager", data, factory=f"{__name__}:watching", threads=count) for count in (1, 2)]
    before = torch.get_num_threads()
    for session in (*sessions, *sessions):
        session.run(IMAGES)
    assert SEEN == [1, 2, 1, 2]
    assert torch.get_num_threads() == before


def test_a_number_of_threads_holds_for_the_calling_thread_alone() -> None:
    """Another thread, which has computed before, has its own meanwhile."""
    entered, done = threading.Event(), threading.Event()
    found: list[int] = []

    def other() -> None:
        with compute_threads(2):
            entered.set()
            done.wait(60)
            found.append(torch.get_num_threads())

    thread = threading.Thread(target=other)
    thread.start()
    assert entered.wait(60)
    with compute_threads(1):
        assert torch.get_num_threads() == 1
        done.set()
        thread.join(60)
    assert found == [2]


def test_the_callers_number_comes_back_after_a_failure() -> None:
    """Loading and running fail too."""
    before = torch.get_num_threads()
    with pytest.raises(RuntimeFault):
        opened("pt2", b"", threads=before + 1)
    assert torch.get_num_threads() == before


def test_waiting_threads_sleep() -> None:
    """As torch is imported for the first time, unless the host has said otherwise."""
    code = "from andon.runtimes.torch_runtime import import_torch as load; load(); import os; "
    code += "print(os.environ['OMP_WAIT_POLICY'])"
    for given, wanted in (({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE")):
        environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
        command = [sys.executable, "-c", code]
        ran = subprocess.run(command, check=True, capture_output=True, text=True, env={**environment, **given})
        assert ran.stdout.strip() == wanted


class TestRequireDevice:
    """A device is one of those that torch has, or an error that lists them."""

    def test_the_cpu_is_always_there(self) -> None:
        """Under its name."""
        assert require_device("cpu") == torch.device("cpu")

    @pytest.mark.parametrize("name", ["cuda", "cuda:0", "cuda:3"])
    def test_a_card_that_is_not_there_is_told(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """With what is, and why there may be none."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        monkeypatch.setattr(torch.version, "cuda", None)
        with pytest.raises(EnvironmentFault) as caught:
            require_device(name)
        assert caught.value.code == "environment.device"
        assert f"there is no device {name} here, torch {torch.__version__} has cpu" in caught.value.message
        assert "built without CUDA" in caught.value.hint

    def test_the_cards_are_listed(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """By their numbers, as they are asked for."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
        assert require_device("cuda:1") == torch.device("cuda:1")
        with pytest.raises(EnvironmentFault, match="has cpu, cuda:0, cuda:1"):
            require_device("cuda:2")

    def test_a_card_computes_as_exactly_as_fp32_asks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """TF32 is switched off, which the CPU leaves alone."""
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
        switches = (torch.backends.cuda.matmul, torch.backends.cudnn)
        before = [switch.allow_tf32 for switch in switches]
        try:
            for switch in switches:
                switch.allow_tf32 = True
            require_device("cpu")
            assert all(switch.allow_tf32 for switch in switches)
            require_device("cuda:0")
            assert not any(switch.allow_tf32 for switch in switches)
        finally:
            for switch, value in zip(switches, before, strict=True):
                switch.allow_tf32 = value


@pytest.mark.parametrize("kind", ["pt2", "torchscript", "eager"])
def test_a_card_answers_as_the_cpu(kind: str) -> None:
    """Within what another order of summing does."""
    if not torch.cuda.is_available():
        pytest.skip("no CUDA card is here")
    data = torch_artifact(kind, Form())
    np.testing.assert_allclose(
        opened(kind, data, device="cuda:0").run(IMAGES), opened(kind, data).run(IMAGES), rtol=1e-4, atol=1e-5
    )


def test_an_absent_torch_is_named_with_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is imported."""
    monkeypatch.setattr(torch_runtime, "find_spec", lambda _: None)
    assert not TorchRuntime().is_installed()
    with pytest.raises(EnvironmentFault, match=r'pip install "andon\[torch\]"'):
        opened("pt2", b"")
