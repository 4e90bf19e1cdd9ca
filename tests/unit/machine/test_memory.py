"""Memory that requests needed goes back, and what stays is left in peace."""

import gc
import platform
import subprocess
import sys
import weakref

import pytest

from andon.machine import memory

HELD = """
import re, sys
from pathlib import Path
from andon.machine.memory import return_large_buffers

def resident_kb():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

if sys.argv[1] == "told":
    assert return_large_buffers()
bytearray(b"x") * (16 << 20)  # from now on glibc takes buffers of this size for common
before = resident_kb()
buffers = [bytearray(b"x") * (2 << 20) for _ in range(20)]
last = buffers.pop()
del buffers
print(resident_kb() - before)
"""


def held_kb(told: str) -> int:
    """Measure what a process keeps of 40 MB of which it needs 2."""
    done = subprocess.run([sys.executable, "-c", HELD, told], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_large_buffers_go_back_to_the_kernel() -> None:
    """Told so, glibc keeps nothing of what was given back; left alone, all of it."""
    assert held_kb("told") < 4 * 1024
    assert held_kb("left alone") > 30 * 1024


PIECES = """
from andon.machine.memory import give_back

def resident_bytes():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

pieces = [bytes(50_000) for _ in range(2000)]
kept = bytes(50_000)
high = resident_bytes()
del pieces
give_back()
print(high - resident_bytes())
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_small_pieces_go_back_when_asked_for() -> None:
    """Of 100 MB in free pieces, with one behind them that is in use, nearly all goes back."""
    done = subprocess.run([sys.executable, "-c", PIECES], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 90_000_000


class Node:
    """Refers to itself, so that only the collector can free it."""

    def __init__(self) -> None:
        self.itself = self


def test_what_is_loaded_is_no_longer_looked_at() -> None:
    """Objects that are there stay alive, and count no more as what the collector has to look at."""
    kept = Node()
    before = gc.get_freeze_count()
    try:
        memory.set_aside_what_is_loaded()
        assert gc.get_freeze_count() > before
        assert kept.itself is kept
    finally:
        gc.unfreeze()


def test_cycles_are_freed_before_memory_is_given_back() -> None:
    """What requests leave behind needs no memory any longer."""
    gone = weakref.ref(Node())
    memory.give_back()
    assert gone() is None
