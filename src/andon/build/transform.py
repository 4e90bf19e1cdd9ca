"""The author's transform, called as a notebook calls it, with every answer checked."""

import pickle
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from andon.build.blame import author_line
from andon.build.samples import Sample
from andon.errors import MismatchError, PackError, first_line
from andon.tensors import FloatArray

Transform = Callable[[Image.Image], Any]
"""Takes what `PIL.Image.open` returns, gives a float tensor (C, H, W)."""

_AXES_HINTS = {
    2: "add an axis for the one channel: answer[None]",
    4: "leave the axis of the batch to Andon: return answer[0]",
}
_CALLS = 24
"""Repeated calls over all samples: an augmentation of every second call is missed once in ten million times."""
_CALLS_UNDER_SUSPICION = 400
"""Calls for one sample where chance is suspected: an augmentation of one call in a hundred is missed twice in 100."""
_MAX_SUSPICION_S = 2.0
"""Seconds after which suspicion ends; a transform that is slow enough to reach it is called less often."""


def apply_transform(transform: Transform, sample: Sample) -> FloatArray:
    """
    Call the author's transform on a sample.

    Returns:
        float32 (C, H, W), C order.

    Raises:
        PackError: `pack.transform`: it fails, or its answer has another type or shape.
    """
    try:
        with sample.open() as image:
            answer = transform(image)
    except PackError as error:
        raise PackError(error.message, code=error.code, where=sample.name, hint=error.hint) from error
    except Exception as error:
        # The author's code may raise anything.
        raise PackError(
            f"the transform failed for {sample.name}: {type(error).__name__}: {first_line(error)}",
            code="pack.transform",
            where=author_line(error.__traceback__),
        ) from error
    return _model_input(answer, sample.name)


def _model_input(answer: Any, name: str) -> FloatArray:
    """Give an answer of the transform as float32 (C, H, W), C order; refuse what is something else."""
    if not (hasattr(answer, "detach") or isinstance(answer, np.ndarray)):
        raise _wrong_answer(_in_words(answer), name, _ways_out(answer))
    array = np.asarray(answer.detach().cpu().double() if hasattr(answer, "detach") else answer)
    is_float = answer.is_floating_point() if hasattr(answer, "is_floating_point") else array.dtype.kind == "f"
    found = f"{answer.dtype} of the shape {array.shape}"
    if array.ndim != 3:
        raise _wrong_answer(found, name, _AXES_HINTS.get(array.ndim, ""))
    if not is_float:
        raise _wrong_answer(found, name, "end it with a division by 255, and by what the training scales with")
    if array.shape[0] not in (1, 3) and array.shape[2] in (1, 3):
        raise PackError(
            f"the transform returns the shape {array.shape}, which looks like (H, W, C), expected (C, H, W)",
            code="pack.transform",
            where=name,
            hint="permute(2, 0, 1)",
        )
    if not np.isfinite(array).all():
        raise PackError("the transform returns numbers that are not finite", code="pack.transform", where=name)
    return np.ascontiguousarray(array, dtype=np.float32)


def _wrong_answer(found: str, name: str, hint: str) -> PackError:
    return PackError(
        f"the transform returns {found}, expected a float tensor (C, H, W)",
        code="pack.transform",
        where=name,
        hint=hint,
    )


def _in_words(answer: object) -> str:
    if isinstance(answer, Mapping):
        return f"a {type(answer).__name__} of {', '.join(map(repr, answer))}"
    if isinstance(answer, list | tuple):
        return f"a {type(answer).__name__} of {len(answer)}"
    return "nothing" if answer is None else f"a {type(answer).__name__}"


def _ways_out(answer: object) -> str:
    """Say how to get from what is no array to one."""
    if isinstance(answer, Mapping):
        return f"return one of its values: transform=lambda image: yours(image)[{next(iter(answer), 'image')!r}]"
    if isinstance(answer, list | tuple):
        return "return one of its items: transform=lambda image: yours(image)[0]"
    if answer is None:
        return "does it lack a return?"
    return "end it with what makes a tensor of an image, such as ToTensor()" if isinstance(answer, Image.Image) else ""


def require_repeatable(transform: Transform, samples: Sequence[Sample]) -> None:
    """
    Call the transform again and again, and refuse one that does not always answer the same.

    A transform that draws random numbers is called more often.

    Raises:
        MismatchError: `pack.mismatch.random`.
        PackError: `pack.transform`, with what it takes in place of Pillow images, where that can be told.
    """
    repeats = -(-_CALLS // len(samples))
    for sample in samples[:_CALLS]:
        before = _random_state()
        first = _first_answer(transform, sample)
        suspicious = before != _random_state()
        _require_same(transform, sample, first, _CALLS_UNDER_SUSPICION if suspicious else repeats)


def _first_answer(transform: Transform, sample: Sample) -> FloatArray:
    try:
        return apply_transform(transform, sample)
    except PackError as error:
        if error.__cause__ is None or not (instead := _taken_instead(transform, sample)):
            raise
        raise PackError(
            error.message,
            code=error.code,
            where=error.where,
            hint=f"it is given what PIL.Image.open returns, and takes {instead}",
        ) from error


def _taken_instead(transform: Callable[..., Any], sample: Sample) -> str:
    """Say how to wrap a transform that fails on a Pillow image and takes an array or a path; empty for no way."""
    with sample.open() as image:
        pixels = np.array(image.convert("RGB"))
    array = 'np.array(image.convert("RGB"))'
    ways: dict[str, Callable[[], Any]] = {
        f"an array: pass transform=lambda image: yours({array})": lambda: transform(pixels),
        f'image=array: pass transform=lambda image: yours(image={array})["image"]': lambda: transform(image=pixels)[
            "image"
        ],
        f"a path: let it take the opened image; for cv2.imread(path) write {array}[:, :, ::-1]": lambda: transform(
            str(sample.path)
        ),
    }
    return next((words for words, call in ways.items() if _succeeds(call)), "")


def _succeeds(call: Callable[[], Any]) -> bool:
    try:
        return call() is not None
    except Exception:  # noqa: BLE001 -- the author's code may raise anything; that it fails is the answer
        return False


def require_no_chance(transform: Transform, sample: Sample) -> None:
    """
    Call the transform very often for a sample on which it surprises, before anything else is blamed.

    Raises:
        MismatchError: `pack.mismatch.random`.
    """
    _require_same(transform, sample, apply_transform(transform, sample), _CALLS_UNDER_SUSPICION)


def _require_same(transform: Transform, sample: Sample, first: FloatArray, calls: int) -> None:
    started = time.monotonic()
    for done in range(calls):
        if done > _CALLS and time.monotonic() - started > _MAX_SUSPICION_S:
            return
        if not np.array_equal(apply_transform(transform, sample), first):
            raise MismatchError(
                "the transform answers differently each time it is called for the same image (stage model input)",
                code="pack.mismatch.random",
                where=sample.name,
                hint="give the transform of validation, without random crops, flips or colours",
            )


def _random_state() -> bytes:
    """Give the state of the three generators that transforms commonly draw from; that of torch where it is in use."""
    torch = sys.modules.get("torch")
    drawn = torch.get_rng_state().numpy().tobytes() if torch else b""
    return drawn + pickle.dumps((random.getstate(), np.random.get_state()))
