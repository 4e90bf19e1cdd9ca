"""The service keeps to its own description, whatever is sent to it, and holds no more memory in the end."""

import http.client
import os
import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.andon_serve import AndonServe
from tests.support.bundles import colour_image, encode
from tests.support.hostile_requests import Hostile, hostile_request
from tests.support.waiting import TIMEOUT_S
from tests.support.wire import HOST

pytest.importorskip("schemathesis", reason="schemathesis is not installed: pip install schemathesis")
pytestmark = pytest.mark.slow

SCHEMATHESIS = Path(sys.executable).with_name("st")
TOKEN = "t" * 16
ROOT = Path(__file__).parents[2]
REQUESTS = 6000
WARM = 1000
"""Requests after which memory is compared with that at the end."""


@pytest.fixture(scope="module")
def service(colours: Path) -> Iterator[AndonServe]:
    """A service that everybody may ask."""
    with AndonServe(str(colours)) as started:
        yield started


def run_schemathesis(url: str, folder: Path, *words: str, whole_images: bool = True) -> None:
    """
    Check the service against its description, with every check there is, and fail with what was found.

    Args:
        url: Of the service.
        folder: Where it may leave files.
        words: Further options.
        whole_images: Whether bytes that are to be valid are images; else they are any bytes.
    """
    hooks = {"SCHEMATHESIS_HOOKS": "tests.support.whole_images"} if whole_images else {}
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [str(SCHEMATHESIS), "run", f"{url}/openapi.json", "--no-color", "--seed", "20", *words]
    command += ["--generation-database", "none", "--continue-on-failure", "--request-timeout", "30"]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **hooks, "PYTHONPATH": paths, "NO_PROXY": HOST},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, "\n".join(line[:400] for line in done.stdout.splitlines()[-200:]) + done.stderr
    assert "Selected: 23/23" in done.stdout


def test_every_answer_is_as_described(service: AndonServe, tmp_path: Path) -> None:
    """What fits the description is accepted, what does not is refused, and every answer has the form that it says."""
    run_schemathesis(service.url, tmp_path, "--max-examples", "20")


def test_any_bytes_are_answered_as_described(service: AndonServe, tmp_path: Path) -> None:
    """So they are where bytes that are no image are sent as if they were; that they are refused is right."""
    run_schemathesis(
        service.url,
        tmp_path,
        *("--max-examples", "20", "--exclude-checks", "positive_data_acceptance"),
        whole_images=False,
    )


def test_the_token_is_asked_for_where_it_is_described(colours: Path, tmp_path: Path) -> None:
    """With it all is as without one; without it, or with another, an address that needs it answers 401."""
    with AndonServe(str(colours), environment={"ANDON_TOKEN": TOKEN}) as service:
        run_schemathesis(service.url, tmp_path, "--max-examples", "10", "-H", f"Authorization: Bearer {TOKEN}")


def test_schemathesis_would_see_an_answer_that_is_not_described(service: AndonServe, tmp_path: Path) -> None:
    """A description that promises something else is found out, so the checks above are worth something."""
    document = httpx.get(f"{service.url}/openapi.json", trust_env=False).text
    (tmp_path / "wrong.json").write_text(document.replace('"live":{"const":true}', '"live":{"const":false}'))
    command = [str(SCHEMATHESIS), "run", str(tmp_path / "wrong.json"), "--url", service.url, "--include-path", "/live"]
    done = subprocess.run(
        [*command, "--max-examples", "1", "--no-color"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "false was expected" in done.stdout


@pytest.mark.parametrize(
    ("value", "statuses"),
    [("9", {400}), ("10", {200, 504}), ("600000", {200}), ("600001", {400}), ("1e3", {400}), ("", {400})],
)
def test_the_deadline_keeps_its_bounds(service: AndonServe, value: str, statuses: set[int]) -> None:
    """The one header that no generated request has is taken from 10 to 600,000, and 504 only comes with a short one."""
    headers = {"X-Deadline-Ms": value, "Content-Type": "image/png"}
    answer = httpx.post(
        f"{service.url}/predict", content=encode(colour_image((200, 40, 40))), headers=headers, trust_env=False
    )
    assert answer.status_code in statuses


def test_broken_requests_leave_no_memory_behind(colours: Path) -> None:
    """6,000 of them are all answered, none with 500, and after the first 1,000 memory grows by 2 % at most."""
    rng = random.Random(6000)  # noqa: S311 -- a seed, not a secret
    statuses: Counter[int] = Counter()
    with AndonServe(str(colours)) as service:
        connection = http.client.HTTPConnection(HOST, service.port, timeout=TIMEOUT_S)
        warm_bytes = 0
        for number in range(1, REQUESTS + 1):
            path = rng.choice(("/predict", "/predict/colours", "/run", "/v2/models/colours/infer"))
            statuses[send(connection, path, hostile_request(rng))] += 1
            if number == WARM:
                warm_bytes = service.resident_bytes
        connection.close()
        grown = service.resident_bytes / warm_bytes - 1
        assert [status for status in statuses if status >= 500] == [], statuses
        assert grown <= 0.02
        assert not re.search(r"Traceback|Error", service.log)
    assert statuses[200] > 100
    assert statuses[400] > 1000


def send(connection: http.client.HTTPConnection, path: str, request: Hostile) -> int:
    """Send a request as it is, and give the status of its answer."""
    headers = {"Content-Type": request.content_type, **request.headers}
    encoded = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
    connection.request("POST", path, request.body, encoded)
    answer = connection.getresponse()
    answer.read()
    return answer.status
