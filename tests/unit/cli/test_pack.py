"""Tests of `andon pack`."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import andon
from andon.cli.pack import read_labels, read_object, require_writable
from andon.errors import UsageError
from tests.support.author import INPUT, LABELS, Net, photos
from tests.support.given import graph, write_onnx
from tests.unit.cli.conftest import Ran

Run = Callable[..., Ran]

TRAINING = """
from tests.support.author import Author, Net as build_model

transform = Author()
transform_of_another_crop = Author(moved=(1, 0))
"""


@pytest.fixture
def training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A working folder with all that is packed; the arguments that pack it into parts.andon."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    module = f"training_{tmp_path.name}".replace("-", "_")
    (tmp_path / f"{module}.py").write_text(TRAINING)
    torch.save({name: tensor + 0.01 for name, tensor in Net().state_dict().items()}, "best.pt")
    (tmp_path / "parts").mkdir()
    for number, image in enumerate(photos()):
        image.save(tmp_path / "parts" / f"{number}.png")
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    (tmp_path / "input.json").write_text(json.dumps(INPUT))
    return [
        *("pack", f"{module}:build_model", "--weights", "best.pt", "--transform", f"{module}:transform"),
        *("--input", "input.json", "--labels", "labels.txt", "--samples", "parts", "-o", "parts.andon"),
    ]


@pytest.mark.slow
def test_a_model_is_packed_and_what_was_proven_is_told(run: Run, training: list[str]) -> None:
    """The table names the samples, the differences and the digest; the next command is told."""
    ran = run(*training, "--name", "surface", "--source", "train.py@3f2a", "--activation", "sigmoid")
    model = andon.load("parts.andon")
    lines = [line.split(maxsplit=1) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert ["digest", model.digest] in lines
    assert ["compared", "4 samples"] in lines
    assert any(line.startswith("raw output off  ") for line in ran.out.splitlines())
    assert "next: andon predict parts.andon IMAGE..." in ran.err
    assert model.labels == tuple(LABELS)
    assert (model.name, model.manifest.provenance.source) == ("surface", "train.py@3f2a")
    assert model.manifest.output.activation == "sigmoid"


@pytest.mark.slow
def test_the_weights_are_those_of_the_file(run: Run, training: list[str]) -> None:
    """A bundle packed with other weights answers otherwise; as JSON, the report names its digest."""
    digests = []
    for weights in ("best.pt", "other.pt"):
        torch.save({name: tensor + 0.02 for name, tensor in Net().state_dict().items()}, "other.pt")
        ran = run(*(weights if argument == "best.pt" else argument for argument in training), "--json")
        digests.append(json.loads(ran.out)["model"]["digest"])
        assert json.loads(ran.out)["samples"] == 4
    assert len(set(digests)) == 2


@pytest.mark.slow
def test_a_decision_is_packed(run: Run, training: list[str], tmp_path: Path) -> None:
    """From a TOML file as from JSON."""
    (tmp_path / "decision.toml").write_text('ok_labels = ["ok"]\n[thresholds.scratch]\nlow = 0.3\nhigh = 0.6\n')
    assert run(*training, "--decision", "decision.toml").code == 0
    decision = andon.load("parts.andon").manifest.decision
    assert decision is not None
    assert decision.thresholds["scratch"].high == 0.6


@pytest.mark.slow
def test_a_factory_is_recorded_for_an_eager_artifact(run: Run, training: list[str]) -> None:
    """The weights of the file travel in the bundle, the network is built where it is loaded."""
    ran = run(*training, "--artifact", "eager", "--artifact", "onnx")
    assert ran.code == 0
    assert "--trust" not in ran.err.splitlines()[-1]
    manifest = andon.load("parts.andon", trust=True).manifest
    assert [artifact.format for artifact in manifest.artifacts] == ["eager", "onnx"]
    assert manifest.artifacts[0].factory == training[1]


@pytest.mark.slow
def test_a_file_is_packed_as_it_is(run: Run, training: list[str]) -> None:
    """An ONNX file whose shape tells nothing needs the layout; the hint says how."""
    write_onnx(graph(shape=["N", None, None, None]), Path("net.onnx"))
    Path("input.json").write_text('{"resize": {"mode": "exact", "size": [8, 8]}}')
    arguments = ["pack", "net.onnx", *training[training.index("--input") :]]
    ran = run(*arguments)
    assert ran.code == 1
    assert "--layout" in ran.err
    ran = run(*arguments, "--layout", "NCHW")
    assert ran.code == 0
    assert "no transform was given" in ran.err
    assert andon.load("parts.andon").labels == tuple(LABELS)


@pytest.mark.slow
def test_without_a_declaration_the_preparation_is_found(run: Run, training: list[str]) -> None:
    """Of the transform; how is told beside the report."""
    at = training.index("--input")
    ran = run(*training[:at], *training[at + 2 :])
    assert ran.code == 0
    assert "note: found" in ran.err
    assert andon.load("parts.andon").manifest.input.crop is not None


def test_a_mismatch_stops_the_packing(run: Run, training: list[str], tmp_path: Path) -> None:
    """The exit code is 1, the code of the skew is told, and nothing is written."""
    arguments = [argument.replace(":transform", ":transform_of_another_crop") for argument in training]
    ran = run(*arguments)
    assert (ran.code, ran.out) == (1, "")
    assert "MismatchError [pack.mismatch.geometry]" in ran.err
    assert not (tmp_path / "parts.andon").exists()


@pytest.mark.parametrize(
    ("option", "value", "code", "said"),
    [
        ("--weights", "gone.pt", 1, "[pack.weights]"),
        ("--transform", "nowhere:transform", 2, "[usage.import]"),
        ("--input", "gone.json", 2, "[usage.path]"),
        ("--input", "labels.txt", 2, "not valid JSON"),
        ("--labels", "gone.txt", 2, "[usage.path]"),
        ("--samples", "gone*.png", 2, "matches no file"),
        ("--activation", "relu", 2, "--activation"),
        ("--artifact", "tflite", 2, "--artifact"),
        ("--layout", "CHWN", 2, "--layout"),
        ("--layout", "NHWC", 1, "[pack.argument]"),
        ("--name", "no blanks", 1, "[pack.argument]"),
        ("-o", "gone/parts.andon", 2, "the folder of the bundle does not exist"),
        ("-o", "parts", 2, "this is a folder"),
    ],
)
def test_a_wrong_argument_is_named(
    run: Run, training: list[str], option: str, value: str, code: int, said: str
) -> None:
    """Before anything long is done."""
    if option in training:
        training[training.index(option) + 1] = value
    else:
        training += [option, value]
    ran = run(*training)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


@pytest.mark.parametrize(
    ("source", "more", "said"),
    [
        ("net.onnx", (), "there is no such file"),
        ("parts", (), "there is no such file"),
        ("best.pt", (), "--weights best.pt"),
        ("best.pt", ("--weights", "best.pt"), "has weights of its own"),
        ("nowhere:build", (), "[usage.import]"),
        ("labels.txt", (), "neither TorchScript"),
    ],
)
def test_a_source_that_is_none_is_named(
    run: Run, training: list[str], source: str, more: tuple[str, ...], said: str
) -> None:
    """With what it could be; nothing is written."""
    ran = run("pack", source, *training[training.index("--input") :], *more)
    assert ran.code in (1, 2)
    assert said in ran.err
    assert not Path("parts.andon").exists()


def test_what_is_required_is_said(run: Run) -> None:
    """A missing option is wrong use, and named."""
    ran = run("pack", "train:build_model")
    assert ran.code == 2
    assert "Missing option" in ran.err


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "ok\nscratch, deep\n划痕\n\n"),
        ("labels.txt", "\ufeffok\r\nscratch, deep\r\n划痕"),
        ("labels.json", '["ok", "scratch, deep", "划痕"]'),
    ],
)
def test_labels_are_read_in_every_usual_form(tmp_path: Path, name: str, text: str) -> None:
    """One a line, whatever ends the lines, or a JSON list."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert read_labels(tmp_path / name) == ["ok", "scratch, deep", "划痕"]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("labels.txt", b""),
        ("labels.txt", b"ok\n\nscratch"),
        ("labels.txt", b"caf\xe9"),
        ("labels.json", b'{"0": "ok"}'),
        ("labels.json", b"[]"),
        ("labels.json", b'["ok", 1]'),
        ("labels.json", b"ok"),
    ],
)
def test_what_is_no_list_of_names_is_refused(tmp_path: Path, name: str, data: bytes) -> None:
    """An empty line would shift all labels after it."""
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_labels(tmp_path / name)
    assert (caught.value.code, caught.value.where) == ("usage.argument", str(tmp_path / name))


