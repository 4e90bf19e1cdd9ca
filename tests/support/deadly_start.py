"""A worker that ends before it has said a word."""

import os
from collections.abc import Sequence


def main(_arguments: Sequence[str]) -> None:
    """End."""
    os._exit(9)
