"""Tests of what the serving benchmark does without a server: requests, measures, ratios, the chart, the tree."""

import base64
import json
import os
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest
from serving import apis
from serving.chart import Results, chart
from serving.limit import Limit
from serving.measures import Measure, line
from serving.ratios import ratios
from serving.report import LimitRow, Row, limit_row, table
from serving.servers import SERVERS, Server, named
from serving.tree import Tree, descendants, memory_bytes
from serving.wrk import write_script

PHOTO = b"\xff\xd8photo"


def row(name: str, **changes: float) -> Row:
    """Describe a server that did what all the others did, but for some numbers."""
    server = named(name)
    given = {"rate": 50.0, "alone_p50_ms": 30.0, "pss_mb": 800.0, "cpu_ms": 25.0, "front_ms": 1.0, **changes}
    rest = {"rate_least": 1.0, "rate_most": 90.0, "p50_ms": 100.0, "p99_ms": 200.0, "start_s": 3.0}
    return Row(name=name, kind=server.kind, title=server.title, rounds=3, agreed=100, errors=0, **given, **rest)


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_each_api_carries_the_photo(server: Server) -> None:
    """Every request has the photo in it, as bytes or as base64."""
    body = server.api.body(PHOTO)
    assert PHOTO in body or base64.b64encode(PHOTO) in body
    assert "Content-Type" in server.api.headers(PHOTO)


@pytest.mark.parametrize(
    ("api", "body"),
    [
        (apis.SEED, b"result : class 7"),
        (apis.LITSERVE, b'{"label": "class 7"}'),
        (apis.BENTOML, b'["class 7"]'),
        (apis.TORCHSERVE, b"class 7"),
        (apis.RAY, b"class 7"),
        (apis.TRITON, b'{"outputs": [{"data": ["class 7"]}]}'),
        (apis.MLSERVER, b'{"outputs": [{"data": ["class 7"]}]}'),
        (apis.MLFLOW, b'{"predictions": ["class 7"]}'),
        (apis.KSERVE, b'{"predictions": ["class 7"]}'),
        (apis.ANDON, b'{"predictions": [{"label": "class 7"}]}'),
    ],
)
def test_each_api_finds_the_label(api: apis.Api, body: bytes) -> None:
    """The label is found where each server puts it."""
    assert api.label(body) == "class 7"


def test_a_binary_tensor_says_how_long_its_json_is() -> None:
    """The header of a binary request is the length of its JSON part."""
    length = int(apis.TRITON.headers(PHOTO)["Inference-Header-Content-Length"])
    told = json.loads(apis.TRITON.body(PHOTO)[:length])
    assert told["inputs"][0]["parameters"]["binary_data_size"] == len(PHOTO) + 4


def test_wrk_is_given_each_photo(tmp_path: Path) -> None:
    """The script of wrk has one request a photo, and the bodies lie beside it."""
    script = write_script(tmp_path, apis.ANDON, [PHOTO, b"other"]).read_text()
    assert script.count("wrk.format(") == 2
    assert (tmp_path / "2").read_bytes() == b"other"


@pytest.mark.parametrize(
    ("value", "is_floor", "verdict"),
    [(5, False, "MISSED"), (4, False, "must"), (3, False, "reach"), (2, True, "MISSED"), (5, True, "reach")],
)
def test_a_measure_knows_what_it_reached(value: float, is_floor: bool, verdict: str) -> None:  # noqa: FBT001 -- a case
    """A number is judged on the right side of both bounds."""
    bounds = {"must": 3, "reach": 4} if is_floor else {"must": 4, "reach": 3}
    assert Measure(what="p99", value=value, is_floor=is_floor, **bounds).verdict == verdict


def test_what_was_not_measured_is_missed() -> None:
    """A number that is none holds no bound."""
    measure = Measure(what="failed", value=float("nan"), must=0, reach=0)
    assert measure.verdict == "MISSED"
    assert line(measure).startswith("MISSED failed")


