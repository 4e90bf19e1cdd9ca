"""Work on a caller's items in order, some of it done ahead in threads. It knows nothing of images."""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Source(Generic[Item]):
    """A caller's items; an error that ends them is kept, so that the items before it are finished first."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = iter(items)
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        try:
            return next(self._items)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            raise StopIteration from error


def work_ahead(
    items: Iterable[Item], begin: Callable[[Item], Callable[[], Result]], *, ahead: int, threads: int
) -> Generator[Result, None, None]:
    """
    Yield a result an item, in order.

    Args:
        items: Read in the calling thread, at most `ahead` of them before their result is asked for.
        begin: Called with an item as it is read; does what cannot wait and returns the rest, which
            must not raise.
        ahead: 0 or more.
        threads: That do the rest. With 1 there is no thread, and nothing is read ahead.
    """
    if threads == 1:
        yield from (begin(item)() for item in items)
        return
    with ThreadPoolExecutor(threads, thread_name_prefix="andon-ahead") as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(begin(item)))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            # A caller that stops early waits for no item but those that are being worked on.
            pool.shutdown(cancel_futures=True)