def test_an_object_is_read_from_json_and_toml(tmp_path: Path) -> None:
    """The suffix says which it is."""
    (tmp_path / "a.json").write_text('{"resize": {"mode": "exact", "size": [8, 9]}}')
    (tmp_path / "a.toml").write_text('[resize]\nmode = "exact"\nsize = [8, 9]\n')
    assert read_object(tmp_path / "a.json") == read_object(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [("a.json", "[1]", "got a list"), ("a.json", "{", "not valid JSON"), ("a.toml", "a = ", "not valid TOML")],
)
def test_what_is_no_object_is_refused(tmp_path: Path, name: str, text: str, said: str) -> None:
    """The file and the reason are named."""
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=said):
        read_object(tmp_path / name)


def test_a_bundle_may_be_written_over(tmp_path: Path) -> None:
    """To pack again into the same file is what one does all day."""
    (tmp_path / "old.andon").write_bytes(b"")
    require_writable(tmp_path / "old.andon")


@pytest.mark.slow
def test_own_code_is_packed_by_its_name(run: Run, training: list[str]) -> None:
    """The table tells what needs trust, and `inspect` what would run."""
    code = "tests.support.own_code"
    arguments = [word for word in training if word not in ("--input", "input.json", "--transform")]
    arguments = [word for word in arguments if not word.endswith(":transform")]
    ran = run(*arguments, "--prepare", f"{code}:floats", "--finish", f"{code}:tempered")
    assert ran.code == 0, ran.err
    assert f"--trust: it runs {code}:floats and {code}:tempered" in " ".join(ran.err.split())
    assert ran.err.splitlines()[-1] == "next: andon predict parts.andon IMAGE... --trust"
    assert f"{code}:floats" in run("inspect", "parts.andon").out


