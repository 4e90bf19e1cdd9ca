"""Images that have ended two workers: for a while the same image is not given to a third one. It knows no clock."""

import hashlib
from collections import OrderedDict

from andon.engine.base import Job

REMEMBERED_S = 600.0
"""Seconds for which an image is kept away: what ended the workers may have been mended since."""
_REMEMBERED = 1_000
"""Images that are remembered; the oldest is forgotten first."""


class Quarantine:
    """Remembers jobs by what they hold, and costs nothing as long as there is none."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def holds(self, job: Job, now: float) -> bool:
        """Ask whether a job is to be kept away; a canary never is, for whether a model works must be seen."""
        while self._known and next(iter(self._known.values()))[1] <= now - REMEMBERED_S:
            self._known.popitem(last=False)
        if job.is_canary or all(size != job.size_bytes for size, _ in self._known.values()):
            return False
        return _digest(job) in self._known

    def add(self, job: Job, now: float) -> None:
        """Remember a job."""
        self._known[_digest(job)] = (job.size_bytes, now)
        self._known.move_to_end(_digest(job))
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def _digest(job: Job) -> bytes:
    """Tell a job by its model, and by the bytes and the shape of its image."""
    image = job.image
    shape = b"" if isinstance(image, bytes) else f"{image.dtype}{image.shape}".encode()
    digest = hashlib.blake2b(job.model.encode() + shape)
    digest.update(image if isinstance(image, bytes) else image.tobytes())
    return digest.digest()
