"""Tests of packing: a model becomes a bundle that proves itself, or a sentence says why not."""

import datetime as dt
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
import torch
from PIL import Image, ImageOps
from torch import nn

import andon
from andon.build.pack import PackReport, pack
from andon.bundle.archive import read_bundle
from andon.bundle.input_spec import InputSpec
from andon.errors import AndonError, EnvironmentFault, MismatchError, PackError, TrustError
from tests.support.author import INPUT, LABELS, Author, Net, photo, photos
from tests.support.given import exported, graph, traced, write_onnx, write_program, write_script

pytestmark = pytest.mark.slow

ARGUMENTS: dict[str, Any] = {"labels": LABELS, "transform": Author(), "input": INPUT}


def test_a_packed_model_answers_as_the_eager_one(packed: PackReport) -> None:
    """On images that were not packed, raw scores agree to a thousandth and labels all."""
    net, model = Net().eval(), andon.load(packed.path)
    for seed in range(100, 140):
        image = photo(seed, (60 + seed, 230 - seed))
        with torch.no_grad():
            expected = net(Author()(image)[None]).softmax(1)[0].numpy()
        found = model.predict(image)
        assert np.allclose(found.scores, expected, rtol=1e-3, atol=1e-6)
        assert found.label == LABELS[int(expected.argmax())]


def test_the_report_says_what_was_proven(packed: PackReport) -> None:
    """It names the file, the digest, the samples and how near all was."""
    assert packed.digest == read_bundle(packed.path).digest
    assert packed.samples == 4
    assert packed.golden == len(packed.manifest.golden.inputs)
    assert packed.worst["pixels"] < 0.01
    assert packed.worst["raw output"] < 1e-5
    assert packed.notes == ()


