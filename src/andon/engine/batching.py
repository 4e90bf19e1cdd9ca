"""
How many images are run at once: as many as pay, of those that wait. It knows no clock and no model.

A batch pays 10 to 35 % with some runtimes and precisions, multiples on a card, and nothing with others,
where it only makes the first image wait for the last. So it is tried out, on the images that are there.
"""

from collections import deque
from statistics import median

_WARMING = 3
"""Batches of a size that are thrown away: the first allocates, and TorchScript compiles anew in the first two."""
_TRIES = _WARMING + 3
"""Batches of a size before it is judged."""
_REMEMBERED = 8
_GAIN = 0.95
"""A larger batch has to take less than this part of the time for an image."""
_STALE_AFTER = 2_000
"""Batches after which all is tried out again: what runs beside on the machine may have changed."""


class BatchSizes:
    """
    Chooses the size of each batch by what those before took.

    Args:
        max_batch: Images of the largest, 1 or more. Sizes are powers of two, and this one.
    """

    def __init__(self, max_batch: int) -> None:
        self._sizes = [*(2**power for power in range(max_batch.bit_length()) if 2**power < max_batch), max_batch]
        self._start_anew()

    def _start_anew(self) -> None:
        self._runs = 0
        self._tried = dict.fromkeys(self._sizes, 0)
        self._seconds: dict[int, deque[float]] = {size: deque(maxlen=_REMEMBERED) for size in self._sizes}
        self._per_image_s: dict[int, float] = {}
        self.wanted = self._sizes[0]
        """The size that would be chosen if enough images waited."""

    def choose(self, waiting: int) -> int:
        """
        Give the images to run next.

        Args:
            waiting: Images that wait, 1 or more.

        Returns:
            1 to `waiting`.
        """
        possible = [size for size in self._sizes if size <= waiting]
        return self._wanted(possible)

    def _wanted(self, possible: list[int]) -> int:
        """Give the smallest size that is not judged yet; else the smallest that is about as fast as the fastest."""
        for size in possible:
            if self._tried[size] < _TRIES:
                # A size is worth trying only where the one before it was not slower than its own half.
                if size == self._sizes[0] or self._still_pays(size):
                    return size
                break
        # Of these there is at least one: the smallest is possible always, and tried first.
        judged = [size for size in possible if self._tried[size] >= _TRIES]
        fastest = min(self._per_image_s[size] for size in judged)
        return next(size for size in judged if self._per_image_s[size] * _GAIN <= fastest)

    def _still_pays(self, size: int) -> bool:
        smaller = self._sizes[: self._sizes.index(size)]
        return len(smaller) < 2 or self._per_image_s[smaller[-1]] < self._per_image_s[smaller[-2]] / _GAIN

    def note(self, size: int, seconds: float) -> None:
        """Take the time of a batch; one of a size that is none of ours is not looked at."""
        if size not in self._tried:
            return
        self._runs += 1
        if self._runs > _STALE_AFTER:
            self._start_anew()
        self._tried[size] += 1
        if self._tried[size] > _WARMING:
            self._seconds[size].append(seconds / size)
            self._per_image_s[size] = median(self._seconds[size])
        self.wanted = self._wanted(self._sizes)
