"""Work runs ahead in order, never further than allowed, and ends when its caller does."""

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from andon.model.ahead import Source, work_ahead


def begin(item: int) -> Callable[[], int]:
    """Square later."""
    return lambda: item * item


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("ahead", [0, 1, 3, 100])
def test_results_come_in_the_order_of_the_items(threads: int, ahead: int) -> None:
    """Whatever finishes first, none is lost and none twice."""
    items = range(50)
    assert list(work_ahead(items, begin, ahead=ahead, threads=threads)) == [item * item for item in items]
    assert list(work_ahead([], begin, ahead=ahead, threads=threads)) == []


@pytest.mark.parametrize(("threads", "ahead", "allowed"), [(1, 5, 0), (2, 0, 0), (2, 1, 1), (3, 4, 4)])
def test_items_are_read_only_so_far_ahead(threads: int, ahead: int, allowed: int) -> None:
    """Of an endless source no more is read than what was asked for and what may be ahead."""
    read = itertools.count()
    with closing(work_ahead(read, begin, ahead=ahead, threads=threads)) as results:
        for asked_for in range(1, 20):
            next(results)
            assert next(read) == asked_for + allowed
            # The number that was just looked at is missing from the source from now on.
            read = itertools.count(asked_for + allowed)
            break


def test_an_endless_source_may_be_left_at_any_time() -> None:
    """Closing ends the threads; what waits is dropped, what runs is waited for."""
    before = threading.active_count()
    results = work_ahead(itertools.count(), begin, ahead=10, threads=3)
    assert list(itertools.islice(results, 5)) == [0, 1, 4, 9, 16]
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before


def test_what_waits_is_dropped_when_the_caller_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50 items read ahead no more are worked on than there are threads."""
    gate = threading.Event()
    done = []

    class GatedPool(ThreadPoolExecutor):
        """Holds all work but the first until the pool is shut down."""

        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: FBT001, FBT002 -- as in the base
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            gate.set()
            super().shutdown(wait=wait)

    def held(item: int) -> Callable[[], None]:
        return lambda: done.append(item) if item == 0 or gate.wait(5) else None

    monkeypatch.setattr("andon.model.ahead.ThreadPoolExecutor", GatedPool)
    results = work_ahead(itertools.count(), held, ahead=50, threads=3)
    next(results)
    results.close()
    assert len(done) <= 1 + 3


def test_nothing_runs_before_the_first_result_is_asked_for() -> None:
    """A generator that is never started reads nothing and starts no thread."""
    read: list[int] = []
    before = threading.active_count()
    results = work_ahead(map(read.append, range(5)), lambda _: lambda: None, ahead=2, threads=2)
    assert threading.active_count() == before
    results.close()
    assert read == []


def test_what_cannot_wait_is_done_as_the_item_is_read() -> None:
    """`begin` runs in the calling thread, before the next item is asked for; the rest runs elsewhere."""
    buffer = [0]
    here = threading.get_ident()
    elsewhere = set()

    def reused() -> Iterator[list[int]]:
        for number in range(20):
            buffer[0] = number
            yield buffer

    def take(item: list[int]) -> Callable[[], int]:
        assert threading.get_ident() == here
        number = item[0]

        def rest() -> int:
            elsewhere.add(threading.get_ident())
            return number

        return rest

    assert list(work_ahead(reused(), take, ahead=5, threads=2)) == list(range(20))
    assert here not in elsewhere


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_of_the_source_is_kept_until_the_end(threads: int) -> None:
    """The items before it are finished; then the source tells what ended it."""

    def failing() -> Iterator[int]:
        yield from range(3)
        raise ConnectionError("the camera is gone")

    source = Source(failing())
    assert list(work_ahead(source, begin, ahead=10, threads=threads)) == [0, 1, 4]
    assert isinstance(source.error, ConnectionError)
    whole = Source([1, 2])
    assert list(whole) == [1, 2]
    assert whole.error is None
