"""The author's own code around a network: packed, recorded, proven, and run only where it is trusted."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import andon
from andon.build.pack import PackReport, pack
from andon.errors import MismatchError, PackError, ProofError, TrustError
from tests.support import own_code
from tests.support.author import INPUT, LABELS, MEAN, STD, Author, Net, photo, photos
from tests.support.given import exported, traced, write_program, write_script

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")]
OWN = "tests.support.own_code"
PIXELS = {"mean": MEAN, "std": STD}


def packed(out: Path, **arguments: Any) -> PackReport:
    """Pack the small network with own code around it."""
    model = arguments.pop("model", None) or Net()
    return pack(model, samples=arguments.pop("samples", None) or photos(), labels=LABELS, out=out, **arguments)


def expected(image: Image.Image) -> np.ndarray:
    """Answer as the notebook does: own code, network, own code."""
    with torch.no_grad():
        raw_output = Net().eval()(torch.from_numpy(own_code.floats(image))[None])[0]
    return own_code.tempered(raw_output.numpy())


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "torch"])
def test_the_whole_way_is_that_of_the_notebook(runtime: str, tmp_path: Path) -> None:
    """A preparation in floats that no declaration has, and scores at a temperature; the same in every runtime."""
    out = tmp_path / "own.andon"
    report = packed(out, prepare=f"{OWN}:floats", finish=f"{OWN}:tempered", artifacts=["onnx", "pt2", "torchscript"])
    assert {(artifact.dtype, artifact.layout) for artifact in report.manifest.artifacts} == {("float32", "NCHW")}
    assert report.manifest.own_code == (f"{OWN}:floats", f"{OWN}:tempered")
    model = andon.load(out, runtime=runtime, trust=True)
    for seed in range(50, 54):
        image = photo(seed, (60 + seed, 230 - seed))
        np.testing.assert_allclose(model.predict(image).scores, expected(image), rtol=1e-3, atol=1e-5)
    for prediction, seed in zip(model.predict_many(photo(seed) for seed in range(9)), range(9), strict=True):
        np.testing.assert_allclose(prediction.scores, expected(photo(seed)), rtol=1e-3, atol=1e-5)


def test_pixels_are_normalised_in_the_graph(tmp_path: Path) -> None:
    """As declared beside the code; the graph takes uint8, as it does without own code."""
    report = packed(tmp_path / "own.andon", prepare=f"{OWN}:pixels", input=PIXELS, transform=own_code.floats)
    assert report.manifest.artifacts[0].dtype == "uint8"
    assert report.worst["pixels"] <= 1
    scores = andon.load(report.path, trust=True).predict(photo(60)).scores
    with torch.no_grad():
        raw_output = Net().eval()(torch.from_numpy(own_code.floats(photo(60)))[None])[0]
    np.testing.assert_allclose(scores, raw_output.softmax(0), atol=0.01)


@pytest.mark.parametrize(
    ("make", "forms"),
    [
        (lambda folder: write_program(exported(), folder / "net.pt2"), {"onnx", "pt2"}),
        (lambda folder: write_script(traced(), folder / "net.pt"), {"onnx", "torchscript"}),
    ],
)
def test_models_that_are_files_take_own_code_too(make: Any, forms: set[str], tmp_path: Path) -> None:
    """With the code in front of each of their artifacts."""
    model = make(tmp_path)
    report = packed(tmp_path / "own.andon", model=model, prepare=f"{OWN}:floats", finish=f"{OWN}:tempered")
    assert {artifact.format for artifact in report.manifest.artifacts} == forms
    for runtime in {execution.runtime for execution in report.manifest.executions}:
        found = andon.load(report.path, runtime=runtime, trust=True).predict(photo(61)).scores
        np.testing.assert_allclose(found, expected(photo(61)), rtol=1e-3, atol=1e-5)


def test_an_onnx_file_of_float16_with_channels_last_takes_own_code(tmp_path: Path) -> None:
    """What the code gives is brought to the type and the order of axes that the graph has."""
    import onnx

    axes = onnx.helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2])
    pooled = onnx.helper.make_node("GlobalAveragePool", ["planes"], ["means"])
    flat = onnx.helper.make_node("Flatten", ["means"], ["scores"])
    half = onnx.TensorProto.FLOAT16
    graph = onnx.helper.make_graph(
        [axes, pooled, flat],
        "means",
        [onnx.helper.make_tensor_value_info("images", half, ["n", 56, 56, 3])],
        [onnx.helper.make_tensor_value_info("scores", half, ["n", 3])],
    )
    path = tmp_path / "means.onnx"
    onnx.save(onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8), path)
    own = {"prepare": f"{OWN}:floats", "finish": f"{OWN}:tempered"}
    report = pack(path, samples=photos(), labels=["r", "g", "b"], out=tmp_path / "own.andon", **own)
    means = own_code.floats(photo(62)).mean(axis=(1, 2))
    scores = andon.load(report.path, trust=True).predict(photo(62)).scores
    np.testing.assert_allclose(scores, own_code.tempered(means), atol=2e-3)


def test_a_bundle_with_own_code_needs_trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says so; without it the code is not even imported."""
    report = packed(tmp_path / "own.andon", prepare=f"{OWN}:floats", transform=own_code.floats)
    assert any(f"--trust: it runs {OWN}:floats" in note for note in report.notes)
    monkeypatch.delitem(sys.modules, OWN)
    with pytest.raises(TrustError):
        andon.load(report.path)
    assert OWN not in sys.modules