@pytest.mark.slow
def test_own_code_that_prints_does_not_spoil_the_data(run: Run, training: list[str]) -> None:
    """What it prints goes to stderr, from packing to predicting."""
    at = training.index("--transform")
    arguments = [*training[:at], *training[training.index("--labels") :]]
    for command in (
        (*arguments, "--prepare", "tests.support.own_code:loud", "--json"),
        ("check", "parts.andon", "--trust", "--json"),
        ("predict", "parts.andon", "parts", "--trust", "--json"),
    ):
        ran = run(*command)
        assert json.loads(ran.out)
        assert "preparing (" in ran.err


@pytest.mark.slow
def test_own_code_that_is_nowhere_is_an_error_of_usage(run: Run, training: list[str]) -> None:
    """Before anything is done."""
    ran = run(*training, "--finish", "nowhere:finish")
    assert ran.code == 2
    assert "cannot import nowhere:finish" in ran.err


@pytest.mark.slow
def test_the_accuracy_on_labelled_folders_is_told(run: Run, training: list[str], tmp_path: Path) -> None:
    """With its interval, in the table and in JSON."""
    (tmp_path / "parts").rename(tmp_path / LABELS[0])
    arguments = [LABELS[0] if word == "parts" else word for word in training]
    told = json.loads(run(*arguments, "--json").out)["accuracy"]
    assert told["samples"] == len(photos())
    assert 0 <= told["low"] <= told["value"] == told["right"] / told["samples"] <= told["high"] <= 1
    assert f"{told['right']} of {told['samples']}" in run(*arguments).out
