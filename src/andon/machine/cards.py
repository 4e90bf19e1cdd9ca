"""
How many CUDA cards this process can see, asked of the driver and not of a library.

Whether what is installed can compute on them is another question; a runtime answers it when it opens a model.
"""

import os
import shutil
import subprocess
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")
"""A folder for each card; in a container, for each that was given to it."""
_TIMEOUT_S = 10.0
"""For `nvidia-smi`, which may wait for a card to wake up; one that hangs counts as no answer."""


def count_cards() -> int:
    """Count the CUDA cards that this process can see, 0 or more; `cuda:N` counts among these."""
    return visible_cards(_present_cards(), os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible_cards(present: int | None, listed: str | None) -> int:
    """
    Count the cards that CUDA shows to a process.

    Args:
        present: Cards of the machine; None where the driver does not tell, as on small boards:
            then the list is taken at its word.
        listed: `CUDA_VISIBLE_DEVICES`; None where it is not set.

    Returns:
        All that are present without a list. With one, its entries up to the first that does not exist; none
        where one stands twice; and one where it names slices of cards (MIG), of which CUDA uses only one.

    Source:
        https://docs.nvidia.com/cuda/cuda-programming-guide/05-appendices/environment-variables.html

    >>> visible_cards(4, None), visible_cards(4, "2,0"), visible_cards(4, "0,7,1"), visible_cards(4, "")
    (4, 2, 1, 0)
    """
    if listed is None:
        return present or 0
    entries = [entry.strip() for entry in listed.split(",")]
    exist = [_exists(entry, present) for entry in entries]
    seen = entries[: exist.index(False)] if False in exist else entries
    if len(set(seen)) < len(seen):
        return 0
    if any(entry.startswith("MIG-") for entry in seen):
        return 1
    return len(seen) if present is None else min(len(seen), present)


def _exists(entry: str, present: int | None) -> bool:
    if entry.isdecimal():
        return present is None or int(entry) < present
    # Which cards have these names only the driver knows.
    return entry.startswith(("GPU-", "MIG-")) and present != 0


def _present_cards() -> int | None:
    try:
        return sum(1 for _ in _DRIVER.iterdir())
    except OSError:
        # No driver of the usual kind; under WSL and on some boards there is still its program.
        return _count_with_program()


def _count_with_program() -> int | None:
    program = shutil.which("nvidia-smi")
    if program is None:
        return None
    try:
        listing = subprocess.run(  # noqa: S603 -- found on the PATH, and nothing of it comes from outside
            [program, "-L"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return sum(line.startswith("GPU ") for line in listing.stdout.splitlines())