@pytest.mark.parametrize(("what", "stage"), [("prepare", "model input"), ("finish", "finished")])
def test_other_code_under_the_same_name_does_not_hold_its_proof(
    what: str, stage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version of the package is noticed before it answers anything."""
    report = packed(tmp_path / "own.andon", prepare=f"{OWN}:floats", finish=f"{OWN}:tempered")
    changed = Author() if what == "prepare" else own_code.backwards
    monkeypatch.setattr(own_code, "floats" if what == "prepare" else "tempered", changed)
    with pytest.raises(ProofError, match=f"stage {stage}") as caught:
        andon.load(report.path, trust=True)
    assert f"is not installed in the version that the bundle was packed with: andon {andon.__version__}" in (
        caught.value.hint
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ({"prepare": f"{OWN}:turning"}, "pack.mismatch.prepare", "orientation"),
        ({"prepare": f"{OWN}:floats", "transform": Author()}, "pack.mismatch.prepare", "grey levels apart"),
        ({"prepare": f"{OWN}:random"}, "pack.mismatch.random", "differently each time"),
        ({"prepare": f"{OWN}:grey_only"}, "pack.prepare", "mode RGB"),
        ({"prepare": f"{OWN}:flat"}, "pack.prepare", "9408"),
        ({"prepare": f"{OWN}:floats", "finish": f"{OWN}:short"}, "pack.finish", "(3,), expected (4,)"),
        ({"finish": f"{OWN}:raw", "input": INPUT}, "pack.finish", "expected 0 to 1"),
        ({"prepare": f"{OWN}:floats", "input": {**INPUT}}, "pack.input", "prepare takes the place of resize"),
        ({"prepare": f"{OWN}:floats", "input": PIXELS}, "pack.input", "leave out scale, mean and std"),
        ({"prepare": f"{OWN}:floats", "input": {"prepare": "a:b"}}, "pack.argument", "declared twice"),
        ({"prepare": "not a name"}, "pack.argument", "prepare"),
        ({"prepare": f"{OWN}:floats", "finish": own_code.tempered}, "pack.argument", f'finish="{OWN}:tempered"'),
        ({"prepare": f"{OWN}:floats", "factory": Net, "artifacts": ["eager"]}, "pack.argument", "factory="),
    ],
)
def test_own_code_that_is_not_right_is_refused(
    arguments: dict[str, Any], code: str, words: str, tmp_path: Path
) -> None:
    """With the reason, and nothing is written."""
    with pytest.raises((PackError, MismatchError)) as caught:
        packed(tmp_path / "own.andon", **arguments)
    assert caught.value.code == code
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


class Grid(torch.nn.Module):
    """Takes RGB images of 64 x 64, 0-1, gives how red and how blue each cell of 8 x 8 is: (N, 2, 8, 8), logits."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Compare the colours of each cell."""
        cells = torch.nn.functional.avg_pool2d(image, 8)
        reddish = cells[:, :1] - cells[:, 1:].mean(1, keepdim=True)
        return torch.cat([reddish, cells[:, 2:] - cells[:, :2].mean(1, keepdim=True)], 1) * 30 - 10


def spotted(seed: int, *, at: tuple[int, int], size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Make a grey image with a red square of 40 x 40 pixels."""
    levels = np.random.default_rng(seed).integers(60, 120, (size[1], size[0], 1), np.uint8).repeat(3, 2)
    levels[0, 0], levels[0, 1] = 0, 255
    image = Image.fromarray(levels)
    image.paste((250, 10, 10), (*at, at[0] + 40, at[1] + 40))
    return image


@pytest.mark.parametrize(
    ("task", "finish", "tiles"),
    [
        ("segmentation", "squashed", None),
        ("detection", "in_rows", None),
        ("segmentation", "squashed", {"size": [240, 320], "overlap": 48}),
        ("detection", "in_rows", {"size": [240, 320], "overlap": 48}),
    ],
)
def test_own_code_around_a_model_that_finds_places(
    task: Any, finish: str, tiles: dict[str, Any] | None, tmp_path: Path
) -> None:
    """Boxes and maps of its making come back in the pixels of the image, and over tiles."""
    report = pack(
        Grid(),
        samples=[spotted(seed, at=(40 + 30 * seed, 60)) for seed in range(5)],
        labels=["red", "blue"],
        out=tmp_path / "own.andon",
        task=task,
        prepare=f"{OWN}:stretched",
        finish=f"{OWN}:{finish}",
        input=None if tiles is None else {"tiles": tiles},
    )
    size = (320, 240) if tiles is None else (900, 600)
    prediction = andon.load(report.path, trust=True).predict(spotted(9, at=(200, 120), size=size))
    assert (prediction.error, prediction.label) == (None, "red")
    best = prediction.boxes[0]
    assert 200 <= best.x + best.width / 2 <= 240
    assert 120 <= best.y + best.height / 2 <= 160


def test_own_code_that_moves_places_is_refused_where_they_matter(tmp_path: Path) -> None:
    """A crop of its own would put boxes beside what they are of."""
    with pytest.raises(PackError, match="wrong places") as caught:
        packed(tmp_path / "own.andon", model=CellBoxes(), task="detection", prepare=f"{OWN}:floats")
    assert caught.value.code == "pack.prepare"
    assert list(tmp_path.iterdir()) == []


class CellBoxes(torch.nn.Module):
    """Takes images of 56 x 56, gives one box of all of them, with four logits: (N, 1, 8)."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Score by the means of the channels."""
        means = image.mean((2, 3))
        corners = torch.tensor([[0.0, 0.0, 56.0, 56.0]]).expand(image.shape[0], -1)
        return torch.cat([corners, means, means[:, :1]], 1).unsqueeze(1)


def test_own_code_gets_the_declared_region(tmp_path: Path) -> None:
    """And not the whole image, in a notebook as in a service."""
    roi = {"x": 10, "y": 5, "width": 90, "height": 80}
    own = {"prepare": f"{OWN}:floats", "finish": f"{OWN}:tempered"}
    report = packed(tmp_path / "own.andon", samples=[photo(seed) for seed in range(4)], input={"roi": roi}, **own)
    image = photo(66)
    scores = andon.load(report.path, trust=True).predict(image).scores
    np.testing.assert_allclose(scores, expected(image.crop((10, 5, 100, 85))), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "declared",
    [
        {"prepare": f"{OWN}:floats", "finish": f"{OWN}:tempered"},
        {"input": {"prepare": f"{OWN}:floats"}, "output": {"finish": f"{OWN}:tempered"}},
    ],
)
def test_it_does_not_matter_where_own_code_is_declared(
    declared: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same bundle, and the same said of it; the package that holds the code is recorded in its version."""
    metadata = tmp_path / "site" / "own_steps-1.4.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: own-steps\nVersion: 1.4\n")
    (metadata / "top_level.txt").write_text("tests\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    report = packed(tmp_path / "own.andon", **declared)
    (trust,) = report.notes
    assert f"--trust: it runs {OWN}:floats and {OWN}:tempered" in trust
    assert report.manifest.provenance.created_by.endswith(", own-steps 1.4")
    assert report.manifest.input.prepare == f"{OWN}:floats"


def test_own_scores_of_a_network_that_a_factory_builds(tmp_path: Path) -> None:
    """Own code before, behind and within: all of it is held to the golden samples."""
    factory = "tests.support.author:Net"
    report = packed(tmp_path / "own.andon", finish=f"{OWN}:tempered", input=INPUT, artifacts=["eager"], factory=factory)
    scores = andon.load(report.path, trust=True).predict(photo(64)).scores
    with torch.no_grad():
        raw_output = Net().eval()(Author()(photo(64))[None])[0].numpy()
    np.testing.assert_allclose(scores, own_code.tempered(raw_output), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (lambda _: sys.exit(3), "SystemExit: 3"),
        (lambda _: 1 / 0, "ZeroDivisionError"),
        (lambda _: np.full((3, 56, 56), np.nan), "not finite"),
        (lambda _: np.zeros((3, 55, 56)), "(3, 55, 56)"),
        (lambda _: "pixels", "own_code:floats returns"),
    ],
)
def test_an_image_on_which_own_code_fails_errs_alone(
    code: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others of its batch are answered, and the service goes on."""
    plain = own_code.floats
    report = packed(tmp_path / "own.andon", prepare=f"{OWN}:floats")
    monkeypatch.setattr(
        own_code, "floats", lambda image: code(image) if image.getpixel((0, 0)) == (1, 2, 3) else plain(image)
    )
    bad = photo(65)
    bad.putpixel((0, 0), (1, 2, 3))
    answers = list(andon.load(report.path, trust=True).predict_many([photo(1), bad, photo(2)]))
    assert [answer.error is None for answer in answers] == [True, False, True]
    assert words in answers[1].error.message
    assert answers[1].label is None


def test_own_code_prepares_the_tiles_of_a_large_image(tmp_path: Path) -> None:
    """It gets one tile after the other, and a bad one decides."""
    tiles = {"tiles": {"size": [97, 131], "overlap": 16}}
    decision = {"ok_labels": ["ok"]}
    report = packed(tmp_path / "own.andon", prepare=f"{OWN}:floats", input=tiles, decision=decision)
    prediction = andon.load(report.path, trust=True).predict(photo(63, (400, 300)))
    assert prediction.error is None
    assert prediction.boxes


def write_folders(folder: Path, *, right: int) -> list[Path]:
    """Write photos to folders called as labels, so that the network is right for the first of them."""
    net, paths = Net().eval(), []
    for number in range(10):
        with torch.no_grad():
            best = int(net(Author()(photo(number))[None]).argmax())
        label = LABELS[best if number < right else (best + 1) % len(LABELS)]
        path = folder / label / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        photo(number).save(path)
        paths.append(path)
    return paths


def test_the_accuracy_on_labelled_samples_is_reported(tmp_path: Path) -> None:
    """It is the only guard of a declaration alone."""
    samples = write_folders(tmp_path, right=9)
    report = packed(tmp_path / "parts.andon", samples=samples, input=INPUT)
    assert report.accuracy is not None
    assert (report.accuracy.count, report.accuracy.total) == (9, 10)
    (note,) = report.notes
    assert note.startswith("no transform was given, so only the accuracy, 90.0% (59.6% to 98.2%), 9 of 10, tells")


def test_a_declaration_that_nothing_guards_is_told_of(tmp_path: Path) -> None:
    """And how it could be guarded."""
    report = packed(tmp_path / "parts.andon", input=INPUT)
    (note,) = report.notes
    assert (report.accuracy, "samples in folders called as their labels" in note) == (None, True)


def test_a_declaration_of_which_nothing_comes_right_is_doubted(tmp_path: Path) -> None:
    """Loudly, as the only thing that can be said of it."""
    report = packed(tmp_path / "parts.andon", samples=write_folders(tmp_path, right=1), input=INPUT)
    assert "right for 1 of 10 labelled samples" in report.notes[0]
