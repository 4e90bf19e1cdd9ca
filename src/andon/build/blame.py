"""Which line of the author's own code an error comes from."""

import linecache
import re
import sysconfig
import traceback
from pathlib import Path
from types import TracebackType

_TRACE_ENTRY = re.compile(r'File "([^"]+)", line (\d+), in (\S+)')
_OURS = str(Path(__file__).parent)
_TYPED_IN = ("<stdin>", "<ipython", "<doctest")
"""How files that were typed into an interpreter are called."""


def author_line(trace: TracebackType | None) -> str:
    """Describe the innermost line of a traceback that is the author's; empty where there is none."""
    return _innermost([(entry.filename, entry.lineno or 0, entry.name) for entry in traceback.extract_tb(trace)])


def author_line_of_text(text: str) -> str:
    """Do the same for a formatted stack trace, as the exporter keeps one for each operator."""
    return _innermost([(file, int(line), name) for file, line, name in _TRACE_ENTRY.findall(text)])


def _innermost(entries: list[tuple[str, int, str]]) -> str:
    for file, line, name in reversed(entries):
        if _is_author_file(file):
            code = linecache.getline(file, line).strip()
            return f"{file}, line {line}, in {name}" + (f": {code}" if code else "")
    return ""


def _is_author_file(file: str) -> bool:
    """Ask whether a file is neither Python's, torch's nor ours."""
    if file.startswith(_TYPED_IN):
        return True
    library = sysconfig.get_paths()["stdlib"]
    in_torch = "/site-packages/torch/" in Path(file).as_posix()
    in_library = file.startswith(library) and "site-packages" not in file
    return Path(file).is_absolute() and not in_torch and not in_library and not file.startswith(_OURS)
