"""How long a test waits for something outside of it, and what it says where that does not come."""

import time
from collections.abc import Callable

import pytest

TIMEOUT_S = 60.0


def wait_until(is_so: Callable[[], object], what: str) -> None:
    """Look again and again until something is so; fail where it is not in time."""
    deadline = time.monotonic() + TIMEOUT_S
    while not is_so():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {TIMEOUT_S:g} s: {what}")
        time.sleep(0.02)
