"""Real servers share out cards that are none: a `nvidia-smi` lists them, and a library says that it uses them."""

import os
import signal
from collections import Counter
from pathlib import Path

import pytest

from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode
from tests.support.cards import environment_with_cards
from tests.support.gunicorn import Gunicorn
from tests.support.machine import children_of
from tests.support.program import ServerProgram
from tests.support.uvicorn import Uvicorn
from tests.support.waiting import wait_until

pytestmark = pytest.mark.slow

MODES = [pytest.param([], id="after-fork"), pytest.param(["--preload"], id="preload")]
RED = encode(colour_image((200, 40, 40)), "JPEG")
IMAGE = {"Content-Type": "image/jpeg"}


def card_by_worker(running: Gunicorn) -> dict[int, str]:
    """Read off the log which card each living worker said that it computes on."""
    said = {}
    for line in running.log.splitlines():
        if " computes on " in line:
            pid = int(line.split("[")[2].split("]")[0])
            said[pid] = line.rpartition(" ")[2]
    return {pid: said[pid] for pid in running.workers() if pid in said}


def wait_for_workers(running: Gunicorn, count: int) -> dict[int, str]:
    """Wait until so many workers live, and each has said on which card."""
    wait_until(lambda: len(card_by_worker(running)) == len(running.workers()) == count, f"{count} workers have cards")
    return card_by_worker(running)


@pytest.mark.parametrize("mode", MODES)
def test_a_worker_that_is_killed_gives_its_card_to_its_successor(
    mode: list[str], colours: Path, tmp_path: Path
) -> None:
    """Worker after worker, and two at once; never are three on one card."""
    environment = {**environment_with_cards(tmp_path, 2), "ANDON_DEVICES": "cuda:0,cuda:1"}
    application = f'andon.wsgi:create_app("{colours}")'
    with Gunicorn("-w", "4", *mode, application, folder=tmp_path, environment=environment) as running:
        cards = wait_for_workers(running, 4)
        assert sorted(cards.values()) == ["cuda:0", "cuda:0", "cuda:1", "cuda:1"]
        for pid in cards:
            before = wait_for_workers(running, 4)
            os.kill(pid, signal.SIGKILL)
            wait_until(lambda gone=pid: gone not in running.workers(), "the worker is gone")
            after = wait_for_workers(running, 4)
            (successor,) = after.keys() - before.keys()
            assert after[successor] == before[pid]
        on_one_card = [pid for pid, card in wait_for_workers(running, 4).items() if card == "cuda:1"]
        for pid in on_one_card:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not set(on_one_card) & set(running.workers()), "both workers are gone")
        assert Counter(wait_for_workers(running, 4).values()) == {"cuda:0": 2, "cuda:1": 2}
        answer = running.ask("POST", "/run", RED, IMAGE)
        assert (answer.status, answer.body, answer.headers["X-Device"][:5]) == (200, b"result : red", "cuda:")


@pytest.mark.parametrize("mode", MODES)
def test_cards_that_are_not_there_stop_gunicorn(mode: list[str], colours: Path, tmp_path: Path) -> None:
    """Exit code 3, the reason once, with the cards that there are."""
    environment = {**environment_with_cards(tmp_path, 2), "ANDON_DEVICES": "cuda:0,cuda:5"}
    application = f'andon.wsgi:create_app("{colours}")'
    with Gunicorn("-w", "4", *mode, application, folder=tmp_path, environment=environment) as running:
        assert running.wait_until_it_ends() == 3
        assert running.log.count("[ERROR] [environment.device] there is no cuda:5 here") == 1
        assert "Traceback" not in running.log


def test_a_reload_leaves_the_cards_even(colours: Path, tmp_path: Path) -> None:
    """SIGHUP starts the new workers beside the old ones."""
    application = f'andon.wsgi:create_app("{colours}")'
    environment = environment_with_cards(tmp_path, 2)
    with Gunicorn("-w", "4", application, folder=tmp_path, environment=environment) as running:
        old = wait_for_workers(running, 4)
        running.send_signal(signal.SIGHUP)
        wait_until(lambda: not old.keys() & set(running.workers()), "the old workers are gone")
        assert Counter(wait_for_workers(running, 4).values()) == {"cuda:0": 2, "cuda:1": 2}


def devices_of(running: ServerProgram, answers: int) -> set[str]:
    """Ask again and again, and give the devices that answered."""
    return {running.ask("POST", "/predict", RED, IMAGE).headers["X-Device"] for _ in range(answers)}


def test_one_service_uses_all_cards(colours: Path, tmp_path: Path) -> None:
    """By itself; its first line says which, and its log who answered."""
    words = (str(colours), "--access-log")
    with AndonServe(*words, environment=environment_with_cards(tmp_path, 2)) as running:
        wait_until(lambda: "ready: " in running.log, "it is ready")
        assert "on onnxruntime fp32 cuda:0, cuda:1, 3 golden samples reproduced" in running.log
        assert devices_of(running, 200) == {"cuda:0", "cuda:1"}
        assert ", cuda:1, read;dur=" in running.log


def test_workers_of_uvicorn_take_a_card_each(colours: Path, tmp_path: Path) -> None:
    """They are started by one process, which takes none."""
    (tmp_path / "app.py").write_text(
        "import fastapi\nfrom andon.integrations.fastapi import router\n"
        f'app = fastapi.FastAPI()\napp.include_router(router("{colours}"))\n'
    )
    environment = environment_with_cards(tmp_path, 2)
    with Uvicorn("app:app", "--workers", "2", folder=tmp_path, environment=environment) as running:
        wait_until(lambda: running.log.count("Application startup complete") == 2, "both workers serve")
        names = Path("/proc/net/unix").read_text()
        family = f"@andon-{running.pid}-"
        taken = sorted(line.rpartition(".cuda:")[2] for line in names.splitlines() if family in line)
        assert taken == ["0.0", "1.0"]
        assert len(children_of(running.pid)) >= 2
