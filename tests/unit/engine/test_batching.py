"""The size of batches follows what they cost: large where that pays, 1 where it does not."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from andon.engine.batching import BatchSizes

Cost = Callable[[int], float]
"""Seconds of a batch of so many images."""

FEW = 40
"""Batches within which the right size is found."""


def constant(_size: int) -> float:
    """A batch costs what one image does, as on a card that is not full."""
    return 1e-3


def linear(size: int) -> float:
    """Nothing is gained or lost."""
    return size * 1e-3


def affine(size: int) -> float:
    """There is a price of each call, and one of each image."""
    return 2e-3 + size * 1e-3


def worse_than_linear(size: int) -> float:
    """The caches are too small for more than one image."""
    return size * 1e-3 * (1 + 0.2 * (size - 1))


def best_at_four(size: int) -> float:
    """Up to four images are cheaper each, more are dearer."""
    return size * {1: 2.0, 2: 1.5, 4: 1.0, 8: 1.6}[size] * 1e-3


def no_time(_size: int) -> float:
    """The clock does not see it."""
    return 0.0


def run(sizes: BatchSizes, cost: Cost, batches: int = FEW, waiting: int = 100) -> list[int]:
    """Run batches while enough images wait, and list their sizes."""
    chosen = []
    for _ in range(batches):
        size = sizes.choose(waiting)
        sizes.note(size, cost(size))
        chosen.append(size)
    return chosen


@pytest.mark.parametrize(
    ("cost", "best"),
    [(constant, 8), (linear, 1), (affine, 8), (worse_than_linear, 1), (best_at_four, 4), (no_time, 1)],
)
def test_the_size_that_pays_is_found_soon(cost: Cost, best: int) -> None:
    """And then kept; where sizes are equal, the smallest is."""
    sizes = BatchSizes(8)
    run(sizes, cost)
    assert set(run(sizes, cost, 500)) == {best}
    assert sizes.wanted == best


def test_what_hurts_is_tried_six_times_and_no_more() -> None:
    """Nor is anything larger tried then."""
    chosen = run(BatchSizes(8), worse_than_linear, 500)
    assert (chosen.count(1), chosen.count(2)) == (494, 6)


def test_what_pays_less_than_a_twentieth_is_not_chosen() -> None:
    """The first image would wait for the last, for nothing; a little more gain, and it is."""
    assert run(BatchSizes(2), lambda size: 1.0 if size == 1 else 1.91, 100)[-1] == 1
    assert run(BatchSizes(2), lambda size: 1.0 if size == 1 else 1.89, 100)[-1] == 2


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(("cost", "best"), [(constant, {8}), (affine, {8}), (worse_than_linear, {1}), (linear, {1, 2})])
def test_noise_does_not_mislead(cost: Cost, best: set[int], seed: int) -> None:
    """Times differ by a twentieth, and each twentieth batch takes thrice as long."""
    chance = random.Random(seed)  # noqa: S311 -- no secret

    def noisy(size: int) -> float:
        return cost(size) * chance.uniform(0.97, 1.03) * (3 if chance.random() < 0.05 else 1)

    sizes = BatchSizes(8)
    run(sizes, noisy, 100)
    chosen = run(sizes, noisy, 400)
    assert sum(size in best for size in chosen) >= 0.8 * len(chosen)


def test_the_first_batch_of_a_size_is_not_judged() -> None:
    """It allocates, and says nothing of those after it."""
    slow_once = {2, 4, 8}

    def cost(size: int) -> float:
        took = constant(size) * (1000 if size in slow_once else 1)
        slow_once.discard(size)
        return took

    sizes = BatchSizes(8)
    assert run(sizes, cost)[-1] == 8


def test_a_few_batches_that_took_long_change_nothing() -> None:
    """The median of the last eight counts."""
    sizes = BatchSizes(8)
    run(sizes, affine)
    for _ in range(3):
        sizes.note(8, 10.0)
        assert sizes.choose(100) == 8
    for _ in range(2):
        sizes.note(8, 10.0)
    assert sizes.choose(100) == 4


@pytest.mark.parametrize(
    ("before", "after", "best"), [(affine, worse_than_linear, 1), (worse_than_linear, affine, 8), (linear, constant, 8)]
)
def test_a_change_of_costs_is_noticed(before: Cost, after: Cost, best: int) -> None:
    """Within two thousand batches all is tried out anew."""
    sizes = BatchSizes(8)
    run(sizes, before, 500)
    run(sizes, after, 2000)
    assert set(run(sizes, after, 100)) == {best}


def test_what_has_become_slow_is_left_at_once() -> None:
    """The size in use is measured all the time."""
    sizes = BatchSizes(8)
    run(sizes, affine)
    run(sizes, lambda size: affine(size) * (10 if size == 8 else 1), 8)
    assert sizes.choose(100) == 4


def test_few_that_wait_are_run_as_far_as_they_go() -> None:
    """The size wanted is told all the same, so that more are sent."""
    sizes = BatchSizes(8)
    run(sizes, affine)
    assert [sizes.choose(waiting) for waiting in (1, 2, 3, 4, 7, 8, 9)] == [1, 2, 2, 4, 4, 8, 8]
    assert sizes.wanted == 8


def test_of_what_was_tried_the_best_that_is_possible_is_run() -> None:
    """Where the larger ones have not been judged yet."""
    sizes = BatchSizes(8)
    assert run(sizes, affine, 20, waiting=3)[-1] == 2
    assert sizes.wanted == 4, "it is the next to be tried"
    assert run(sizes, affine, 4) == [4] * 4


def test_a_size_that_is_none_of_ours_is_not_looked_at() -> None:
    """As that of a batch of which a part was left out."""
    sizes = BatchSizes(8)
    run(sizes, affine)
    for _ in range(100):
        sizes.note(3, 0.0)
    assert sizes.choose(100) == 8


@pytest.mark.parametrize("most", [1, 2, 3, 5, 6, 8, 100])
def test_the_largest_size_is_the_one_that_was_set(most: int) -> None:
    """Also where it is no power of two."""
    sizes = BatchSizes(most)
    assert run(sizes, constant, 60)[-1] == most


@given(
    most=st.integers(1, 40),
    rounds=st.lists(
        st.tuples(st.integers(1, 60), st.one_of(st.just(0.0), st.floats(1e-6, 1e3, allow_nan=False))), max_size=120
    ),
)
def test_never_more_is_chosen_than_wait_or_are_allowed(most: int, rounds: list[tuple[int, float]]) -> None:
    """Nor less than one, whatever the times are."""
    sizes = BatchSizes(most)
    for waiting, seconds in rounds:
        size = sizes.choose(waiting)
        assert 1 <= size <= min(waiting, most)
        assert 1 <= sizes.wanted <= most
        sizes.note(size, seconds)
