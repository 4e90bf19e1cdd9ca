"""How devices are written: `cpu`, `cuda`, `cuda:N`; where several may be asked for, also a list of cards or `auto`."""

import re

from andon.errors import UsageError

AUTO = "auto"
"""All cards that can be used, or the CPU."""
CPU = "cpu"
CARDS = "cuda"
"""All cards, where several may be asked for; else the first one."""
_CARD = re.compile(r"cuda:(0|[1-9][0-9]{0,3})")


def parse_device(text: str) -> str:
    """
    Read one device.

    Returns:
        `cpu` or `cuda:N`; `cuda` alone is the first card.

    Raises:
        UsageError: `usage.argument`.

    >>> parse_device("cuda"), parse_device("cuda:1"), parse_device("cpu")
    ('cuda:0', 'cuda:1', 'cpu')
    """
    if text == CARDS:
        return "cuda:0"
    if text != CPU and not _CARD.fullmatch(text):
        raise UsageError(
            f"there is no device {text[:80]!r}, expected cpu, cuda or cuda:N",
            code="usage.argument",
            hint="cards count from 0, as CUDA shows them: cuda:0 is the first",
        )
    return text


def parse_devices(text: str) -> tuple[str, ...]:
    """
    Read what several devices may be asked for with.

    Returns:
        Cards in the order given, or one word alone: `auto`, `cpu` or `cuda`.

    Raises:
        UsageError: `usage.argument`: a word is not known or stands twice, or one that stands for
            itself stands beside others.

    >>> parse_devices("cuda:0, cuda:1"), parse_devices("auto")
    (('cuda:0', 'cuda:1'), ('auto',))
    """
    words = tuple(word.strip() for word in text.split(","))
    if words in ((AUTO,), (CPU,), (CARDS,)):
        return words
    wrong = next((word for word in words if not _CARD.fullmatch(word)), None)
    if wrong is not None:
        raise UsageError(
            f"expected auto, cpu, cuda, or cards like cuda:0,cuda:1, got {wrong[:80]!r}"
            f"{f' in {text[:80]!r}' if len(words) > 1 else ''}",
            code="usage.argument",
            hint="cards and the CPU are not mixed: an image that falls to the slower one would wait for long"
            if wrong == CPU
            else "cards count from 0, as CUDA shows them: cuda:0 is the first",
        )
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice is not None:
        raise UsageError(
            f"{twice} stands twice in {text[:80]!r}",
            code="usage.argument",
            hint="name each card once; several workers share one by themselves",
        )
    return words


def kind_of(device: str) -> str:
    """
    Give the kind of a device, `cpu` or `cuda`, as bundles name it.

    Raises:
        UsageError: `usage.argument`: there is no such device.
    """
    return parse_device(device).partition(":")[0]


def card_number(device: str) -> int:
    """
    Give the number of a card, 0 or more.

    Raises:
        UsageError: `usage.argument`: there is no such device.
        ValueError: It is no card.
    """
    return int(parse_device(device).partition(":")[2])
