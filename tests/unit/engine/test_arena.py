"""Images lie in shared memory where nothing else lies, and leave nothing behind."""

import mmap
import os
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from andon.engine.arena import ALIGNMENT, Arena, Places

MIB = 1024 * 1024


def rounded(size_bytes: int) -> int:
    """Give what a place of so many bytes takes."""
    return max(1, -(-size_bytes // ALIGNMENT)) * ALIGNMENT


class AnyPlaces(RuleBasedStateMachine):
    """Places that are taken and freed in any order."""

    SIZE_BYTES = 20 * ALIGNMENT + 7

    def __init__(self) -> None:
        super().__init__()
        self.places = Places(self.SIZE_BYTES)
        self.taken: dict[int, int] = {}

    def gaps(self) -> list[tuple[int, int]]:
        """List the first byte and the size of each free part."""
        edges = [(0, 0), *sorted((first, first + size) for first, size in self.taken.items())]
        edges.append((self.SIZE_BYTES, self.SIZE_BYTES))
        return [(before[1], after[0] - before[1]) for before, after in pairwise(edges)]

    @rule(size_bytes=st.integers(0, 6 * ALIGNMENT))
    def take(self, size_bytes: int) -> None:
        """The first part that is large enough is given; with none, none."""
        wanted = next((first for first, size in self.gaps() if size >= rounded(size_bytes)), None)
        found = self.places.take(size_bytes)
        assert found == wanted
        if found is not None:
            self.taken[found] = rounded(size_bytes)

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def free(self, data: st.DataObject) -> None:
        """What is freed can be taken again."""
        first = data.draw(st.sampled_from(sorted(self.taken)))
        self.places.free(first)
        del self.taken[first]

    @rule(first=st.integers(-ALIGNMENT, 21 * ALIGNMENT))
    def free_what_is_free(self, first: int) -> None:
        """Freeing what nobody has is an error, and touches no other place."""
        if first not in self.taken:
            with pytest.raises(ValueError, match=f"begins at {first}"):
                self.places.free(first)

    @invariant()
    def nothing_overlaps(self) -> None:
        """No place begins before the one before it ends, or lies outside; each begins at the alignment."""
        assert all(size >= 0 for _, size in self.gaps())
        assert all(first % ALIGNMENT == 0 for first in self.taken)
        assert self.places.end == max((first + size for first, size in self.taken.items()), default=0)

    def teardown(self) -> None:
        """In the end the whole range can be taken at once."""
        for first in self.taken:
            self.places.free(first)
        assert self.places.take(20 * ALIGNMENT) == 0


TestAnyPlaces = AnyPlaces.TestCase
TestAnyPlaces.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def kept_bytes(arena: Arena) -> int:
    """Ask the kernel how much memory the arena takes."""
    return os.fstat(arena.file).st_blocks * 512


def test_what_is_put_in_is_seen_by_whoever_maps_the_file() -> None:
    """At the place that was given; one image does not touch the other."""
    arena = Arena(10 * ALIGNMENT)
    first, second = arena.put(memoryview(b"first" * 20)), arena.put(memoryview(b"second"))
    assert (first, second) == (0, 2 * ALIGNMENT)
    with mmap.mmap(arena.file, 10 * ALIGNMENT, prot=mmap.PROT_READ) as other:
        assert other[:100] == b"first" * 20
        assert other[2 * ALIGNMENT :][:6] == b"second"
    arena.close()


def test_what_has_no_room_is_not_put_in() -> None:
    """It has once another one is freed; an image without bytes has a place, too."""
    arena = Arena(2 * ALIGNMENT)
    assert arena.put(memoryview(b"x" * (ALIGNMENT + 1))) == 0
    assert arena.put(memoryview(b"")) is None
    arena.free(0)
    assert [arena.put(memoryview(b"")) for _ in range(3)] == [0, ALIGNMENT, None]
    arena.close()


def test_memory_is_taken_as_it_is_written() -> None:
    """However much could be held."""
    arena = Arena(2**43)
    assert kept_bytes(arena) == 0
    arena.put(memoryview(b"x"))
    assert 0 < kept_bytes(arena) < MIB
    arena.close()


def test_memory_is_kept_as_long_as_it_is_needed_now_and_then() -> None:
    """What no image has needed since the last time is given back, and all of it can be used again."""
    arena = Arena(64 * MIB)
    small, large = arena.put(memoryview(bytes(MIB))), arena.put(memoryview(b"x" * (20 * MIB)))
    assert (small, large) == (0, MIB)
    for place in (large, small):
        arena.tidy()
        assert kept_bytes(arena) == 21 * MIB, "it is in use, or was since the last time"
        arena.free(place)
    arena.tidy()
    assert kept_bytes(arena) == MIB
    assert arena.put(memoryview(b"y" * MIB)) == 0
    assert arena.put(memoryview(b"z" * (20 * MIB))) == MIB
    assert kept_bytes(arena) == 21 * MIB
    arena.close()


def test_a_large_image_among_small_ones_leaves_nothing_behind() -> None:
    """Once nothing is held; frames of a camera, one after the other, keep their memory."""
    arena = Arena(64 * MIB)
    for sizes, kept in (((5 * MIB,), False), ((5 * MIB, 100, 5 * MIB), False), ((5 * MIB, 5 * MIB), True)):
        arena.put(memoryview(b"x"))
        arena.free(0)
        for size in sizes:
            place = arena.put(memoryview(b"x" * size))
            assert place == 0
            arena.free(place)
        assert (kept_bytes(arena) >= 5 * MIB) is kept
    arena.close()


def test_small_images_cost_the_kernel_nothing() -> None:
    """Their memory is kept, for it is to be used again at once."""
    arena = Arena(64 * MIB)
    for _ in range(3):
        place = arena.put(memoryview(b"x" * 100_000))
        assert place == 0
        arena.free(place)
        assert kept_bytes(arena) >= 100_000
    arena.close()


def test_closing_leaves_no_descriptor() -> None:
    """And the other side keeps what it has mapped."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    arena = Arena(ALIGNMENT)
    arena.put(memoryview(b"image"))
    theirs = mmap.mmap(arena.file, ALIGNMENT, prot=mmap.PROT_READ)
    arena.close()
    assert theirs[:5] == b"image"
    theirs.close()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
