"""Tests of finding the author's own line in a traceback."""

import re
import sys

from andon.build.blame import author_line, author_line_of_text


def _trace() -> object:
    try:
        raise ValueError("first\nsecond")
    except ValueError:
        return sys.exc_info()[2]


def test_the_innermost_line_of_the_author_is_named() -> None:
    """File, number, function and the code itself."""
    line = author_line(_trace())  # type: ignore[arg-type] # a traceback
    assert re.search(r"test_blame.py, line \d+, in _trace: raise ValueError", line)


def test_lines_of_libraries_are_passed_over() -> None:
    """Python's, torch's and interpreter internals are not the author's."""
    text = (
        'File "/home/me/train.py", line 3, in forward\n  x\n'
        'File "/venv/lib/python3.11/site-packages/torch/nn/module.py", line 9, in call\n  y\n'
        'File "torch/fx/x.py", line 1, in z\n'
        'File "<string>", line 1, in <lambda>\n'
    )
    assert author_line_of_text(text) == "/home/me/train.py, line 3, in forward"
    assert author_line_of_text('File "<stdin>", line 2, in forward') == "<stdin>, line 2, in forward"
    assert author_line_of_text("") == ""
