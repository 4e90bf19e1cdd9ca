"""A loaded model predicts images of every kind in order; a bad one errs alone."""

import io
import itertools
import math
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from andon.bundle.manifest import Manifest
from andon.errors import RuntimeFault, UsageError
from andon.model.load import load
from andon.model.model import Model, Opened
from andon.model.steps import Steps
from andon.predictions import Verdict
from andon.runtimes.base import Session
from andon.settings.limits import Limits
from tests.support.bundles import LABELS, SIZE, colour_image, encode

RED, GREEN, BLUE = (200, 40, 40), (40, 180, 60), (50, 60, 190)
COLOURS = {"red": RED, "green": GREEN, "blue": BLUE}


@pytest.fixture(scope="module")
def model(colours: Path) -> Model:
    """The classifier of colours, with two compute threads."""
    return load(colours, threads=2)


def picture(label: str, seed: int = 0, size: tuple[int, int] = (60, 50)) -> bytes:
    """Make an image of a colour, as PNG."""
    return encode(colour_image(COLOURS[label], size, seed=seed))


def answers(predictions: Any) -> list[str | None]:
    """Give labels, and codes of errors in their place."""
    return [p.error.code if p.error else p.label for p in predictions]


class FakeSession:
    """Answers what a test wants."""

    def __init__(self, answer: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int, int] | None = None) -> None:
        self._answer = answer
        self.input_shape = shape
        self.batches: list[int] = []

    def run(self, batch: np.ndarray) -> np.ndarray:
        """Note the size of the batch and answer it."""
        self.batches.append(len(batch))
        return self._answer(batch)


def with_session(model: Model, session: Session, *, threads: int = 2, **fields: Any) -> Model:
    """Copy a model with another session and other fields of its manifest."""
    plain = msgspec.to_builtins(model.manifest)
    manifest = msgspec.convert({**plain, **fields}, Manifest)
    opened = Opened(
        execution=model.execution, session=session, steps=Steps(manifest.input, manifest.output), proof=None
    )
    return Model(manifest, model.digest, opened, threads=threads)


def load_with(model: Model, limits: Limits) -> Model:
    """Copy a model with limits of its own."""
    copy = with_session(model, FakeSession(lambda batch: batch))
    copy.limits = limits
    return copy


class TestPredict:
    """One image."""

    @pytest.mark.parametrize("label", COLOURS)
    def test_a_prediction_has_everything(self, model: Model, label: str) -> None:
        """Label, its position, its score among the scores, and the time of each step."""
        prediction = model.predict(picture(label))
        assert prediction.label == label
        assert prediction.index == LABELS.index(label)
        assert prediction.score == prediction.scores[prediction.index] == max(prediction.scores)
        assert sum(prediction.scores) == pytest.approx(1, abs=1e-6)
        assert prediction.error is None
        assert prediction.verdict is Verdict.Undefined
        assert prediction.reasons == ()
        assert list(prediction.timings_ms) == ["decode", "prepare", "infer", "finish"]
        assert all(took > 0 for took in prediction.timings_ms.values())

    def test_every_form_of_an_image_gives_the_same_answer(self, model: Model, tmp_path: Path) -> None:
        """A path, its text, bytes, an array and Pillow images, open or loaded."""
        data = picture("green")
        path = tmp_path / "part.png"
        path.write_bytes(data)
        opened, loaded = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(data))
        loaded.load()
        sources = [path, str(path), data, bytearray(data), memoryview(data), np.asarray(loaded), opened, loaded]
        wanted = model.predict(data).scores
        assert [model.predict(source).scores for source in sources] == [wanted] * len(sources)
        many = [p.scores for p in model.predict_many(sources)]
        assert many == [pytest.approx(wanted, abs=1e-4)] * len(sources)
        assert len(set(many)) == 1

    def test_a_grey_array_is_spread_over_the_channels(self, model: Model) -> None:
        """(H, W) answers as (H, W, 3) of three equal channels."""
        grey = np.asarray(colour_image(RED).convert("L"))
        assert model.predict(grey).scores == model.predict(np.stack([grey] * 3, axis=2)).scores

    @pytest.mark.parametrize(
        ("source", "code"),
        [
            (b"", "image.format"),
            (b"no image", "image.format"),
            (picture("red")[:-20], "image.truncated"),
            ("no/such/file.png", "image.missing"),
            (np.zeros((5, 5, 3), np.float32), "image.depth"),
            (np.zeros((5, 5, 4), np.uint8), "image.shape"),
            (encode(Image.new("L", (1, 5000))), "image.shape"),
            (None, "image.shape"),
        ],
        ids=["nothing", "text", "cut", "absent", "float", "alpha", "thread", "None"],
    )
    def test_a_bad_image_is_an_answer(self, model: Model, source: Any, code: str) -> None:
        """It does not raise: no label, no scores, `NotDecidable`, and why."""
        prediction = model.predict(source)
        assert prediction.error is not None
        assert prediction.error.code == code
        assert (prediction.label, prediction.index, prediction.score, prediction.scores) == (None, None, None, ())
        assert prediction.verdict is Verdict.NotDecidable
        assert prediction.reasons == (prediction.error.message,)

    def test_limits_are_the_models_own(self, colours: Path) -> None:
        """Other limits take effect from the next image on."""
        model = load(colours, threads=1)
        model.limits = Limits(max_image_pixels=60 * 50 - 1)
        assert answers([model.predict(picture("red"))]) == ["image.pixels"]
        model.limits = Limits(max_image_pixels=60 * 50)
        assert answers([model.predict(picture("red"))]) == ["red"]

    def test_many_threads_may_use_one_model(self, model: Model) -> None:
        """Answers in eight threads are those in one, also for one open image that all of them share."""
        images = [picture(label, seed) for seed in range(20) for label in COLOURS]
        wanted = [model.predict(image).scores for image in images]
        shared = Image.open(io.BytesIO(images[0]))
        with ThreadPoolExecutor(8) as pool:
            assert [p.scores for p in pool.map(model.predict, images)] == wanted
            assert [p.scores for p in pool.map(model.predict, [shared] * 16)] == [wanted[0]] * 16


