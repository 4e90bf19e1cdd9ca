"""Messages come out as they went in, errors and odd names of files included."""

import os

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from andon import errors
from andon.engine.base import LoadedModel
from andon.engine.messages import (
    MAX_TEXT,
    Answered,
    Answers,
    Beat,
    Forget,
    FromWorker,
    Give,
    Hold,
    Load,
    Loaded,
    NotLoaded,
    SetAside,
    Start,
    ToWorker,
    decode_from_worker,
    decode_start,
    decode_to_worker,
    encode,
    sendable,
)
from andon.errors import AndonError, BundleError
from andon.model.null import null_model
from andon.predictions import Box, Failure, Prediction, ScoreMap, Verdict, failed
from andon.settings.serve import ServeSettings

GIVE = Give(number=7, model="m", place=(64, 30), shape=(2, 5, 3), dtype=np.dtype(np.uint8).str, is_canary=True)


@pytest.mark.parametrize(
    "message",
    [
        Load.of(3, "/srv/part.andon", "0" * 64),
        Load.of(0, None, None),
        GIVE,
        msgspec.structs.replace(GIVE, shape=None, dtype=""),
        Hold(3, 0.25),
        Forget(2**40),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_worker_is_told_comes_out_as_it_went_in(message: ToWorker) -> None:
    """Of the same type."""
    assert decode_to_worker(encode(message)) == message


def test_what_a_worker_works_with_comes_out_as_it_went_in() -> None:
    """It is the first message, and no other one is taken for it."""
    start = Start(ServeSettings(workers=3, max_batch=5), device="cuda:1", may_fall_back=True, threads=4, is_first=False)
    assert decode_start(encode(start)) == start
    with pytest.raises(msgspec.DecodeError):
        decode_start(encode(GIVE))
    with pytest.raises(msgspec.DecodeError):
        decode_to_worker(encode(start))


BOX = Box(label="a", index=0, score=0.5, x=1.0, y=2.0, width=3.0, height=4.0)


@pytest.mark.parametrize(
    "message",
    [
        NotLoaded(4, "BundleError", "m", "bundle.digest", "w", "h"),
        Answers(
            [Answered(3, Prediction(label="red", index=0, score=1.0, scores=(1.0,), timings_ms={"infer": 1.5}))], 4
        ),
        Answers([Answered(4, Prediction(boxes=(BOX,), verdict=Verdict.NotOK, reasons=("r",)))], 1),
        Answers([Answered(5, Prediction(error=Failure(code="image.shape", message="m"))), Answered(6, None)], 8),
        SetAside(9),
        Beat(0.5, 1.5),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_a_worker_says_comes_out_as_it_went_in(message: FromWorker) -> None:
    """Predictions and errors of images included."""
    assert decode_from_worker(encode(message)) == message


def test_a_loaded_model_comes_out_as_it_went_in() -> None:
    """With its manifest and its canary."""
    model = null_model()
    assert model.canary is not None
    loaded = LoadedModel(
        manifest=model.manifest, digest=model.digest, execution=model.execution, proof=model.proof, canary=model.canary
    )
    assert decode_from_worker(encode(Loaded(5, loaded))) == Loaded(5, loaded)


def kinds(kind: type[AndonError]) -> list[type[AndonError]]:
    """List the classes of errors in the vocabulary."""
    found = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, kind)]
    assert BundleError in found
    return found


@pytest.mark.parametrize("kind", kinds(AndonError))
def test_an_error_comes_out_as_it_went_in(kind: type[AndonError]) -> None:
    """Of the same class, so that a command exits with the same code."""
    error = kind("what", code="bundle.digest", where="where", hint="what to do")
    message = decode_from_worker(encode(NotLoaded.of(1, error)))
    assert isinstance(message, NotLoaded)
    found = message.error()
    assert type(found) is kind
    assert (str(found), found.code) == (str(error), error.code)


def test_an_error_of_a_class_that_is_not_known_here_keeps_what_it_says() -> None:
    """A worker may have imported more."""
    found = NotLoaded(1, "Unknown", "what", "bundle.digest", "", "").error()
    assert type(found) is AndonError
    assert (found.message, found.code) == ("what", "bundle.digest")


def test_texts_without_end_are_cut() -> None:
    """A library may say more than a socket holds."""
    found = NotLoaded.of(1, BundleError("m" * 10**6, code="bundle.digest", where="w" * 10**6, hint="h" * 10**6))
    assert [len(text) for text in (found.message, found.where, found.hint)] == [MAX_TEXT] * 3


@given(st.binary(min_size=1, max_size=30).filter(lambda name: b"\0" not in name))
def test_a_path_of_any_bytes_crosses(name: bytes) -> None:
    """Linux knows no encoding; names from other machines are often not UTF-8."""
    path = os.fsdecode(name)
    load = decode_to_worker(encode(Load.of(0, path, None)))
    assert isinstance(load, Load)
    assert load.path == path
    assert os.fsencode(load.path) == name


def test_an_error_that_names_such_a_path_crosses() -> None:
    """The bytes are written out."""
    error = BundleError("bad: \udcff", code="bundle.digest", where="/srv/\udcd6\udcd0.andon", hint="move \udcff")
    message = decode_from_worker(encode(NotLoaded.of(1, error)))
    assert isinstance(message, NotLoaded)
    found = message.error()
    assert (found.message, found.where, found.hint) == ("bad: \\udcff", "/srv/\\udcd6\\udcd0.andon", "move \\udcff")


def test_what_is_no_message_is_refused() -> None:
    """Also one for the other side."""
    for noise in (b"", b"\xc1", encode([]), encode(["Other", 1]), encode(Beat(0.0, 0.0))):
        with pytest.raises(msgspec.DecodeError):
            decode_to_worker(noise)
    with pytest.raises(msgspec.DecodeError):
        decode_from_worker(encode(GIVE))


def test_a_prediction_is_made_so_that_it_can_be_sent() -> None:
    """Without its map, which stays; and with a text that own code has made of the name of a file of any bytes."""
    error = Failure(code="code.run", message="cannot read \udcff.png" + "m" * 10**6, hint="h")
    prediction = failed(error)
    with pytest.raises(UnicodeEncodeError):
        encode(Answered(0, prediction))
    sent = sendable(prediction)
    assert decode_from_worker(encode(Answers([Answered(0, sent)], 1))) == Answers([Answered(0, sent)], 1)
    assert sent.error is not None
    assert sent.error.message.startswith("cannot read \\udcff.pngmmm")
    assert len(sent.error.message) < 5_000
    plain = Prediction(label="red", index=0, score=1.0)
    assert sendable(plain) is plain
    scores = np.zeros((1, 2, 2), np.float32)
    mapped = replace(plain, map=ScoreMap(scores=scores, x=0.0, y=0.0, step_x=1.0, step_y=1.0))
    assert sendable(mapped) == plain
