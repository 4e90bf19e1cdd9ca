"""
Attack: a `.pt2` whose lengths are Python expressions, which torch evaluates; or which has pickles in it.

Defence: without trust torch does not see it. Of a trusted one whatever would be unpickled is left out
or refused; its expressions are code that it was trusted with.
"""

import io
import json
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import andon
from andon.errors import AndonError, RuntimeFault
from tests.attacks.support import Contents, Lay, Refused, with_artifact
from tests.attacks.test_pickle import Evil
from tests.support.graphs import Form

pytestmark = pytest.mark.slow

PROGRAM = "archive/models/model.json"
WEIGHTS = "archive/data/weights/model_weights_config.json"


def program() -> dict[str, bytes]:
    """Give the members of a sound program."""
    pytest.importorskip("torch", reason="the library of the runtime torch is not installed")
    from tests.support.torch_graphs import torch_artifact

    with zipfile.ZipFile(io.BytesIO(torch_artifact("pt2", Form()))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Write members as torch does."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return written.getvalue()


def test_a_program_waits_for_trust(contents: Contents, lay: Lay, untrusted: Refused, traces: Path) -> None:
    """With it, what stands for a length is evaluated."""
    members = program()
    trace = traces / "evaluated"
    length = f"__import__('pathlib').Path('{trace}').touch() or Symbol('s40', positive=True, integer=True)"
    found = members[PROGRAM].decode()
    start = found.index('"expr_str": "') + len('"expr_str": "')
    end = found.index('"', start)
    members[PROGRAM] = (found[:start] + length + found[end:]).encode()
    path = lay(with_artifact(contents, "pt2", zipped(members)))
    untrusted(path, "pt2")
    with pytest.raises(AndonError):
        andon.load(path, trust=True)
    assert trace.exists()


def test_what_would_be_unpickled_is_not(contents: Contents, lay: Lay, traces: Path) -> None:
    """Though the bundle is trusted: pickled weights, constants and example inputs."""
    members, evil = program(), pickle.dumps(Evil(traces / "unpickled"))
    config = json.loads(members[WEIGHTS])
    for stored in config["config"].values():
        stored["use_pickle"] = True
    weights = {name: evil for name in members if name.startswith("archive/data/weights/weight_")}
    for spoilt in (
        {WEIGHTS: json.dumps(config).encode(), **weights},
        {"archive/data/constants/custom_obj_0": evil},
        {"archive/data/sample_inputs/model.pt": evil},
        {"archive/data.pkl": evil},
    ):
        with pytest.raises(RuntimeFault) as caught:
            andon.load(lay(with_artifact(contents, "pt2", zipped({**members, **spoilt}))), trust=True)
        assert caught.value.code == "runtime.load"
    assert list(traces.iterdir()) == []
