"""The command line as a real program: exit codes, streams, pipes, terminals."""

import csv
import json
import os
import pty
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.support.bundles import colour_image

ANDON = Path(sys.executable).with_name("andon")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with forty images, two of them damaged."""
    folder = tmp_path_factory.mktemp("parts")
    for number in range(40):
        colour_image(((200, 30, 30), (30, 200, 30), (30, 30, 200))[number % 3], seed=number).save(
            folder / f"{number:02}.png"
        )
    (folder / "07.png").write_bytes(b"no image")
    (folder / "21.png").write_bytes((folder / "21.png").read_bytes()[:2000])
    return folder


def andon(
    *arguments: object, stdout: int | None = None, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run `andon` and give its exit code and what it wrote."""
    return subprocess.run(
        [ANDON, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if stdout is None else stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, **(environment or {})},
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--version",), 0),
        (("inspect", "gone.andon"), 1),
        (("predict", "gone.andon", "no*.png"), 2),
        (("predict",), 2),
    ],
)
def test_the_exit_code_is_that_of_the_outcome(arguments: tuple[str, ...], code: int) -> None:
    """0 done, 1 the check failed, 2 wrong use; talk is on stderr only."""
    ran = andon(*arguments)
    assert ran.returncode == code
    assert bool(ran.stdout) == (code == 0)
    assert bool(ran.stderr) == (code != 0)


def test_stdout_holds_data_and_nothing_else(colours: Path, parts: Path) -> None:
    """JSON and CSV can be parsed as they come, with bad images among the good ones, which are told on stderr."""
    as_json = andon("predict", colours, parts, "--json")
    as_csv = andon("predict", colours, parts, "--csv")
    predictions = json.loads(as_json.stdout)["predictions"]
    rows = list(csv.DictReader(as_csv.stdout.splitlines()))
    assert as_json.returncode == as_csv.returncode == 1
    assert len(predictions) == len(rows) == 40
    assert [item["label"] or "" for item in predictions] == [row["label"] for row in rows]
    assert {row["file"][-6:]: row["error"] for row in rows if row["error"]} == {
        "07.png": "image.format",
        "21.png": "image.truncated",
    }
    assert as_json.stderr == as_csv.stderr
    assert as_json.stderr.startswith("2 of 40 images could not be used:\n")


@pytest.mark.parametrize("form", ["--csv", "--json", "--top=3"])
def test_a_reader_that_goes_away_ends_the_program_quietly(colours: Path, parts: Path, form: str) -> None:
    """As in `andon predict ... | head -1`: no traceback, no complaint, and the code a shell gives for it."""
    read, write = os.pipe()
    os.close(read)
    try:
        ran = andon("predict", colours, parts, form, stdout=write)
    finally:
        os.close(write)
    assert (ran.returncode, ran.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told(colours: Path) -> None:
    """Data that could not be written are an error of the environment, not a success."""
    with Path("/dev/full").open("w") as full:
        ran = andon("inspect", colours, stdout=full.fileno())
    assert ran.returncode == 3
    assert ran.stderr.startswith(
        "EnvironmentFault [environment.write]: cannot write the output: No space left on device"
    )
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr


def test_a_terminal_gets_a_bar_on_stderr_and_the_data_stay_clean(colours: Path, parts: Path) -> None:
    """Images are counted as they are done; the CSV in the pipe has neither bar nor colours."""
    terminal, theirs = pty.openpty()
    with subprocess.Popen(
        [ANDON, "predict", colours, parts, "--csv"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    ) as process:
        os.close(theirs)
        # The terminal first: it holds little, and the program waits for its reader. The pipe holds all lines.
        seen = read_all(terminal)
        data, _ = process.communicate()
    assert process.returncode == 1
    assert b"predicting" in seen
    assert b"40/40" in seen
    assert b"\x1b" not in data
    assert len(data.splitlines()) == 41


def read_all(terminal: int) -> bytes:
    """Read what was written to a terminal whose other end is closed."""
    seen = b""
    try:
        while chunk := os.read(terminal, 65536):
            seen += chunk
    except OSError:
        # Linux tells the end of a terminal as an error.
        return seen
    finally:
        os.close(terminal)
    return seen


def test_text_of_any_script_is_written_in_any_locale(tmp_path: Path, colours: Path) -> None:
    """A file name that the locale cannot spell does not end the program."""
    image = tmp_path / "零件.png"
    colour_image((200, 30, 30)).save(image)
    for locale in ("C.UTF-8", "C", "POSIX"):
        ran = andon("predict", colours, image, environment={"LC_ALL": locale, "PYTHONUTF8": "0"})
        assert ran.returncode == 0, ran.stderr
        assert "red" in ran.stdout


def test_an_error_of_our_own_shows_its_traceback_with_debug_only(tmp_path: Path) -> None:
    """A broken installation is such a case: the bundle is not at fault, and the reason can be seen."""
    (tmp_path / "numpy.py").write_text("raise ZeroDivisionError('broken')")
    broken = {"PYTHONPATH": str(tmp_path)}
    plain = andon("check", "x.andon", environment=broken)
    assert plain.returncode == 70
    assert plain.stderr.startswith("andon failed on an error of its own: ZeroDivisionError: broken\n")
    assert "Traceback" not in plain.stderr
    debug = andon("--debug", "check", "x.andon", environment=broken)
    assert debug.returncode == 70
    assert "Traceback" in debug.stderr


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed")
def test_without_torch_packing_names_the_pip_command(tmp_path: Path) -> None:
    """Everything else works there; packing says what it takes."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'torch' else find(name, package)\n"
    )
    labels, image = tmp_path / "labels.txt", tmp_path / "part.png"
    labels.write_text("ok\nbad\n")
    colour_image((40, 180, 60)).save(image)
    ran = andon(
        *("pack", "train:build", "--labels", labels, "--samples", image, "-o", tmp_path / "o.andon"),
        environment={"PYTHONPATH": str(tmp_path)},
    )
    assert (ran.returncode, ran.stdout) == (3, "")
    assert "EnvironmentFault [environment.extra]" in ran.stderr
    assert 'pip install "andon[torch]"' in ran.stderr
