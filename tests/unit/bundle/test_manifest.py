"""The manifest: what each part takes and refuses, and that it is written as it is read."""

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import msgspec
import pytest

from andon.bundle.input_spec import InputSpec, Letterbox, NoResize, ShorterSide
from andon.bundle.manifest import (
    MAX_MANIFEST_BYTES,
    Manifest,
    encode_manifest,
    is_safe_member,
    manifest_schema,
    parse_manifest,
)
from andon.errors import BundleError
from tests.support.bundles import colour_parts, declared_files

Change = Callable[[dict[str, Any]], object]
PLAIN, _ = colour_parts()
WHOLE: dict[str, Any] = {
    **PLAIN,
    "created": "2026-11-22T08:00:00Z",
    "input": {
        "color": "RGB",
        "depth": 8,
        "orientation": "exif",
        "roi": None,
        "tiles": None,
        "resize": {"mode": "letterbox", "size": [64, 48], "pad": 0, "rounding": "floor", "interpolation": "lanczos"},
        "crop": {"mode": "center", "size": [32, 32], "offset": "floor"},
        "scale": 1,
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
    },
    "output": {"kind": "logits", "activation": "softmax", "labels": ["red", "green", "划痕"]},
    "decision": {"ok_labels": ["green"], "thresholds": {"划痕": {"low": 0.3, "high": 0.62}}},
    "executions": [
        {
            "artifact": "onnx",
            "runtime": "onnxruntime",
            "precision": "fp32",
            "device": "cpu",
            "tolerance": {"relative": 1e-3},
            "evidence": {"images a second": 58.5, "machine": "a", "cores": 2, "pinned": True},
        }
    ],
    "provenance": {"created_by": "andon", "source": "train.py", "dataset": "sha256:0", "metrics": {"accuracy": 0.97}},
}
"""A manifest with every field."""


def text_of(change: Change = dict, plain: dict[str, Any] = WHOLE) -> bytes:
    """Write a manifest after a change in place."""
    manifest = json.loads(json.dumps(plain))
    change(manifest)
    return json.dumps(manifest, indent=2).encode()


def refusal(change: Change) -> BundleError:
    """Give the error with which a changed manifest is refused."""
    with pytest.raises(BundleError) as caught:
        parse_manifest(text_of(change))
    return caught.value


@pytest.mark.parametrize("plain", [PLAIN, WHOLE])
def test_what_is_written_is_read_to_the_byte(plain: dict[str, Any]) -> None:
    """Reading and writing again gives the same bytes, so a digest survives."""
    manifest = parse_manifest(text_of(plain=plain))
    written = encode_manifest(manifest)
    assert parse_manifest(written) == manifest
    assert encode_manifest(parse_manifest(written)) == written


def test_a_written_manifest_is_for_people_too() -> None:
    """Indented, with every default, in UTF-8 as it is read, and a line break at the end."""
    written = encode_manifest(parse_manifest(text_of()))
    assert written.startswith(b'{\n  "format": 1,\n  "name": "colours",\n')
    assert written.endswith(b"}\n")
    assert "划痕".encode() in written
    assert json.loads(encode_manifest(parse_manifest(text_of(plain=PLAIN))))["executions"][0]["device"] == "cpu"


def test_every_field_is_read() -> None:
    """Nothing of the whole manifest is lost."""
    manifest = parse_manifest(text_of())
    plain = json.loads(encode_manifest(manifest))
    for part, value in WHOLE.items():
        if isinstance(value, dict) and part != "input":
            assert {**plain[part], **value} == plain[part]
    assert {**plain["input"]["resize"], **WHOLE["input"]["resize"]} == plain["input"]["resize"]
    assert {**plain["input"]["crop"], **WHOLE["input"]["crop"]} == plain["input"]["crop"]
    assert manifest.created is not None
    assert manifest.created.isoformat() == "2026-11-22T08:00:00+00:00"
    assert isinstance(manifest.input.resize, Letterbox)
    assert manifest.artifact("onnx").path == "artifacts/onnx/model.onnx"


