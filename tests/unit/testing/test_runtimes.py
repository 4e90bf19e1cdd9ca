"""The checks of a runtime see what they claim to see: each fault is found by its own check."""

import threading
from collections.abc import Callable

import numpy as np
import pytest

from andon.bundle.manifest import Artifact, Execution
from andon.errors import EnvironmentFault, RuntimeFault, missing_extra
from andon.runtimes.base import Session, SessionOptions
from andon.testing import RUNTIME_CHECKS, Specimen, check_runtime

SHAPE = (4, 6, 3)
DATA = b"sound artifact"
SPECIMEN = Specimen(
    artifact=Artifact(name="fake", format="onnx", path="artifacts/fake/model"),
    data=DATA,
    execution=Execution(artifact="fake", runtime="fake"),
    shape=SHAPE,
    output_shape=(2,),
)


class FakeSession:
    """Answers with the mean of red and of green, as the contract wants."""

    input_shape: tuple[int, int, int] | None = SHAPE

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Compute, or refuse images of another shape."""
        if batch.shape[1:] != SHAPE:
            raise RuntimeFault(f"wrong shape {batch.shape}", code="runtime.run")
        return self.answer(batch)

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Give what a faulty session spoils."""
        return batch.mean(axis=(1, 2), dtype=np.float32)[:, :2]


class FakeRuntime:
    """Opens the one artifact that it knows."""

    name = "fake"
    formats = frozenset({"onnx"})
    precisions = frozenset({"fp32"})
    devices = frozenset({"cpu"})

    def __init__(self, session: type[FakeSession] = FakeSession) -> None:
        self._session = session

    def is_installed(self) -> bool:
        """Say yes."""
        return True

    def require_installed(self) -> None:
        """Pass."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Open a session, or refuse other devices and other bytes."""
        if options.device != "cpu":
            raise EnvironmentFault("no card", code="environment.device")
        if data != DATA:
            raise RuntimeFault("not an artifact", code="runtime.load")
        return self._session()


def broken_checks(runtime: FakeRuntime, specimen: Specimen = SPECIMEN) -> set[str]:
    """Run every check and name those that fail."""
    found = set()
    for check in RUNTIME_CHECKS:
        try:
            check(runtime, specimen)
        except (AssertionError, RuntimeFault, ValueError):
            found.add(check.__name__.removeprefix("check_"))
    return found


def test_a_sound_runtime_passes() -> None:
    """No check fails, whether each is run or all."""
    assert broken_checks(FakeRuntime()) == set()
    check_runtime(FakeRuntime(), SPECIMEN)


class Double(FakeSession):
    """Answers float64."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Compute in double precision."""
        return batch.mean(axis=(1, 2))[:, :2]


class Transposed(FakeSession):
    """Answers (K, N)."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Turn the answer."""
        return super().answer(batch).T


class Mixing(FakeSession):
    """Normalises over the batch, so that images touch each other."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Subtract the mean of the batch."""
        return super().answer(batch) - batch.mean(dtype=np.float32)


class OtherSize(FakeSession):
    """Declares a shape that is not the graph's."""

    input_shape = (6, 4, 3)


class OneBuffer(FakeSession):
    """Answers with the same memory each time."""

    def __init__(self) -> None:
        self._memory = np.zeros((64, 2), np.float32)

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Overwrite the answer before."""
        self._memory[: len(batch)] = super().answer(batch)
        return self._memory[: len(batch)]


class Writing(FakeSession):
    """Uses the batch as scratch memory, where it may."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Compute, then clear."""
        answer = super().answer(batch)
        batch[:] = 0
        return answer


class Unsafe(FakeSession):
    """Keeps the batch on itself, so that threads get each other's answers."""

    def __init__(self) -> None:
        self._together = threading.Barrier(2)

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Meet the other threads between taking and answering."""
        self._batch = batch
        if threading.current_thread() is not threading.main_thread():
            self._together.wait(5)
        return super().answer(self._batch)


class Helped(FakeSession):
    """Starts a thread of its own."""

    def __init__(self) -> None:
        self._end = threading.Event()
        threading.Thread(target=self._end.wait, daemon=True).start()

    def __del__(self) -> None:
        self._end.set()


class Elsewhere(FakeSession):
    """Works in a thread that ends before anybody counts."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Compute thirty times, in another thread."""
        found: list[np.ndarray] = []
        parent = super()
        worker = threading.Thread(target=lambda: found.extend(parent.answer(batch) for _ in range(30)))
        worker.start()
        worker.join()
        return found[0]


class Lenient(FakeSession):
    """Takes images of any size, against its own declaration."""

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Compute whatever comes."""
        return self.answer(batch)


class Leaking(FakeSession):
    """Lets the library's own error out."""

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Raise ValueError for another shape."""
        if batch.shape[1:] != SHAPE:
            raise ValueError("wrong shape")
        return self.answer(batch)


class Breaking(FakeSession):
    """Is of no use after an error."""

    def __init__(self) -> None:
        self._is_broken = False

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Fail for ever once it failed."""
        self._is_broken |= batch.shape[1:] != SHAPE
        if self._is_broken:
            raise RuntimeFault("broken", code="runtime.run")
        return self.answer(batch)


