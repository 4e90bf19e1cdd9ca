"""Numbers in plain words, as the commands print them."""

from collections.abc import Mapping


def size_in_words(size_bytes: int) -> str:
    """
    Give a number of bytes with its unit.

    >>> size_in_words(18_540_000)
    '18.5 MB'
    """
    if size_bytes < 1000:
        return f"{size_bytes} bytes"
    size, unit = float(size_bytes), "bytes"
    for larger in ("kB", "MB", "GB"):
        if size < 999.95:
            break
        size, unit = size / 1000, larger
    return f"{size:.1f} {unit}"


def difference_in_words(value: float) -> str:
    """
    Give a relative difference in two digits.

    >>> difference_in_words(0.0000123)
    '1.2e-05'
    """
    return f"{value:.2g}"


def count_in_words(number: int, noun: str) -> str:
    """
    Give a number with its noun, in the plural where due.

    >>> count_in_words(1, "image"), count_in_words(1200, "image")
    ('1 image', '1,200 images')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def metrics_in_words(metrics: Mapping[str, float]) -> list[str]:
    """
    Give the metrics of a bundle, one a line; the ends of an interval stand behind its value.

    >>> metrics_in_words({"cells": 660, "accuracy": 0.84091, "accuracy, low": 0.811, "accuracy, high": 0.8668})
    ['cells 660', 'accuracy 0.8409 (0.811 to 0.8668)']
    """
    ends = {name: (f"{name}, low", f"{name}, high") for name in metrics}
    intervals = {name: pair for name, pair in ends.items() if metrics.keys() >= set(pair)}
    behind = {end for pair in intervals.values() for end in pair}

    def told(name: str) -> str:
        between = " to ".join(f"{metrics[end]:.4g}" for end in intervals.get(name, ()))
        return f"{name} {metrics[name]:.4g}" + (f" ({between})" if between else "")

    return [told(name) for name in metrics if name not in behind]