def test_what_is_left_out_has_the_documented_value() -> None:
    """An input of nothing takes images as they are."""
    spec = InputSpec()
    assert spec == InputSpec(color="RGB", resize=NoResize(), crop=None, scale=1 / 255, mean=(0.0,), std=(1.0,))
    assert msgspec.convert({"mode": "shorter_side", "size": 5}, ShorterSide).rounding == "floor"


@pytest.mark.parametrize(("color", "channels"), [("RGB", 3), ("BGR", 3), ("L", 1)])
def test_the_colour_says_how_many_channels_there_are(color: Any, channels: int) -> None:
    """`L` is grey."""
    assert InputSpec(color=color).channels == channels


@pytest.mark.parametrize(
    ("change", "path"),
    [
        (lambda m: m.pop("name"), "required field name"),
        (lambda m: m.update(name=""), "$.name"),
        (lambda m: m.update(name="-x"), "$.name"),
        (lambda m: m.update(name="a/b"), "$.name"),
        (lambda m: m.update(name="x" * 65), "$.name"),
        (lambda m: m.update(name="scratch\n"), "$.name"),
        (lambda m: m.update(task="ranking"), "$.task"),
        (lambda m: m.update(task="detection"), "does not go with the output kind 'logits'"),
        (lambda m: m.update(created="2026-11-22T08:00:00"), "$.created"),
        (lambda m: m.update(created="2026-11-22T08:00:00+08:00"), "in UTC"),
        (lambda m: m["input"].update(color="rgb"), "$.input.color"),
        (lambda m: m["input"].update(depth=17), "$.input.depth"),
        (lambda m: m["input"].update(depth=12), "images of 12 bits are grey"),
        (lambda m: m["input"].update(range=[0, 9]), "range and to_8_bits are for more than 8 bits"),
        (lambda m: m["input"].update(depth=12, color="LLL", range=[0, 4096]), "two rising levels of 12 bits"),
        (lambda m: m["input"].update(depth=12, color="LLL", range=[9, 9]), "two rising levels of 12 bits"),
        (lambda m: m["input"].update(prepare="a:b"), "prepare takes the place of resize and crop"),
        (lambda m: m["input"].update(prepare="a.b"), "$.input.prepare"),
        (lambda m: m["input"].update(orientation="auto"), "$.input.orientation"),
        (lambda m: m["input"].update(roi=[0, 0, 1, 1]), "$.input.roi"),
        (lambda m: m["input"].update(tiles=2), "$.input.tiles"),
        (lambda m: m["input"].update(scale=0), "$.input.scale"),
        (lambda m: m["input"].update(mean=[]), "$.input.mean"),
        (lambda m: m["input"].update(mean=[0, 0]), "mean has 2 values, expected 1 or 3 for RGB"),
        (lambda m: m["input"].update(mean=[0, 0, 0, 0]), "$.input.mean"),
        (lambda m: m["input"].update(color="L"), "mean has 3 values, expected 1 or 1 for L"),
        (lambda m: m["input"].update(std=[1, 1]), "std has 2 values"),
        (lambda m: m["input"].update(std=[1, 0, 1]), "$.input.std[1]"),
        (lambda m: m["input"]["resize"].update(mode="stretch"), "$.input.resize.mode"),
        (lambda m: m["input"]["resize"].pop("mode"), "mode"),
        (lambda m: m["input"]["resize"].update(size=64), "$.input.resize.size"),
        (lambda m: m["input"]["resize"].update(size=[64]), "$.input.resize.size"),
        (lambda m: m["input"]["resize"].update(size=[64, 0]), "$.input.resize.size[1]"),
        (lambda m: m["input"]["resize"].update(size=[64, 16385]), "$.input.resize.size[1]"),
        (lambda m: m["input"]["resize"].update(interpolation="cubic"), "$.input.resize.interpolation"),
        (
            lambda m: m["input"]["resize"].update(interpolation="hamming", antialias=False),
            "there is no kernel hamming in OpenCV",
        ),
        (lambda m: m["input"]["resize"].update(interpolation="area"), "there is no kernel area in Pillow"),
        (lambda m: m["input"]["resize"].update(pad=256), "$.input.resize.pad"),
        (lambda m: m["input"]["resize"].update(rounding="up"), "$.input.resize.rounding"),
        (lambda m: m["input"].update(resize={"mode": "shorter_side", "size": [5, 5]}), "$.input.resize.size"),
        (lambda m: m["input"].update(resize={"mode": "none", "size": 5}), "'size'"),
        (lambda m: m["input"].update(resize={"mode": "exact", "size": [5, 5], "rounding": "floor"}), "'rounding'"),
        (lambda m: m["input"]["crop"].update(mode="random"), "$.input.crop.mode"),
        (lambda m: m["input"]["crop"].update(offset="up"), "$.input.crop.offset"),
        (lambda m: m["output"].update(kind="box"), "$.output.kind"),
        (lambda m: m["output"].update(kind="boxes"), "does not go with the output kind 'boxes'"),
        (lambda m: m["output"].update(boxes={}), "boxes are declared, and the kind is"),
        (lambda m: m["output"].update(activation="relu"), "$.output.activation"),
        (lambda m: m["output"].update(kind="probabilities"), "does not go with activation 'softmax'"),
        (lambda m: m["output"].update(activation="none"), "does not go with activation 'none'"),
        (lambda m: m.update(artifacts=[]), "$.artifacts"),
        (lambda m: m["artifacts"][0].update(name="ONNX"), "$.artifacts[0].name"),
        (lambda m: m["artifacts"][0].update(format="pkl"), "$.artifacts[0].format"),
        (lambda m: m["artifacts"][0].update(format="eager"), "a factory goes with the format 'eager'"),
        (lambda m: m["artifacts"][0].update(factory="a:b"), "a factory goes with the format 'eager'"),
        (lambda m: m["artifacts"][0].update(layout="CHWN"), "$.artifacts[0].layout"),
        (lambda m: m["artifacts"][0].update(layout="NCHW"), "dtype 'uint8' does not go with layout 'NCHW'"),
        (lambda m: m["artifacts"][0].update(dtype="uint16"), "takes uint16, the input is uint8"),
        (lambda m: m["artifacts"][0].update(dtype="float64"), "$.artifacts[0].dtype"),
        (
            lambda m: m["artifacts"][0].update(dtype="float32", layout="NCHW"),
            "takes float32, the input is uint8",
        ),
        (
            lambda m: (m["input"].update(tiles={"size": [64, 64], "overlap": 8}, crop=None), m.update(decision=None)),
            "without OK labels the many good tiles hide the bad one",
        ),
        (lambda m: m["input"].update(tiles={"size": [64, 64], "overlap": 8}), "hides the border of each tile"),
        (lambda m: m["input"].update(tiles={"size": [64, 32], "overlap": 32}), "leaves nothing of tiles of 32 x 64"),
        (lambda m: m.update(executions=[]), "$.executions"),
        (lambda m: m["executions"][0].update(runtime="ONNX Runtime"), "$.executions[0].runtime"),
        (lambda m: m["executions"][0].update(precision="int4"), "$.executions[0].precision"),
        (
            lambda m: m["executions"].append({"artifact": "onnx", "runtime": "openvino", "precision": "int8"}),
            "a quantised artifact is run in int8 only",
        ),
        (lambda m: m["executions"][0]["tolerance"].update(relative=1.5), "$.executions[0].tolerance.relative"),
        (lambda m: m["executions"][0]["evidence"].update(x=None), "$.executions[0].evidence.x"),
        (lambda m: m["executions"].extend(m["executions"] * 64), "$.executions"),
        (lambda m: m["golden"].update(inputs=[]), "$.golden.inputs"),
        (lambda m: m["provenance"].update(created_by="x" * 1025), "$.provenance.created_by"),
        (lambda m: m["provenance"]["metrics"].update(accuracy="97 %"), "$.provenance.metrics.accuracy"),
        (lambda m: m["files"]["golden/inputs/0.png"].pop("sha256"), '$.files["golden/inputs/0.png"]'),
    ],
)
def test_what_could_not_be_acted_on_is_refused(change: Change, path: str) -> None:
    """Each field has its type and range, and the message says which field it is."""
    error = refusal(change)
    assert error.code == "bundle.field"
    assert path in error.message
    assert error.where.startswith("bundle.json")


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(created=None),
        lambda m: m.update(decision=None),
        lambda m: m.update(name="A.b_c-1"),
        lambda m: m["input"].update(mean=[0.5], std=[0.5]),
        lambda m: m["input"].update(color="L", mean=[0.5], std=[0.5]),
        lambda m: m["input"].update(resize={"mode": "none"}, crop=None),
        lambda m: m["input"].update(resize={"mode": "exact", "size": [1, 16384]}),
        lambda m: m["output"].update(kind="probabilities", activation="none"),
        lambda m: m["output"].update(activation="sigmoid"),
        lambda m: (
            m["input"].update(depth=12, range=[0, 4095], color="LLL"),
            m["artifacts"][0].update(dtype="uint16"),
        ),
        lambda m: m["input"].update(depth=16, to_8_bits="floor", color="LLL"),
        lambda m: m["input"].update(roi={"x": 0, "y": 8, "width": 100, "height": 50}),
        lambda m: m["input"].update(tiles={"size": [64, 64], "overlap": 0}, crop=None),
        lambda m: m["input"]["resize"].update(interpolation="area", antialias=False),
        lambda m: m["input"].update(prepare="a.b:c", resize={"mode": "none"}, crop=None),
        lambda m: (m.update(task="segmentation", decision=None), m["output"].update(kind="map")),
        lambda m: (m.update(task="detection", decision={}), m["output"].update(kind="boxes", boxes={"min_score": 0.5})),
        lambda m: m["output"].update(labels=["green", "green", "划痕"]),
        lambda m: m["decision"].update(thresholds={}),
        lambda m: m["decision"]["thresholds"]["划痕"].update(low=0.62),
        lambda m: m["executions"][0].update(runtime="runtime_of_tomorrow"),
        lambda m: m["executions"][0].update(precision="int8"),
        lambda m: m["files"].update(declared_files({"card.md": b"# A card"})),
    ],
)
def test_what_can_be_acted_on_is_taken(change: Change) -> None:
    """The bounds are not narrower than they say."""
    assert isinstance(parse_manifest(text_of(change)), Manifest)


