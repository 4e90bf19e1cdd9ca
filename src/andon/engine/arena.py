"""
Memory that two processes share: images lie in it while a worker has them.

Copied into memory that both have mapped, a JPEG of 100 KB costs half, and a frame of 5 MB a fifth of what
it costs through a socket or in a file of its own (`scripts/bench crossing`).
"""

import mmap
import os
from bisect import bisect_left, insort

ALIGNMENT = 64
"""Bytes to whose multiple each place is rounded: numpy and the processor like lines of the cache."""
_KEPT_BYTES = 512 * 1024
"""Bytes at the beginning whose memory is kept for the next image."""
_IN_A_ROW = 2
"""Images reaching further one after the other from which on theirs is kept too: taking it anew costs a frame 2 ms."""


class Places:
    """
    Which parts of a range are free: the first that is large enough is given, so that the end stays untouched.

    Args:
        size_bytes: Of the range.
    """

    def __init__(self, size_bytes: int) -> None:
        self._size_bytes = size_bytes
        self._taken: list[tuple[int, int]] = []

    @property
    def end(self) -> int:
        """The first byte behind all that is taken."""
        return self._taken[-1][1] if self._taken else 0

    def take(self, size_bytes: int) -> int | None:
        """Take so many bytes, 0 or more; give the first, or None where there is no room."""
        rounded = max(ALIGNMENT, -(-size_bytes // ALIGNMENT) * ALIGNMENT)
        free_from = 0
        for first, behind in self._taken:
            if first - free_from >= rounded:
                break
            free_from = behind
        if free_from + rounded > self._size_bytes:
            return None
        insort(self._taken, (free_from, free_from + rounded))
        return free_from

    def free(self, first: int) -> None:
        """
        Give back what begins there.

        Raises:
            ValueError: Nothing does; no other place is touched.
        """
        index = bisect_left(self._taken, (first, 0))
        if index == len(self._taken) or self._taken[index][0] != first:
            raise ValueError(f"nothing that was taken begins at {first}")
        del self._taken[index]


class Arena:
    """
    The side of the front: it writes images, and knows where there is room.

    Args:
        size_bytes: As much as it can hold. Memory is taken from the machine only as it is written.
    """

    def __init__(self, size_bytes: int) -> None:
        self.file = os.memfd_create("andon-arena", os.MFD_CLOEXEC)
        """To be handed to the worker."""
        os.ftruncate(self.file, size_bytes)
        self._memory = mmap.mmap(self.file, size_bytes)
        self._places = Places(size_bytes)
        self._needed_to = self._written_to = self._large_in_a_row = 0

    def put(self, image: memoryview) -> int | None:
        """Copy an image in, and give the place of its first byte; None where there is no room for it now."""
        first = self._places.take(image.nbytes)
        if first is not None:
            self._memory[first : first + image.nbytes] = image
            self._large_in_a_row = self._large_in_a_row + 1 if self._places.end > _KEPT_BYTES else 0
            self._needed_to = max(self._needed_to, self._places.end)
            self._written_to = max(self._written_to, self._places.end)
        return first

    def free(self, first: int) -> None:
        """Take back the place of an image that was answered; a large one among small ones leaves nothing behind."""
        self._places.free(first)
        if not self._places.end and self._large_in_a_row < _IN_A_ROW:
            self._give_back(_KEPT_BYTES)

    def tidy(self) -> None:
        """Give memory back that no image has needed since this was called last."""
        self._give_back(max(self._needed_to, self._places.end))
        self._needed_to = self._places.end

    def _give_back(self, needed_bytes: int) -> None:
        """Give back what lies behind so many bytes."""
        needed = -(-needed_bytes // mmap.PAGESIZE) * mmap.PAGESIZE
        if self._written_to > needed:
            self._memory.madvise(mmap.MADV_REMOVE, needed, len(self._memory) - needed)
            self._written_to = needed

    def close(self) -> None:
        """Let go of the memory; the kernel frees it when the worker has ended too."""
        self._memory.close()
        os.close(self.file)
