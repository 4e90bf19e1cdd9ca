"""What this process may compute with."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.machine import available_cores, cores
from andon.machine.cores import usable_cores


def test_there_is_at_least_one_core() -> None:
    """And no more than the process may use."""
    assert 1 <= available_cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("allowed", "limit", "threads"),
    [(128, None, 128), (128, 1.5, 1), (2, 1.5, 1), (2, 2.0, 2), (1, 8.0, 1), (64, 0.1, 1), (64, 7.99, 7)],
)
def test_a_quota_is_rounded_down(allowed: int, limit: float | None, threads: int) -> None:
    """But one thread there always is, and never more than cores."""
    assert usable_cores(allowed, limit) == threads


@given(st.integers(1, 1024), st.floats(0.001, 2000.0))
def test_threads_fit_into_both(allowed: int, limit: float) -> None:
    """Where there is room for more than one."""
    assert 1 <= usable_cores(allowed, limit) <= max(1.0, min(allowed, limit))


def test_this_process_is_held_to_its_quota(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel's files count, and not only the cores."""
    files = {
        "/proc/self/cgroup": "0::/",
        "/proc/self/mountinfo": "1 1 0:1 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
        "/sys/fs/cgroup/cpu.max": "150000 100000",
    }
    monkeypatch.setattr(cores, "read_file", files.get)
    assert available_cores() == 1