def test_the_place_of_a_fault_is_what_the_caller_calls_it() -> None:
    """The line is added behind it."""
    with pytest.raises(BundleError) as caught:
        parse_manifest(text_of(lambda m: m.update(task="x")), where="a.andon › bundle.json")
    assert caught.value.where == "a.andon › bundle.json, line 4"


def test_the_error_reads_as_the_style_asks() -> None:
    """Code, message with path, place with line, and hint."""
    error = refusal(lambda m: m["decision"]["thresholds"]["划痕"].update(high="0.62"))
    assert str(error) == (
        '[bundle.field] expected float, got str at $.decision.thresholds["划痕"].high\n'
        "  in bundle.json, line 119\n"
        'hint: write 0.62, not "0.62"'
    )


@pytest.mark.parametrize(
    ("change", "is_needed"),
    [
        (lambda m: m, False),
        (lambda m: m["input"].update(prepare="own.code:prepare", resize={"mode": "none"}, crop=None), True),
        (lambda m: m["output"].update(finish="own.code:finish"), True),
        (lambda m: m["artifacts"][0].update(format="torchscript"), True),
        (lambda m: m["artifacts"].append({**m["artifacts"][0], "name": "script", "format": "torchscript"}), False),
    ],
    ids=["declared", "prepare", "finish", "torchscript", "onnx beside torchscript"],
)
def test_trust_is_needed_where_nothing_loads_without_it(change: Change, *, is_needed: bool) -> None:
    """One artifact that runs no code is enough, but not beside code that every execution needs."""
    assert parse_manifest(text_of(change)).needs_trust == is_needed