class TestHalves:
    """`predict` in two halves, as a worker does it: several images are prepared, and then run together."""

    def test_both_halves_make_what_the_whole_does(self, model: Model) -> None:
        """In their order, with the time of each step."""
        images = [picture(label) for label in ("blue", "red", "green")]
        prepared = [model.prepare(image) for image in images]
        assert [half.error for half in prepared] == [None] * 3
        assert [list(half.timings_ms) for half in prepared] == [["decode", "prepare"]] * 3
        found = model.predict_prepared(prepared)
        assert answers(found) == ["blue", "red", "green"]
        for prediction, image in zip(found, images, strict=True):
            assert prediction.scores == pytest.approx(model.predict(image).scores, abs=1e-4)
            assert list(prediction.timings_ms) == ["decode", "prepare", "infer", "finish"]
            assert prediction.device == "cpu"

    def test_a_bad_image_is_known_before_it_is_run(self, model: Model) -> None:
        """It is not run, and answered among the others in its place."""
        prepared = [model.prepare(image) for image in (picture("red"), b"no image", picture("blue"))]
        assert [half.error and half.error.code for half in prepared] == [None, "image.format", None]
        session = FakeSession(lambda batch: batch.mean(axis=(1, 2), dtype=np.float32))
        found = with_session(model, session).predict_prepared(prepared)
        assert answers(found) == ["red", "image.format", "blue"]
        assert list(found[1].timings_ms) == ["decode"]
        assert session.batches == [2]

    def test_of_nothing_comes_nothing(self, model: Model) -> None:
        """The graph is not asked; nor is it where no image is sound."""
        session = FakeSession(lambda batch: batch)
        asked = with_session(model, session)
        assert asked.predict_prepared([]) == []
        assert answers(asked.predict_prepared([asked.prepare(b"")] * 2)) == ["image.format"] * 2
        assert session.batches == []

    def test_limits_may_be_given_for_one_image(self, model: Model) -> None:
        """In place of the model's own, which stay as they are."""
        limits = Limits(max_image_pixels=60 * 50 - 1)
        error = model.prepare(picture("red"), limits).error
        assert error is not None
        assert error.code == "image.pixels"
        assert model.prepare(picture("red")).error is None
        strict = load_with(model, limits)
        assert strict.prepare(picture("red")).error is not None
        assert strict.prepare(picture("red"), Limits()).error is None

    def test_a_golden_sample_is_prepared_without_its_region(self, model: Model) -> None:
        """It is one tile that was cut out of it; any other image has to hold the region, or is refused."""
        session = FakeSession(lambda batch: batch.mean(axis=(1, 2), dtype=np.float32))
        plain = msgspec.to_builtins(model.manifest.input)
        region = {
            "roi": {"x": 20, "y": 20, "width": 2 * SIZE, "height": SIZE},
            "tiles": {"size": [SIZE, SIZE], "overlap": 0},
            "resize": {"mode": "none"},
            "crop": None,
        }
        cut = with_session(model, session, input={**plain, **region}, decision={"ok_labels": ["red"]})
        encoded = picture("green", size=(SIZE, SIZE))
        assert answers(cut.predict_prepared([cut.prepare_sample(encoded)])) == ["green"]
        assert answers([cut.predict_sample(encoded)]) == ["green"]
        assert answers([cut.predict(encoded)]) == ["image.shape"]
        assert answers(cut.predict_prepared([cut.prepare_sample(b"no image")])) == ["image.format"]