@pytest.mark.parametrize(
    ("session", "check"),
    [
        (Double, "answers"),
        (Transposed, "answers"),
        (Mixing, "answers"),
        (OtherSize, "answers"),
        (OneBuffer, "independence"),
        (Writing, "independence"),
        (Unsafe, "threads_at_once"),
        (Helped, "one_thread"),
        (Elsewhere, "one_thread"),
        (Lenient, "wrong_images"),
        (Leaking, "wrong_images"),
        (Breaking, "wrong_images"),
    ],
)
def test_a_faulty_session_is_found(session: type[FakeSession], check: str) -> None:
    """By the check whose sentence it breaks."""
    assert check in broken_checks(FakeRuntime(session))


class Unsuspecting(FakeRuntime):
    """Unpickles what it is given."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Execute a pickle, then refuse it."""
        import pickle

        if data[:1] == b"\x80":
            pickle.loads(data)  # noqa: S301 -- this is the fault that is to be found
        return super().open(artifact, data, execution, options)


class Taking(FakeRuntime):
    """Takes any bytes."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Look at nothing but the device."""
        return super().open(artifact, DATA, execution, options)


class Anywhere(FakeRuntime):
    """Computes on the CPU whatever is asked for."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Leave the device out."""
        return super().open(artifact, data, execution, SessionOptions(output_shape=(2,)))


class Vague(FakeRuntime):
    """Refuses a device with another code."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Blame the install."""
        if options.device != "cpu":
            raise EnvironmentFault("no card", code="environment.extra")
        return super().open(artifact, data, execution, options)


class Coarse(FakeRuntime):
    """Has a precision that is none."""

    precisions = frozenset({"fp32", "bf16"})

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Open another session for it."""
        self._session = Rough if execution.precision == "bf16" else FakeSession
        return super().open(artifact, data, execution, options)


class Rough(FakeSession):
    """Rounds to quarters of its largest answer."""

    def answer(self, batch: np.ndarray) -> np.ndarray:
        """Compute with two bits."""
        answer = super().answer(batch)
        return np.round(answer / answer.max() * 4) * answer.max() / 4


class Lacking(FakeRuntime):
    """Has a precision that this processor has not, and says so."""

    precisions = frozenset({"fp32", "bf16"})

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Refuse it."""
        if execution.precision == "bf16":
            raise EnvironmentFault("no bf16", code="environment.device")
        return super().open(artifact, data, execution, options)


class Elsewise(FakeRuntime):
    """Computes nothing on the CPU."""

    devices = frozenset({"cuda"})


class Shared(FakeRuntime):
    """Takes several callers for one."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Open a session that is unsafe where it should be safe."""
        self._session = Unsafe if options.callers > 1 else FakeSession
        return super().open(artifact, data, execution, options)


class Foreign(FakeRuntime):
    """Lets the library's own error out."""

    def open(self, artifact: Artifact, data: bytes, execution: Execution, options: SessionOptions) -> Session:
        """Raise KeyError for other bytes."""
        super().open(artifact, DATA, execution, options)
        return {DATA: FakeSession()}[data]


class Nameless(FakeRuntime):
    """Has no name that a manifest takes."""

    name = "Fake Runtime"


@pytest.mark.parametrize(
    ("runtime", "checks"),
    [
        (Unsuspecting, {"pickle"}),
        (Taking, {"damaged_artifacts", "pickle"}),
        (Foreign, {"damaged_artifacts", "pickle"}),
        (Nameless, {"description"}),
        (Elsewise, {"description"}),
        (Anywhere, {"unknown_device"}),
        (Vague, {"unknown_device"}),
        (Coarse, {"precisions"}),
        (Shared, {"threads_at_once"}),
    ],
)
def test_a_faulty_runtime_is_found(runtime: Callable[[], FakeRuntime], checks: set[str]) -> None:
    """By the checks whose sentences it breaks, and by no other."""
    assert broken_checks(runtime()) == checks


def test_a_precision_may_be_refused_for_want_of_the_processor() -> None:
    """That is no fault of the runtime."""
    assert broken_checks(Lacking()) == set()


def test_a_runtime_that_reads_nothing_is_not_asked_to() -> None:
    """`reads=False` is for `null` and its like."""
    specimen = Specimen(**{**{name: getattr(SPECIMEN, name) for name in SPECIMEN.__struct_fields__}, "reads": False})
    assert broken_checks(Taking(), specimen) == set()


def test_a_missing_library_is_told_before_anything_is_checked() -> None:
    """The error names the pip command, so that a caller can skip with it."""

    class Absent(FakeRuntime):
        def require_installed(self) -> None:
            raise missing_extra("fake", "fake", "a test")

    with pytest.raises(EnvironmentFault, match="pip install"):
        check_runtime(Absent(), SPECIMEN)


def test_the_first_broken_sentence_is_told() -> None:
    """`check_runtime` raises with what was expected."""
    with pytest.raises(AssertionError, match="raw outputs are float32, not float64"):
        check_runtime(FakeRuntime(Double), SPECIMEN)