@pytest.mark.parametrize(
    ("change", "has_places"),
    [
        (lambda m: m, False),
        (lambda m: m.update(task="detection", output={"labels": ["dent"], "kind": "boxes"}, decision=None), True),
        (lambda m: m["input"].update(tiles={"size": [64, 64], "overlap": 8}, crop=None), True),
    ],
)
def test_boxes_maps_and_tiles_have_places(change: Change, *, has_places: bool) -> None:
    """Scores of a whole image have none."""
    assert parse_manifest(text_of(change)).has_places is has_places


def test_a_newer_format_asks_for_a_newer_andon() -> None:
    """It is not judged field by field."""
    error = refusal(lambda m: m.update(format=2, shape="round"))
    assert error.code == "bundle.version"
    assert error.hint == "upgrade andon"


def test_a_manifest_over_the_limit_is_not_parsed() -> None:
    """Not even where it would be valid."""
    text = text_of()
    assert parse_manifest(text + b" " * (MAX_MANIFEST_BYTES - len(text)))
    with pytest.raises(BundleError) as caught:
        parse_manifest(text + b" " * (MAX_MANIFEST_BYTES - len(text) + 1))
    assert caught.value.code == "bundle.limit"


@pytest.mark.parametrize("name", ["a", "a/b", "golden/inputs/0.png", "A_b-c.d", "_x", "a" * 255, "a.b/c..d", "0"])
def test_a_plain_relative_path_is_safe(name: str) -> None:
    """Letters, digits, underscores, hyphens and inner dots, in parts."""
    assert is_safe_member(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/",
        "/a",
        "a/",
        "a//b",
        "a/./b",
        "../a",
        "a/..",
        ".a",
        "a.",
        "-a",
        "a b",
        "a\\b",
        "a:b",
        "é",
        "a\n",
        "a\0",
        "a" * 256,
        "a/" * 200 + "a",
    ],
)
def test_anything_else_is_not_safe(name: str) -> None:
    """Whatever some system could take for another place, or hide."""
    assert not is_safe_member(name)


