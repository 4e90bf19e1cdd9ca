"""Starting is light: the heavy libraries wait until they are needed."""

import subprocess
import sys

import pytest

HEAVY = ("cv2", "onnxruntime", "openvino", "torch")
LOADED = f"import sys; print(*sorted(set(sys.modules) & set({HEAVY!r})), file=sys.stderr)"
IMPORT = "from andon.runtimes.onnx_runtime import import_onnxruntime; import_onnxruntime()"
COMMAND = "import sys\nfrom andon.cli.main import main\ntry:\n    main(sys.argv[1:])\n"


def loaded_by(code: str, *arguments: str) -> str:
    """Run code in a new interpreter and give the heavy libraries that it has loaded."""
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr.strip()


@pytest.mark.slow
def test_importing_andon_loads_nothing_heavy() -> None:
    """`import andon` costs no torch, no runtime and no OpenCV."""
    assert loaded_by(f"import andon; {LOADED}") == ""


@pytest.mark.slow
def test_the_help_loads_nothing_heavy() -> None:
    """`andon --help` answers without torch, runtimes and OpenCV."""
    assert loaded_by(f"{COMMAND}finally:\n    {LOADED}", "--help") == ""


@pytest.mark.slow
def test_the_probe_notices_a_heavy_library() -> None:
    """The two tests above would see a library that is loaded."""
    assert loaded_by(f"{IMPORT}; {LOADED}") == "onnxruntime"
