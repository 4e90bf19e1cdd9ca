"""Errands are done one after the other, in a thread that is there once it is needed."""

import os
import threading
import weakref

import numpy as np
import pytest

from andon.engine.errands import Errands
from tests.support.waiting import TIMEOUT_S, wait_until


def never() -> None:
    """Fail: no call raises here."""
    raise AssertionError("an errand has failed")


def named(name: str) -> list[threading.Thread]:
    """List the threads of a name."""
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_there_is_no_thread_before_the_first_call_and_one_after_it() -> None:
    """A daemon, which keeps no process from ending."""
    errands, done = Errands("errands-one", never), threading.Semaphore(0)
    assert named("errands-one") == []
    for _ in range(5):
        errands.put(done.release)
    assert all(done.acquire(timeout=TIMEOUT_S) for _ in range(5))
    (thread,) = named("errands-one")
    assert thread.daemon


def test_calls_are_run_in_their_order_in_one_thread() -> None:
    """Also those that come while one runs."""
    errands, may_go_on, all_done = Errands("errands-order", never), threading.Event(), threading.Event()
    order: list[int] = []
    threads: set[int] = set()

    def note(number: int) -> None:
        if number == 0:
            assert may_go_on.wait(TIMEOUT_S)
        order.append(number)
        threads.add(threading.get_ident())

    for number in range(20):
        errands.put(lambda number=number: note(number))
    assert order == []
    may_go_on.set()
    errands.put(all_done.set)
    assert all_done.wait(TIMEOUT_S)
    assert order == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_several_threads_may_give_errands() -> None:
    """All are done, by one thread."""
    errands, done, start = Errands("errands-many", never), threading.Semaphore(0), threading.Barrier(8)

    def give() -> None:
        start.wait(TIMEOUT_S)
        for _ in range(50):
            errands.put(done.release)

    givers = [threading.Thread(target=give) for _ in range(8)]
    for thread in givers:
        thread.start()
    assert all(done.acquire(timeout=TIMEOUT_S) for _ in range(400))
    assert len(named("errands-many")) == 1


@pytest.mark.parametrize("niceness", [0, 5])
def test_the_thread_steps_back_and_no_other_does(niceness: int) -> None:
    """Its niceness is its own."""
    found: list[int] = []
    done, own = threading.Event(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def look() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        done.set()

    Errands("errands-nice", never, niceness=niceness).put(look)
    assert done.wait(TIMEOUT_S)
    assert found == [niceness or own]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own


def test_the_thread_can_be_there_before_the_first_call() -> None:
    """It steps back no more than whoever has started it, though one that steps back gives the errand."""
    found: list[int] = []
    done, ready = Errands("errands-early", never), threading.Event()
    done.start()
    done.start()
    assert len(named("errands-early")) == 1

    def look() -> None:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        ready.set()

    Errands("errands-giver", never, niceness=5).put(lambda: done.put(look))
    assert ready.wait(TIMEOUT_S)
    assert found == [os.getpriority(os.PRIO_PROCESS, threading.get_native_id())]
    assert len(named("errands-early")) == 1


def test_what_was_done_is_not_kept() -> None:
    """An image of the last call is freed, though no other comes."""
    errands, done = Errands("errands-memory", never), threading.Event()

    def put() -> "weakref.ref[np.ndarray]":
        image = np.zeros((2, 2), np.uint8)
        errands.put(lambda: done.set() or image.sum())
        return weakref.ref(image)

    kept = put()
    assert done.wait(TIMEOUT_S)
    wait_until(lambda: kept() is None, "the image is freed")


def test_an_errand_that_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the thread has ended, and who relies on it must not go on; the error is shown as of any thread."""
    shown: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lambda found: shown.append(found.exc_type))
    failed = threading.Event()

    def mistaken() -> None:
        raise KeyError("a mistake")

    Errands("errands-failing", failed.set).put(mistaken)
    assert failed.wait(TIMEOUT_S)
    wait_until(lambda: shown == [KeyError], "the error is shown")