class TestPredictMany:
    """Many images."""

    @pytest.mark.parametrize("threads", [1, 2])
    @pytest.mark.parametrize("batch_size", [1, 2, 5, 8, 100])
    def test_answers_come_in_order_and_are_those_of_single_images(
        self, colours: Path, threads: int, batch_size: int
    ) -> None:
        """For any size of batch, a last one that is not full included."""
        model = load(colours, threads=threads)
        images = [picture(label, seed, (60 + seed, 50)) for seed in range(4) for label in COLOURS]
        found = list(model.predict_many(images, batch_size=batch_size))
        assert answers(found) == ["red", "green", "blue"] * 4
        for prediction, image in zip(found, images, strict=True):
            assert prediction.scores == pytest.approx(model.predict(image).scores, abs=1e-4)

    @pytest.mark.parametrize("place", range(7))
    def test_a_bad_image_touches_no_other(self, model: Model, place: int) -> None:
        """Wherever it stands in its batch, the others are answered as if it were not there."""
        images: list[Any] = [picture(label) for label in ("red", "green", "blue", "red", "green", "blue")]
        images.insert(place, b"no image")
        wanted: list[str | None] = ["red", "green", "blue", "red", "green", "blue"]
        wanted.insert(place, "image.format")
        assert answers(model.predict_many(images, batch_size=3)) == wanted

    def test_only_bad_images_and_none_at_all(self, model: Model) -> None:
        """A batch without a good image is not run; no image gives no answer."""
        assert answers(model.predict_many([b"a", b"b", b"c"], batch_size=2)) == ["image.format"] * 3
        assert list(model.predict_many([])) == []

    def test_images_are_read_one_batch_ahead_at_most(self, model: Model) -> None:
        """Of an endless source not more is read than was answered, is being answered, and one batch."""
        read = 0

        def endless() -> Iterator[bytes]:
            nonlocal read
            while True:
                read += 1
                yield picture("red")

        predictions = model.predict_many(endless(), batch_size=4)
        assert read == 0
        for answered in range(1, 13):
            next(predictions)
            batches = -(-answered // 4)
            assert read <= 4 * batches + 4
        predictions.close()  # type: ignore[attr-defined] # it is a generator

    def test_leaving_early_leaves_no_thread_behind(self, model: Model) -> None:
        """Neither leaving the loop, nor taking the first few."""
        before = threading.active_count()
        for _ in model.predict_many(itertools.repeat(picture("red")), batch_size=2):
            break
        assert threading.active_count() == before
        assert answers(itertools.islice(model.predict_many(itertools.repeat(picture("red"))), 3)) == ["red"] * 3
        assert threading.active_count() == before

    def test_one_thread_means_the_callers(self, colours: Path) -> None:
        """With `threads=1` images are decoded where they are asked for; with two elsewhere."""
        seen: set[int] = set()

        class Watched:
            def __fspath__(self) -> str:
                seen.add(threading.get_ident())
                return "absent.png"

        for threads, elsewhere in ((1, False), (2, True)):
            seen.clear()
            assert answers(load(colours, threads=threads).predict_many([Watched()] * 6)) == ["image.missing"] * 6
            assert (threading.get_ident() not in seen) is elsewhere, threads

    def test_a_buffer_may_be_used_again_for_the_next_image(self, model: Model) -> None:
        """Cameras hand out the same memory again and again; each answer is for what was in it."""
        buffers = (
            np.zeros((50, 60, 3), np.uint8),
            np.zeros((50, 60), np.uint8),
        )

        def camera() -> Iterator[Any]:
            for label in ("red", "green", "blue") * 4:
                buffers[0][:] = np.asarray(colour_image(COLOURS[label]))
                yield buffers[0]
            for level in (0, 255) * 4:
                buffers[1][:] = level
                yield buffers[1]

        found = list(model.predict_many(camera(), batch_size=5))
        assert answers(found[:12]) == ["red", "green", "blue"] * 4
        black, white = (model.predict(np.full((50, 60), level, np.uint8)).scores for level in (0, 255))
        assert black != white
        assert [p.scores for p in found[12:]] == [pytest.approx(wanted, abs=1e-4) for wanted in (black, white) * 4]

    def test_an_image_may_be_closed_when_the_next_is_asked_for(self, model: Model, tmp_path: Path) -> None:
        """As it is by a generator that opens each image in a `with` block."""
        paths = []
        for number, label in enumerate(["red", "green", "blue"] * 3):
            paths.append(tmp_path / f"{number}.png")
            paths[-1].write_bytes(picture(label))

        def opened() -> Iterator[Image.Image]:
            for path in paths:
                with Image.open(path) as image:
                    yield image

        assert answers(model.predict_many(opened(), batch_size=2)) == ["red", "green", "blue"] * 3

    @pytest.mark.parametrize("threads", [1, 2])
    def test_a_source_that_fails_does_not_take_answers_with_it(self, colours: Path, threads: int) -> None:
        """What was read before is answered; then the error of the source comes out."""

        def camera() -> Iterator[bytes]:
            yield from [picture("red"), picture("green"), picture("blue")]
            raise ConnectionError("the camera is gone")

        predictions = load(colours, threads=threads).predict_many(camera(), batch_size=2)
        assert answers(itertools.islice(predictions, 3)) == ["red", "green", "blue"]
        with pytest.raises(ConnectionError, match="the camera is gone"):
            next(predictions)

    @pytest.mark.parametrize("batch_size", [0, -1])
    def test_a_batch_of_nothing_is_refused_at_once(self, model: Model, batch_size: int) -> None:
        """Not only when the first answer is asked for."""
        with pytest.raises(UsageError, match="expected 1 or more"):
            model.predict_many([], batch_size=batch_size)

    @pytest.mark.parametrize(
        "image", ["part.png", b"bytes", Path("part.png"), Image.new("L", (1, 1)), np.zeros((9, 9, 3), np.uint8)]
    )
    def test_a_single_image_is_refused(self, model: Model, image: Any) -> None:
        """Its letters, bytes or rows would be taken for images."""
        with pytest.raises(UsageError, match="single image"):
            model.predict_many(image)

    def test_a_stack_of_images_is_several(self, model: Model) -> None:
        """An array (N, H, W, 3) is N images."""
        stack = np.stack([np.asarray(colour_image(rgb)) for rgb in COLOURS.values()])
        assert answers(model.predict_many(stack)) == ["red", "green", "blue"]


class TestFaultsOfTheRuntime:
    """What a session does wrong is told for the images that it concerns."""

    def test_of_a_batch_that_fails_only_the_guilty_image_errs(self, model: Model) -> None:
        """Only the image that makes the graph fail has an error."""

        def answer(batch: np.ndarray) -> np.ndarray:
            if (batch.mean(axis=(1, 2, 3)) > 250).any():
                raise RuntimeFault("too bright", code="runtime.run")
            return batch.mean(axis=(1, 2), dtype=np.float32)

        session = FakeSession(answer)
        images = [picture("red"), np.full((50, 60, 3), 255, np.uint8), picture("blue"), picture("green")]
        found = list(with_session(model, session).predict_many(images, batch_size=4))
        assert answers(found) == ["red", "runtime.run", "blue", "green"]
        assert session.batches == [4, 2, 1, 1, 2]
        assert found[1].reasons == ("too bright",)

    @pytest.mark.parametrize("guilty", range(8))
    def test_a_batch_that_fails_is_halved_until_the_guilty_is_found(self, model: Model, guilty: int) -> None:
        """Of eight images with one that errs, it takes at most seven runs, and the others are answered as ever."""

        def answer(batch: np.ndarray) -> np.ndarray:
            if (batch.mean(axis=(1, 2, 3)) > 250).any():
                raise RuntimeFault("too bright", code="runtime.run")
            return batch.mean(axis=(1, 2), dtype=np.float32)

        session = FakeSession(answer)
        images: list[Any] = [picture("red")] * 8
        images[guilty] = np.full((50, 60, 3), 255, np.uint8)
        asked = with_session(model, session)
        found = answers(asked.predict_prepared([asked.prepare(image) for image in images]))
        assert found == ["red"] * guilty + ["runtime.run"] + ["red"] * (7 - guilty)
        assert sorted(session.batches, reverse=True) == [8, 4, 4, 2, 2, 1, 1]
        assert len(session.batches) <= 2 * math.log2(8) + 1

    @pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite_are_a_fault(self, model: Model, number: float) -> None:
        """Of the image that they belong to."""

        def answer(batch: np.ndarray) -> np.ndarray:
            raw_outputs = batch.mean(axis=(1, 2), dtype=np.float32)
            raw_outputs[1, 2] = number
            return raw_outputs

        found = with_session(model, FakeSession(answer)).predict_many([picture("red")] * 3, batch_size=3)
        assert answers(found) == ["red", "runtime.output", "red"]

    @pytest.mark.parametrize("shape", [(2, 2), (1, 3), (3,), (2, 3, 1), ()])
    def test_answers_of_another_shape_are_a_fault(self, model: Model, shape: tuple[int, ...]) -> None:
        """The message gives both shapes."""
        session = FakeSession(lambda _: np.zeros(shape, np.float32))
        found = list(with_session(model, session).predict_many([picture("red")] * 2))
        assert answers(found) == ["runtime.output"] * 2
        assert found[0].error is not None
        assert found[0].error.message == f"the model answers with the shape {shape}, expected (2, 3)"

    def test_an_image_of_another_size_than_the_graphs_is_its_own_error(self, model: Model) -> None:
        """Where nothing is resized, the image must fit; the graph is not asked."""
        session = FakeSession(lambda batch: batch.mean(axis=(1, 2), dtype=np.float32), (SIZE, SIZE, 3))
        plain = {"resize": {"mode": "none"}}
        images = [picture("red", size=(SIZE, SIZE)), picture("red", size=(SIZE, SIZE + 1))]
        found = list(with_session(model, session, input=plain).predict_many(images))
        assert answers(found) == ["red", "image.shape"]
        assert found[1].error is not None
        assert "the shape (33, 32, 3) after preparing, the model takes (32, 32, 3)" in found[1].error.message
        assert session.batches == [1]

    def test_images_of_several_sizes_run_one_by_one(self, model: Model) -> None:
        """Where the graph takes any size, a batch of several is no array."""
        session = FakeSession(lambda batch: batch.mean(axis=(1, 2), dtype=np.float32))
        free = with_session(model, session, input={"resize": {"mode": "none"}})
        images = [picture("red", size=(9, 9)), picture("green", size=(8, 9)), picture("blue", size=(9, 9))]
        assert answers(free.predict_many(images)) == ["red", "green", "blue"]
        assert session.batches == [1, 1, 1]


class TestDecision:
    """The bundle's decision gives the verdict."""

    def test_a_verdict_comes_with_its_reasons(self, model: Model, colours: Path) -> None:
        """Red parts are good; blue ones are bad from 0.6 on."""
        decision = {"ok_labels": ["red"], "thresholds": {"blue": {"low": 0.3, "high": 0.6}}}
        judging = with_session(model, load(colours)._graph._session, decision=decision)  # noqa: SLF001 -- the real one
        good, bad, other = judging.predict_many([picture("red"), picture("blue"), picture("green")])
        assert (good.verdict, bad.verdict, other.verdict) == (Verdict.OK, Verdict.NotOK, Verdict.NotOK)
        assert "reaches its high threshold 0.6" in bad.reasons[0]
        assert "green has the best score" in other.reasons[0]

    def test_scores_that_became_equal_do_not_change_the_best_label(self, model: Model) -> None:
        """Sigmoid makes 1.0 of 30 and of 40; label and verdict still go by the raw outputs."""
        session = FakeSession(lambda batch: np.array([[30, 40, 0]] * len(batch), np.float32))
        output = {"labels": list(LABELS), "activation": "sigmoid"}
        for ok, verdict in (("green", Verdict.OK), ("red", Verdict.NotOK)):
            judging = with_session(model, session, output=output, decision={"ok_labels": [ok]})
            prediction = judging.predict(picture("red"))
            assert prediction.scores[0] == prediction.scores[1] == 1
            assert prediction.label == "green"
            assert prediction.verdict is verdict
