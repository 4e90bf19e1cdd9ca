"""The side of the worker, in this process: messages in, messages out."""

import mmap
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from andon.engine.channel import make_pair, receive, send
from andon.engine.messages import (
    Answers,
    Beat,
    Forget,
    FromWorker,
    Give,
    Hold,
    Load,
    Loaded,
    NotLoaded,
    SetAside,
    Start,
    ToWorker,
    decode_from_worker,
    encode,
)
from andon.engine.worker import Worker
from andon.settings.serve import ServeSettings
from tests.support.bundles import colour_image
from tests.support.bundles import encode as encode_image
from tests.support.engines import RED
from tests.support.finders import texture, write_finder
from tests.support.waiting import TIMEOUT_S

START = Start(settings=ServeSettings(), device="cpu", may_fall_back=False, threads=1, is_first=True)


class Front:
    """The other side of a worker."""

    def __init__(self) -> None:
        self.socket, theirs = make_pair()
        self.socket.settimeout(TIMEOUT_S)
        self.arena = mmap.mmap(-1, 1 << 20)
        self._theirs = theirs
        self._thread = threading.Thread(target=Worker(theirs, self.arena, START).run, daemon=True)
        self._thread.start()

    def tell(self, message: ToWorker) -> None:
        """Say something to the worker."""
        send(self.socket, encode(message))

    def hear(self) -> FromWorker:
        """Wait for what it says, beside its beats."""
        ends_at = time.monotonic() + TIMEOUT_S
        while isinstance(message := decode_from_worker(receive(self.socket)), Beat):
            assert time.monotonic() < ends_at, "it says nothing but that it lives"
        return message

    def load(self, path: Path | None) -> Loaded:
        """Have it load a bundle."""
        self.tell(Load(7, path and os.fsencode(path), None))
        loaded = self.hear()
        assert isinstance(loaded, Loaded)
        return loaded

    def give(self, number: int, model: str, image: bytes | np.ndarray, *, is_canary: bool = False) -> None:
        """Give it an image."""
        data = image if isinstance(image, bytes) else image.tobytes()
        first = 1000 * number
        self.arena[first : first + len(data)] = data
        shape, dtype = (None, "") if isinstance(image, bytes) else (image.shape, image.dtype.name)
        self.tell(Give(number, model, (first, len(data)), shape, dtype, is_canary))

    def outcome(self) -> tuple[int, str | None]:
        """Wait for one answer: its number, and its label or the code of its error."""
        answers = self.hear()
        assert isinstance(answers, Answers)
        (answered,) = answers.answered
        prediction = answered.prediction
        if prediction is None:
            return answered.number, "nothing"
        return answered.number, prediction.error.code if prediction.error else prediction.label

    def end(self) -> bool:
        """Close, and ask whether the worker ends."""
        self.socket.close()
        self._thread.join(TIMEOUT_S)
        self._theirs.close()
        return not self._thread.is_alive()


@pytest.fixture
def front() -> Iterator[Front]:
    """The front of a worker."""
    made = Front()
    yield made
    assert made.end()


def test_a_bundle_is_loaded_and_described(front: Front, colours: Path) -> None:
    """With its manifest, its proof and its canary."""
    model = front.load(colours).model
    assert (model.name, model.proof is not None and model.proof.holds) == ("colours", True)
    front.give(0, model.digest, model.canary.image, is_canary=True)
    assert front.outcome() == (0, model.manifest.output.labels[model.canary.index or 0])


def test_what_does_not_load_is_said(front: Front, colours: Path, tmp_path: Path) -> None:
    """A file that is not there, and a bundle that is not the one that is wanted."""
    for load, code in (
        (Load(1, os.fsencode(tmp_path / "absent.andon"), None), "bundle.missing"),
        (Load(2, os.fsencode(colours), "0" * 64), "service.fault"),
    ):
        front.tell(load)
        answer = front.hear()
        assert isinstance(answer, NotLoaded)
        assert (answer.number, answer.error().code) == (load.number, code)


def test_images_and_pixels_are_answered(front: Front, colours: Path) -> None:
    """A bad image with its error."""
    model = front.load(colours).model.digest
    for number, image in enumerate((RED, np.asarray(colour_image((40, 40, 200), (16, 12))), b"no image")):
        front.give(number, model, image)
        assert front.outcome() == (number, ["red", "blue", "image.format"][number])


def test_forgetting_what_is_not_there_changes_nothing(front: Front, colours: Path) -> None:
    """As where the answer was on its way already."""
    model = front.load(colours).model.digest
    front.tell(Forget(5))
    front.give(0, model, RED)
    assert front.outcome() == (0, "red")


def test_large_work_is_set_aside(front: Front, tmp_path: Path) -> None:
    """The front hears so before the answer comes."""
    model = front.load(write_finder(tmp_path / "finder.andon", "boxes")).model.digest
    front.give(0, model, encode_image(Image.fromarray(texture(300, 200))))
    assert front.hear() == SetAside(0)
    assert front.outcome()[0] == 0


def test_a_worker_can_be_held(front: Front) -> None:
    """For a time, with an empty answer."""
    front.load(None)
    front.tell(Hold(7, 0.0))
    assert front.outcome() == (7, "nothing")


def test_a_worker_gives_signs_of_life(front: Front) -> None:
    """Also while it has nothing to do."""
    assert isinstance(decode_from_worker(receive(front.socket)), Beat)
