"""The forms in which predictions are written: a table for people, JSON and CSV for programs."""

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from andon.cli.maps import save_maps
from andon.cli.output import write, write_table
from andon.model.model import Model
from andon.predictions import Prediction


class Form(Protocol):
    """Where predictions are written to, in order; `end` is called once, after the last one."""

    def add(self, name: str, prediction: Prediction) -> None:
        """Take the prediction of one image; what it writes is complete but for the end."""
        ...

    def end(self) -> None:
        """Write what is still due."""
        ...


class TableForm:
    """A table, written at the end; of an image it keeps one row for each of the best labels."""

    def __init__(self, model: Model, top: int) -> None:
        self._model = model
        self._top = top
        self._rows: list[tuple[str, ...]] = []

    def add(self, name: str, prediction: Prediction) -> None:
        """Keep the rows of one image."""
        ms = f"{total_ms(prediction):.1f}"
        verdict = self._verdict(prediction.verdict.name)
        if prediction.error:
            self._rows.append((name, f"[{prediction.error.code}]", "-", *self._places("-"), *verdict, ms))
            return
        (label, score), *others = _cells(self._model, prediction, self._top)
        self._rows.append((name, label, score, *self._places(str(len(prediction.boxes))), *verdict, ms))
        self._rows += [("", label, score, *self._places(""), *self._verdict(""), "") for label, score in others]

    def end(self) -> None:
        """Write the table."""
        columns = ("file", "label", "score", *self._places("places"), *self._verdict("verdict"), "ms")
        write_table(columns, self._rows, right=("score", "places", "ms"))

    def _places(self, cell: str) -> tuple[str, ...]:
        """Keep a cell of the column of places, which a bundle that finds none does not have."""
        return (cell,) if self._model.manifest.has_places else ()

    def _verdict(self, cell: str) -> tuple[str, ...]:
        """Keep a cell of the column of verdicts, which a bundle that decides nothing does not have."""
        return () if self._model.manifest.decision is None else (cell,)


class JsonForm:
    """One JSON document of the shape of an HTTP answer, written image by image."""

    def __init__(self, model: Model, top: int | None) -> None:
        self._model = model
        self._top = top
        self._before = '{"predictions":[\n'

    def add(self, name: str, prediction: Prediction) -> None:
        """Write one prediction on a line of its own."""
        item = {"file": name, **prediction.as_json()}
        if self._top is not None:
            item["top"] = [
                {"label": label, "score": score} for label, score in best(self._model, prediction, self._top)
            ]
        write(self._before + msgspec.json.encode(item).decode())
        self._before = ",\n"

    def end(self) -> None:
        """Close the list, and say which model it was."""
        model = {"name": self._model.name, "version": self._model.version, "digest": self._model.digest}
        before = "\n" if self._before.startswith(",") else self._before
        write(f'{before}],"model":{msgspec.json.encode(model).decode()}}}\n')


class CsvForm:
    """CSV with a heading, a line for each image, written image by image."""

    def __init__(self, model: Model, top: int) -> None:
        self._model = model
        self._top = top
        further = (f"{name}_{rank}" for rank in range(2, top + 1) for name in ("label", "score"))
        self._write("file", "label", "score", *further, *self._boxes("boxes"), "verdict", "reasons", "error", "ms")

    def add(self, name: str, prediction: Prediction) -> None:
        """Write the line of one image; the cells of labels that there are not stay empty."""
        cells = [text for label, score in best(self._model, prediction, self._top) for text in (label, f"{score:.6g}")]
        cells += [""] * (2 * self._top - len(cells))
        cells += self._boxes(msgspec.json.encode(prediction.boxes).decode())
        error = prediction.error.code if prediction.error else ""
        reasons = "; ".join(prediction.reasons)
        self._write(name, *cells, prediction.verdict.name, reasons, error, f"{total_ms(prediction):.3f}")

    def end(self) -> None:
        """Write nothing more."""

    def _boxes(self, cell: str) -> tuple[str, ...]:
        """Keep a cell of the column of boxes, a JSON list, which a bundle that finds no places does not have."""
        return (cell,) if self._model.manifest.has_places else ()

    def _write(self, *cells: str) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        write(line.getvalue())


class WithMaps:
    """
    Another form, and the maps as files beside it.

    Args:
        form: What is written of predictions.
        folder: Where maps are written to.
        labels: Those of the model.
    """

    def __init__(self, form: Form, folder: Path, labels: Sequence[str]) -> None:
        self._form = form
        self._folder = folder
        self._labels = labels

    def add(self, name: str, prediction: Prediction) -> None:
        """Write the map of an image, if there is one, and hand the prediction on."""
        if prediction.map is not None:
            save_maps(self._folder, name, prediction.map, self._labels)
        self._form.add(name, prediction)

    def end(self) -> None:
        """Write what is still due."""
        self._form.end()


def best(model: Model, prediction: Prediction, count: int) -> Iterator[tuple[str, float]]:
    """Give the label of an image, then those of the best other scores; none for a failed image, or where none is."""

    def rank(index: int) -> tuple[bool, float]:
        return index == prediction.index, prediction.scores[index]

    if prediction.index is not None:
        for index in sorted(range(len(prediction.scores)), key=rank, reverse=True)[:count]:
            yield model.labels[index], prediction.scores[index]


def _cells(model: Model, prediction: Prediction, count: int) -> list[tuple[str, str]]:
    """Give the best labels and scores as text, at least one of them."""
    return [(label, f"{score:.3f}") for label, score in best(model, prediction, count)] or [("none", "-")]


def total_ms(prediction: Prediction) -> float:
    """Add up the time of one image, with the whole of the batch it was in."""
    return sum(prediction.timings_ms.values())
