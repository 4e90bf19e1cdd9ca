"""Sessions are timed in turns, with a clock of their own."""

import numpy as np
import pytest

from andon.build.optimize.speed import measure
from andon.tensors import FloatArray, InputArray


class Clock:
    """Stands still but for what sessions take."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        """Give the seconds."""
        return self.now_s


class SlowSession:
    """Takes so long an image, on a fake clock, and writes down who ran."""

    input_shape = None

    def __init__(self, clock: Clock, name: str, seconds: float, log: list[tuple[str, int]]) -> None:
        self.clock, self.name, self.seconds, self.log = clock, name, seconds, log

    def run(self, batch: InputArray) -> FloatArray:
        """Take the time of a batch."""
        self.clock.now_s += self.seconds * len(batch)
        self.log.append((self.name, len(batch)))
        return np.zeros((len(batch), 1), np.float32)


def test_the_median_of_each_is_told() -> None:
    """By batch and threads; images a second and core follow from it."""
    clock, log = Clock(), list[tuple[str, int]]()
    sessions = {name: SlowSession(clock, name, seconds, log) for name, seconds in (("a", 0.1), ("b", 0.05))}
    images = [np.zeros((4, 4, 3), np.uint8)]
    speeds = measure(sessions, images, (1, 8), threads=2, rounds=3, clock=clock)
    assert [(speed.batch, pytest.approx(speed.batch_ms)) for speed in speeds["a"]] == [(1, 100), (8, 800)]
    assert [speed.images_per_core_s for speed in speeds["b"]] == pytest.approx([10, 10])


def test_each_takes_its_turn_in_each_round() -> None:
    """What disturbs one round disturbs all of them: a, b, a, b, and not a, a, b, b."""
    clock, log = Clock(), list[tuple[str, int]]()
    sessions = {name: SlowSession(clock, name, 0.1, log) for name in ("a", "b")}
    measure(sessions, [np.zeros((4, 4, 3), np.uint8)], (1,), threads=1, rounds=2, clock=clock)
    assert [name for name, _ in log] == ["a", "b", "a", "b", "a", "b"]


def test_a_batch_is_filled_with_images_of_one_shape() -> None:
    """Images are repeated, and those of another shape than the first are passed over."""
    shapes = []

    class Shapes(SlowSession):
        def run(self, batch: InputArray) -> FloatArray:
            """Write down the shape."""
            shapes.append(batch.shape)
            return super().run(batch)

    images = [np.zeros((4, 4, 3), np.uint8), np.zeros((5, 4, 3), np.uint8)]
    clock = Clock()
    measure({"a": Shapes(clock, "a", 1, [])}, images, (3,), threads=1, rounds=1, clock=clock)
    assert set(shapes) == {(3, 4, 4, 3)}