def test_an_exact_export_is_held_to_a_narrow_tolerance(packed: PackReport, tmp_path: Path) -> None:
    """A weight that was changed by a thousandth is noticed; an export that is itself further off gets more room."""
    assert packed.manifest.executions[0].tolerance.relative == 1e-4
    rough = pack(_Rough(), samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert rough.manifest.executions[0].tolerance.relative == 1e-3


class _Rough(Net):
    """Answers a little otherwise where it is exported."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) * (1.0002 if torch.compiler.is_exporting() else 1.0)


def test_a_bundle_holds_both_encodings_and_nothing_of_this_machine(packed: PackReport) -> None:
    """PNG and JPEG decoding are proven; no path, user or stack trace is left in the bytes."""
    names = packed.manifest.golden.inputs
    assert any(name.endswith(".png") for name in names)
    assert any(name.endswith(".jpg") for name in names)
    data = packed.path.read_bytes()
    for trace in (b".py", b"stack_trace", str(Path.cwd()).encode(), str(packed.path.parent).encode(), b"torch.onnx"):
        assert trace not in data


def test_two_packings_give_the_same_bytes(packed: PackReport, tmp_path: Path) -> None:
    """Another process, hash seed, folder, umask and number of threads change nothing."""
    code = (
        "import os; os.umask(0o077)\n"
        "from andon import pack\n"
        "from tests.support.author import *\n"
        "pack(Net(), samples=photos(), labels=LABELS, out='parts.andon', transform=Author(), input=INPUT)\n"
    )
    root = Path(__file__).parents[3]
    path = os.pathsep.join((str(root / "src"), str(root)))
    environment = {**os.environ, "PYTHONHASHSEED": "4242", "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "parts.andon").read_bytes() == packed.path.read_bytes()


def test_the_date_is_that_of_source_date_epoch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reproducible builds set it; without it there is none, as two packings would differ."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    report = pack(Net(), samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert report.manifest.created == dt.datetime.fromtimestamp(1700000000, dt.UTC)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(PackError, match="seconds since 1970"):
        pack(Net(), samples=photos(), out=tmp_path / "y.andon", **ARGUMENTS)


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    """Training mode, module by module, and weights survive packing, also where it fails."""
    net = Net().train()
    net.head.eval()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    pack(net, samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    with pytest.raises(MismatchError):
        pack(net, samples=photos(), out=tmp_path / "y.andon", **{**ARGUMENTS, "transform": Author(bgr=True)})
    assert net.training
    assert net.body.training
    assert not net.head.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())


def test_a_mismatch_writes_nothing(tmp_path: Path) -> None:
    """A refused packing leaves no file, and the one that was there untouched."""
    out = tmp_path / "x.andon"
    out.write_bytes(b"before")
    with pytest.raises(MismatchError):
        pack(Net(), samples=photos(), out=out, **{**ARGUMENTS, "transform": Author(moved=(1, 0))})
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


def test_a_bundle_without_a_transform_says_so(tmp_path: Path) -> None:
    """The declaration is believed, and the report warns."""
    report = pack(Net(), samples=photos(), labels=LABELS, out=tmp_path / "x.andon", input=INPUT)
    assert "no transform was given" in report.notes[0]
    assert andon.load(report.path).predict(photo(9)).error is None


def test_a_transform_without_a_declaration_is_found(tmp_path: Path) -> None:
    """The bundle declares what the transform does, and the report says how that was found."""
    arguments = {**ARGUMENTS, "input": None}
    report = pack(Net(), samples=photos(), out=tmp_path / "found.andon", **arguments)
    declared = pack(Net(), samples=photos(), out=tmp_path / "declared.andon", **ARGUMENTS)
    found = report.manifest.input
    assert (found.resize, found.crop) == (declared.manifest.input.resize, declared.manifest.input.crop)
    np.testing.assert_allclose(found.mean, INPUT["mean"], atol=1e-5)
    assert "images" in report.notes[0]


def test_a_model_of_one_channel_packs_with_color_l(tmp_path: Path) -> None:
    """Grey models take one channel, in the graph and in the golden samples."""

    def transform(image: Any) -> torch.Tensor:
        pixels = np.asarray(image.convert("L").resize((48, 48)), np.float32)
        return torch.from_numpy(pixels / 255)[None]

    declared = {"color": "L", "resize": {"mode": "exact", "size": [48, 48], "interpolation": "bicubic"}}
    report = pack(
        Net(channels=1), samples=photos(), labels=LABELS, out=tmp_path / "x.andon", transform=transform, input=declared
    )
    model = andon.load(report.path)
    with torch.no_grad():
        expected = Net(channels=1).eval()(transform(photo(9))[None])[0]
    assert model.predict(photo(9)).label == LABELS[int(expected.argmax())]


def test_grey_samples_are_enlarged_so_that_channels_are_noticed(tmp_path: Path) -> None:
    """Grey images would not see swapped channels, so one in colour joins them, through the author's code."""
    grey = [image.convert("L") for image in photos()]
    report = pack(Net(), samples=grey, out=tmp_path / "x.andon", **ARGUMENTS)
    assert report.golden == 6


@pytest.mark.parametrize(
    ("transform", "samples", "kind"),
    [
        (Author(bgr=True), [image.convert("L") for image in photos()], "channels"),
        (lambda image: Author()(image.convert("L")), [image.convert("L") for image in photos()], "channels"),
        (Author(exact=True), [photo(n, (96, 96)) for n in range(3)], "geometry"),
        (lambda image: Author()(ImageOps.exif_transpose(image)), photos(), "geometry"),
    ],
)
def test_what_the_samples_do_not_show_is_tried_with_made_images(
    transform: Any, samples: Any, kind: str, tmp_path: Path
) -> None:
    """Grey hides the order of channels, square hides the resize, and few photos have an EXIF orientation."""
    with pytest.raises(MismatchError) as caught:
        pack(Net(), samples=samples, out=tmp_path / "x.andon", **{**ARGUMENTS, "transform": transform})
    assert caught.value.code == f"pack.mismatch.{kind}"
    assert "made to try" in caught.value.where


def test_a_grey_camera_packs_with_a_transform_that_has_no_grey_in_it(tmp_path: Path) -> None:
    """Where all images have one channel, nobody converts them; what is made to try is grey, too."""

    def transform(image: Image.Image) -> torch.Tensor:
        assert image.mode == "L"
        pixels = np.asarray(image.resize((48, 48), Image.Resampling.BILINEAR), np.float32)
        return torch.from_numpy(pixels / 255)[None]

    report = pack(
        Net(channels=1),
        samples=[image.convert("L") for image in photos()],
        labels=LABELS,
        out=tmp_path / "x.andon",
        transform=transform,
        input={"color": "L", "resize": {"mode": "exact", "size": [48, 48]}},
    )
    assert report.notes == ()


def test_the_orientation_that_the_transform_applies_is_named(tmp_path: Path) -> None:
    """The hint can be declared, and then it packs."""
    arguments = {**ARGUMENTS, "transform": lambda image: Author()(ImageOps.exif_transpose(image))}
    with pytest.raises(MismatchError) as caught:
        pack(Net(), samples=photos(), out=tmp_path / "x.andon", **arguments)
    assert caught.value.hint == 'declare "orientation": "exif"'
    pack(Net(), samples=photos(), out=tmp_path / "x.andon", **{**arguments, "input": {**INPUT, "orientation": "exif"}})


def test_a_transform_that_takes_only_its_own_images_packs_with_a_note(tmp_path: Path) -> None:
    """A line may have one size of image; what was not compared is told."""

    def transform(image: Image.Image) -> torch.Tensor:
        assert image.size == (96, 96)
        return Author()(image)

    samples = [photo(n, (96, 96)) for n in range(3)]
    report = pack(Net(), samples=samples, out=tmp_path / "x.andon", **{**ARGUMENTS, "transform": transform})
    assert any("your samples only" in note for note in report.notes)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"labels": ["a", "b"]}, "pack.model", "expected (1, 2) for 2 labels"),
        ({"labels": "abcd"}, "pack.argument", "list of names"),
        ({"labels": None}, "pack.argument", "list of names"),
        ({"samples": None}, "pack.samples", "list of paths"),
        ({"samples": [5]}, "pack.samples", "a int"),
        ({"provenance": 5}, "pack.argument", "a mapping"),
        ({"out": None}, "pack.argument", "NoneType"),
        ({"out": "模型.andon"}, "pack.argument", "name="),
        ({"out": "/dev/null"}, "environment.write", "no file"),
        ({"input": {**INPUT, "sise": 1}}, "pack.input", "sise"),
        ({"input": None, "transform": None}, "pack.input", "neither declared nor to be found"),
        ({"input": {"resize": {"mode": "stretch"}}}, "pack.input", "$.resize.mode"),
        ({"input": {"resize": {"mode": "exact", "size": 64}}}, "pack.input", "[height, width]"),
        ({"input": {**INPUT, "mean": [0.5, 0.5]}}, "pack.input", "2 values"),
        ({"input": {**INPUT, "crop": None}}, "pack.mismatch.geometry", "height x width"),
        ({"samples": []}, "pack.samples", "no samples"),
        ({"samples": "one.png"}, "pack.samples", "list of paths"),
        ({"samples": ["/nowhere/x.png"]}, "pack.samples", "No such file"),
        ({"samples": [__file__]}, "pack.samples", "not an image of a format that is taken"),
        ({"decision": {"ok_labels": ["perfect"]}}, "pack.argument", "'perfect'"),
        ({"name": "two words"}, "pack.argument", "$.name"),
        ({"activation": "relu"}, "pack.argument", "relu"),
        ({"provenance": {"who": "me"}}, "pack.argument", "who"),
        ({"transform": lambda image: Author()(image)[None]}, "pack.transform", "(1, 3, 56, 56)"),
        ({"transform": lambda image: Author()(image).permute(1, 2, 0)}, "pack.transform", "(H, W, C)"),
        ({"transform": np.asarray}, "pack.transform", "uint8"),
        ({"transform": lambda image: Author()(image) / 0}, "pack.transform", "not finite"),
        ({"transform": lambda image: image.no_such_method()}, "pack.transform", "no_such_method"),
    ],
)
def test_a_wrong_argument_is_refused_before_the_export(
    change: dict[str, Any], code: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names what is wrong; the slow export is not even begun."""

    def no_export(*_: object, **__: object) -> bytes:
        pytest.fail("the export was begun")

    monkeypatch.setattr("andon.build.pack.make_candidates", no_export)
    arguments = {"samples": photos(), "out": tmp_path / "x.andon", **ARGUMENTS, **change}
    with pytest.raises(AndonError) as caught:
        pack(Net(), **arguments)
    assert caught.value.code == code
    assert words in str(caught.value)


def test_a_folder_that_does_not_exist_is_noticed_at_once(tmp_path: Path) -> None:
    """Nobody waits for an export that cannot be written."""
    with pytest.raises(EnvironmentFault) as caught:
        pack(Net(), samples=photos(), out=tmp_path / "no" / "x.andon", **ARGUMENTS)
    assert caught.value.code == "environment.write"


class _Wrong(Net):
    """A network that does something to its scores."""

    def __init__(self, change: Any) -> None:
        super().__init__()
        self.change = change

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.change(super().forward(x))


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda scores: scores.softmax(1), "pack.model", "already ends in a softmax"),
        (lambda scores: scores * 0 + torch.tensor([1.0, 2, 3, 4]), "pack.golden", "the same raw outputs"),
        (lambda scores: scores / 0, "pack.model", "not finite"),
        (lambda scores: (scores, scores), "pack.model", "a tuple"),
        (lambda scores: scores[..., None], "pack.model", "(1, 4, 1)"),
        (lambda scores: scores + torch.rand_like(scores), "pack.mismatch.output", "stage raw output"),
        (lambda scores: scores if scores.sum() > 0 else -scores, "pack.export", "test_pack.py, line"),
        (torch.special.i0, "pack.export", "bessel_i0"),
    ],
)
def test_a_model_that_cannot_be_packed_says_why(change: Any, code: str, words: str, tmp_path: Path) -> None:
    """Wrong answers, batches that mix and operators without ONNX form are told apart, with the author's line."""
    with pytest.raises(PackError) as caught:
        pack(_Wrong(change), samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


GIVEN: dict[str, Any] = {
    "exported program": (lambda folder: write_program(exported(), folder / "net.pt2"), ["onnx", "pt2"]),
    "traced": (lambda folder: write_script(traced(), folder / "net.pt"), ["onnx", "torchscript"]),
    "onnx": (lambda folder: write_onnx(of_net(), folder / "net.onnx"), ["onnx"]),
    "module": (lambda _: Net(), ["onnx"]),
}


@pytest.mark.parametrize("given", GIVEN)
def test_every_source_becomes_a_bundle_that_answers_as_the_network(given: str, tmp_path: Path) -> None:
    """In every runtime that is listed; the file is read, and left as it was."""
    make, forms = GIVEN[given]
    model = make(tmp_path)
    before = model.read_bytes() if isinstance(model, Path) else b""
    report = pack(model, samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert [artifact.format for artifact in report.manifest.artifacts] == forms
    assert report.notes == ()
    net, images = Net().eval(), [photo(seed, (60 + seed, 230 - seed)) for seed in range(100, 106)]
    with torch.no_grad():
        expected = [net(Author()(image)[None]).softmax(1)[0].numpy() for image in images]
    for execution in report.manifest.executions:
        loaded = andon.load(report.path, runtime=execution.runtime, trust=True)
        for image, scores in zip(images, expected, strict=True):
            assert np.allclose(loaded.predict(image).scores, scores, rtol=1e-3, atol=1e-5), execution.runtime
    assert before == (model.read_bytes() if isinstance(model, Path) else b"")


def of_net() -> onnx.ModelProto:
    """Export the small network as an author does, without anything of ours."""
    free = ({0: torch.export.Dim("batch", min=1)},)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Net().eval(), (torch.zeros(2, 3, 56, 56),), dynamo=True, dynamic_shapes=free, verbose=False
        )
    assert program is not None
    return program.model_proto


def test_every_form_of_a_network_is_packed_where_it_is_asked_for(tmp_path: Path) -> None:
    """In the order of preference, each proven; those that can run code load only with trust."""
    forms: Any = ["eager", "torchscript", "pt2", "onnx"]
    out = tmp_path / "x.andon"
    factory = "tests.support.author:Net"
    report = pack(Net(), samples=photos(), out=out, artifacts=forms, factory=factory, **ARGUMENTS)
    found = [(execution.artifact, execution.runtime) for execution in report.manifest.executions]
    assert found[:3] == [("eager", "torch"), ("torchscript", "torch"), ("pt2", "torch")]
    assert report.manifest.artifact("eager").factory == factory
    assert andon.load(out, trust=True).execution.artifact == "eager"
    assert andon.load(out).execution.artifact == "onnx"


def test_a_model_without_an_onnx_form_is_packed_as_torch_runs_it(tmp_path: Path) -> None:
    """Asked for, it loads with trust only, and the report says so."""
    out = tmp_path / "x.andon"
    report = pack(_Wrong(torch.special.i0), samples=photos(), out=out, artifacts=["pt2"], **ARGUMENTS)
    assert any("--trust" in note for note in report.notes)
    with pytest.raises(TrustError):
        andon.load(out)
    assert andon.load(out, trust=True).predict(photo(3)).label in LABELS


def test_a_model_for_one_image_is_packed_with_a_note(tmp_path: Path) -> None:
    """Several images are run one by one, each with its own answer."""
    one = _Wrong(lambda scores: scores.view(1, 4))
    report = pack(one, samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert not report.manifest.artifacts[0].dynamic_batch
    assert any("one by one" in note for note in report.notes)
    with torch.no_grad():
        expected = [LABELS[int(Net().eval()(Author()(image)[None]).argmax())] for image in photos()]
    assert [found.label for found in andon.load(report.path).predict_many(photos())] == expected


def test_a_model_that_normalises_itself_is_declared_without_scale(tmp_path: Path) -> None:
    """Its transform returns levels; another size than its own is refused before anything is run."""
    path = write_onnx(graph(inside=True), tmp_path / "net.onnx")

    def levels(image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.array(image.convert("RGB").resize((8, 8)), np.float32).transpose(2, 0, 1).copy())

    declared = {"resize": {"mode": "exact", "size": [8, 8], "interpolation": "bicubic"}, "scale": 1}
    arguments = {**ARGUMENTS, "samples": photos(), "out": tmp_path / "x.andon", "transform": levels}
    report = pack(path, **{**arguments, "input": declared})
    assert report.worst["raw output"] < 1e-6
    assert andon.load(report.path).predict(photo(3)).label in LABELS
    with pytest.raises(PackError, match=r"\(3, 8, 8\)"):
        pack(path, **{**ARGUMENTS, "samples": photos(), "out": tmp_path / "y.andon"})


def test_an_onnx_file_is_packed_without_torch(tmp_path: Path) -> None:
    """Neither the author nor his machine needs it."""
    write_onnx(graph(), tmp_path / "net.onnx")
    for number, image in enumerate(photos()):
        image.save(tmp_path / f"{number}.png")
    code = (
        "import sys\nfrom pathlib import Path\nsys.modules['torch'] = None\n"
        "import andon\n"
        "report = andon.pack('net.onnx', samples=sorted(Path().glob('*.png')), labels=list('abcd'), out='x.andon',"
        " input={'resize': {'mode': 'exact', 'size': [8, 8]}})\n"
        "print(report.manifest.provenance.created_by)\n"
    )
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTHONPATH": str(root / "src")}
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True, capture_output=True, text=True
    )
    assert ", onnx " in ran.stdout


def test_a_preparation_that_is_not_declared_is_found(tmp_path: Path) -> None:
    """Of the transform, and the report says how."""
    report = pack(Net(), samples=photos(), out=tmp_path / "x.andon", **{**ARGUMENTS, "input": None})
    assert report.manifest.input == msgspec.convert(INPUT, InputSpec)
    assert "found" in report.notes[0]


@pytest.mark.parametrize("wrap", [lambda scores: {"logits": scores}, lambda scores: (scores,)])
def test_logits_are_found_in_what_models_return(wrap: Any, tmp_path: Path) -> None:
    """A mapping with `logits` and a tuple of one are as good as a tensor."""
    report = pack(_Wrong(wrap), samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert andon.load(report.path).predict(photo(3)).label in LABELS


def test_half_precision_and_training_mode_are_no_obstacle(tmp_path: Path) -> None:
    """A model of half precision is packed as float32, from a copy."""
    net = nn.Sequential(Net(), nn.Dropout(0.5)).half().train()
    report = pack(net, samples=photos(), out=tmp_path / "x.andon", **ARGUMENTS)
    assert report.worst["raw output"] < 1e-3
    assert next(net.parameters()).dtype == torch.float16


def test_progress_is_told_step_by_step(tmp_path: Path) -> None:
    """A caller can draw a bar: the total is known from the start and never passed."""
    steps: list[tuple[int, int, str]] = []
    pack(Net(), samples=photos(), out=tmp_path / "x.andon", progress=lambda *step: steps.append(step), **ARGUMENTS)
    assert [done for done, _, _ in steps] == list(range(len(steps)))
    assert {total for _, total, _ in steps} == {len(steps)}
