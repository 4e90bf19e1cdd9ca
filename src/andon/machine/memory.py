"""How a process that serves for months keeps its memory even: by the C library's heap, and by Python's collector."""

import ctypes
import gc

LARGE_BYTES = 1024 * 1024
"""A buffer from which on it comes from the kernel and goes back to it; a smaller one is kept for the next."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_ARENAS = 2


def return_large_buffers() -> bool:
    """
    Have the memory of large images go back to the kernel at once; to be called before threads are started.

    Left alone, glibc keeps more the larger the images are that it has seen, for each thread apart, and one
    small object behind them is enough to hold megabytes for good. The price is paid by images of more than
    about 500 x 500 pixels, which are decoded up to a fifth slower.

    Returns:
        Whether this C library could be told so; others than glibc cannot.

    Source:
        mallopt(3). Over 6,000 broken images the memory held after the first 1,000 grew by 7 % before, and
        by less than 1 % with this, `tests/behaviour/test_schemathesis.py`.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_M_MMAP_THRESHOLD, LARGE_BYTES), (_M_TRIM_THRESHOLD, LARGE_BYTES), (_M_ARENA_MAX, _ARENAS))
    told = [mallopt(name, value) for name, value in settings]
    return all(told)


def set_aside_what_is_loaded() -> None:
    """
    Take all that there is now out of the sight of Python's collector, for it stays.

    A full collection waits until there is a quarter as much new as old; models and libraries would
    keep it from what requests leave behind for thousands of requests.
    """
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """
    Give what is free in small pieces back to the kernel; it costs milliseconds, so it is done now and then.

    A flood of small requests leaves memory that is free, and that one small object behind it keeps.

    Source:
        malloc_trim(3).
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