def test_ratios_are_against_the_best_of_the_peers() -> None:
    """Throughput, latency and memory are each compared with the peer that is best at it."""
    rows = [
        row("litserve", rate=70.0),
        row("triton", rate=80.0, alone_p50_ms=40.0),
        row("ray", pss_mb=600.0),
        row("seed", rate=5.0),
        row("andon-openvino-bf16", rate=160.0, alone_p50_ms=9.0, pss_mb=300.0, cpu_ms=12.0),
    ]
    limit = LimitRow(name="andon-openvino-bf16", batch=8, rate=200.0, cpu_ms=11.0, alone_p50_ms=8.0)
    found = {measure.what: measure.value for measure in ratios(rows, [limit])}
    assert found == {
        "andon-openvino-bf16: throughput / in-process limit": 0.8,
        "andon-openvino-bf16: core time above in-process": 1.0,
        "andon-openvino-bf16: p50 alone above in-process": 1.0,
        "andon-openvino-bf16 / seed: throughput": 32.0,
        "andon-openvino-bf16 / triton: throughput": 2.0,
        "andon-openvino-bf16 / litserve: p50 alone": 0.3,
        "andon-openvino-bf16 / ray: memory": 0.5,
    }


def test_the_limit_is_that_of_the_best_batch() -> None:
    """The batch with the highest median counts, with its own core time."""
    rounds = [
        Limit(rates={"1": 60, "4": best, "8": 65}, cpu_ms={"1": 3, "4": 2, "8": 1}, alone_p50_ms=9)
        for best in (70, 72, 5)
    ]
    limit = limit_row("andon-openvino", rounds)
    assert (limit.batch, limit.rate, limit.cpu_ms) == (4, 70, 2)


def test_the_table_has_a_line_for_each() -> None:
    """Servers and limits stand below one head."""
    limit = LimitRow(name="andon-openvino", batch=8, rate=200.0, cpu_ms=11.0, alone_p50_ms=8.0)
    assert len(table([row("seed"), row("ray")], [limit]).splitlines()) == 4


def test_the_chart_shows_every_server() -> None:
    """The drawing is sound XML with one bar a server, the longest for the fastest, and is spoken in words."""
    rows = [row("seed", rate=5.0), row("andon-openvino", rate=100.0)]
    limit = LimitRow(name="andon-openvino", batch=8, rate=120.0, cpu_ms=11.0, alone_p50_ms=8.0)
    told = {"date": "2026-11-25", "processor": "A <fast> one", "cores": 2}
    results = msgspec.convert(msgspec.to_builtins({"facts": told, "servers": rows, "limits": [limit]}), Results)
    drawing = ET.fromstring(chart(results))  # noqa: S314 -- our own text
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(bar.attrib["width"]) for bar in drawing.iter(f"{space}rect")]
    assert len(bars) == 2
    assert bars[0] == pytest.approx(20 * bars[1], rel=0.01)
    assert len(list(drawing.iter(f"{space}line"))) == 1
    assert "Andon, OpenVINO fp32 100" in drawing.attrib["aria-label"]


def test_an_unknown_server_is_told_with_the_names() -> None:
    """A misspelt name is answered with those that there are."""
    with pytest.raises(SystemExit, match="no server is called ryo; there are seed"):
        named("ryo")


def test_a_tree_ends_with_those_who_left_it(tmp_path: Path) -> None:
    """A grandchild whose parent has ended belongs to the tree, is weighed, and is ended with it."""
    leave = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])"
    begin = f"import subprocess, sys, time; subprocess.run([sys.executable, '-c', {leave!r}]); print('left')"
    code = f"{begin}; time.sleep(60)"
    log = tmp_path / "log"
    with Tree([sys.executable, "-u", "-c", code], dict(os.environ), log, tmp_path) as tree:
        while "left" not in log.read_text():
            assert tree.is_running
        (left,) = set(tree.pids()) - set(descendants(tree.pid))
        assert memory_bytes(left) > 0
    assert left not in tree.pids()
