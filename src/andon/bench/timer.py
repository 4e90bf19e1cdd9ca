"""A timer of the kernel that wakes an event loop within some 50 µs; those of the loops count whole milliseconds."""

import ctypes
import os
from typing import Self

from andon.errors import EnvironmentFault

_MONOTONIC = 1
_NON_BLOCKING = os.O_NONBLOCK
_CLOSE_ON_EXEC = os.O_CLOEXEC


class _TimeSpec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _Setting(ctypes.Structure):
    _fields_ = (("interval", _TimeSpec), ("value", _TimeSpec))


class KernelTimer:
    """
    One timer, which is a file that becomes readable; to be used with `with`.

    `os.timerfd_create` does the same, from Python 3.13 on.

    Raises:
        EnvironmentFault: `environment.program`: this system has no such timers; Linux has.

    Source:
        timerfd_create(2)
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            self.descriptor: int = self._libc.timerfd_create(_MONOTONIC, _NON_BLOCKING | _CLOSE_ON_EXEC)
        except AttributeError:
            raise _no_timer("it knows no timerfd_create") from None
        if self.descriptor < 0:
            raise _no_timer(os.strerror(ctypes.get_errno()))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.descriptor)

    def wake_in(self, delay_s: float) -> None:
        """Become readable once, so many seconds from now; what was set before no longer counts."""
        seconds, rest = divmod(max(round(delay_s * 1e9), 1), 1_000_000_000)
        setting = _Setting(_TimeSpec(0, 0), _TimeSpec(seconds, rest))
        self._libc.timerfd_settime(self.descriptor, 0, ctypes.byref(setting), None)

    def clear(self) -> None:
        """Take note that it has become readable."""
        try:
            os.read(self.descriptor, 8)
        except BlockingIOError:
            return  # it was set again meanwhile


def _no_timer(reason: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"load at a rate needs a precise timer of the kernel, and this system has none: {reason}",
        code="environment.program",
        hint="measure in a closed loop, without --rate, or run the load on Linux",
    )
