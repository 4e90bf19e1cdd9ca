"""The timer of the kernel."""

import select
import time

from andon.bench.timer import KernelTimer


def is_readable(timer: KernelTimer, within_s: float) -> bool:
    """Wait for the timer."""
    return bool(select.select([timer.descriptor], [], [], within_s)[0])


def test_it_wakes_once_and_not_before_its_time() -> None:
    """Set again it counts from then, and a time that has passed wakes at once."""
    with KernelTimer() as timer:
        assert not is_readable(timer, 0)
        begun = time.monotonic()
        timer.wake_in(0.002)
        assert is_readable(timer, 10)
        assert time.monotonic() - begun >= 0.002
        timer.clear()
        assert not is_readable(timer, 0)
        timer.wake_in(-5)
        assert is_readable(timer, 10)


def test_to_set_it_again_forgets_what_was_set() -> None:
    """And to clear one that has not woken does nothing."""
    with KernelTimer() as timer:
        timer.wake_in(0.0)
        assert is_readable(timer, 10)
        timer.wake_in(3600.5)
        assert not is_readable(timer, 0)
        timer.clear()
