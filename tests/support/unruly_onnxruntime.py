"""
ONNX Runtime that a test holds up, or makes lie, from outside of the process.

As `onnxruntime.py` on the PYTHONPATH it takes the place of the real one. Files in the folder UNRULY steer it:
while there is one called `import`, `hang` or `wrong`, importing waits, running waits, or answers are wrong.
"""

import importlib
import os
import sys
import time
from pathlib import Path
from typing import Any

_CONTROL = Path(os.environ["UNRULY"])
_HERE = str(Path(__file__).parent)


def _wait_while(name: str) -> None:
    while (_CONTROL / name).exists():
        (_CONTROL / f"{name}.reached").touch()
        time.sleep(0.01)


_wait_while("import")
sys.path.remove(_HERE)
del sys.modules["onnxruntime"]
_real = importlib.import_module("onnxruntime")
_run = _real.InferenceSession.run


def _unruly_run(session: Any, *args: Any, **kwargs: Any) -> Any:
    _wait_while("hang")
    answers = _run(session, *args, **kwargs)
    return [-answer for answer in answers] if (_CONTROL / "wrong").exists() else answers


_real.InferenceSession.run = _unruly_run