@pytest.mark.parametrize("plain", [PLAIN, WHOLE])
def test_the_schema_accepts_what_is_written(plain: dict[str, Any]) -> None:
    """Published schema and reader agree on sound manifests."""
    schema = manifest_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(encode_manifest(parse_manifest(text_of(plain=plain)))), schema)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m.update(evil=1),
        lambda m: m["input"].update(evil=1),
        lambda m: m["input"]["resize"].update(evil=1),
        lambda m: m["decision"]["thresholds"]["划痕"].update(evil=1),
        lambda m: m["files"]["golden/inputs/0.png"].update(evil=1),
        lambda m: m.pop("name"),
        lambda m: m.update(format=2),
        lambda m: m.update(name="a b"),
        lambda m: m["input"].update(scale=0),
        lambda m: m["input"].update(mean=0.5),
        lambda m: m["output"].update(labels=["a\nb"]),
        lambda m: m["files"].update(declared_files({"../evil": b""})),
        lambda m: m["artifacts"][0].update(path="/etc/passwd"),
        lambda m: m["golden"].update(inputs=["a\\b"]),
    ],
)
def test_the_schema_refuses_what_the_reader_refuses(change: Change) -> None:
    """Unknown fields at every depth, types, ranges and names of members."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(json.loads(text_of(change)), manifest_schema())
    refusal(change)


def test_the_schema_is_made_anew() -> None:
    """Whoever changes the one he got does not change the next."""
    manifest_schema().clear()
    assert manifest_schema()["title"] == "Andon bundle, format 1"
