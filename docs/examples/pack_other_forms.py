"""
Pack what other tools have saved: an exported program, TorchScript and an ONNX file.

    python pack_other_forms.py IMAGE_FOLDER OUT_FOLDER

The network and its preparation are those of pack_your_model.py, next to this file.
"""

import sys
from pathlib import Path

import torch
from pack_your_model import INPUT, LABELS, Colours, transform

import andon
from andon.build.pack import PackReport


def save_all(folder: Path) -> list[Path]:
    """Save the network in three forms, as you may have done long ago."""
    network, images = Colours().eval(), torch.zeros(2, 3, 224, 224)
    free_batch = ({0: torch.export.Dim("batch", min=1)},)
    program = torch.export.export(network, (images,), dynamic_shapes=free_batch)
    torch.export.save(program, folder / "colours.pt2")
    torch.jit.save(torch.jit.trace(network, images), folder / "colours.pt")  # type: ignore[no-untyped-call] # has no types
    torch.onnx.export(network, (images,), folder / "colours.onnx", dynamic_shapes=free_batch, verbose=False)
    return [folder / "colours.pt2", folder / "colours.pt", folder / "colours.onnx"]


def pack_file(model: Path, samples: list[Path]) -> PackReport:
    """Pack a file: what it holds is seen in its content."""
    out = model.with_name(f"{model.suffix.removeprefix('.')}.andon")
    return andon.pack(model, samples=samples, labels=LABELS, out=out, transform=transform, input=INPUT)


def pack_as_it_is(samples: list[Path], out: Path) -> PackReport:
    """Pack a network that cannot be exported: its weights, and the name of the function that builds it."""
    return andon.pack(
        Colours(),
        samples=samples,
        labels=LABELS,
        out=out,
        transform=transform,
        input=INPUT,
        artifacts=["eager"],
        factory="pack_your_model:Colours",
    )


def main(images: str, out: str) -> None:
    """Save and pack the network in every form."""
    samples = sorted(Path(images).iterdir())
    reports = [pack_file(model, samples) for model in save_all(Path(out))]
    for report in [*reports, pack_as_it_is(samples, Path(out, "eager.andon"))]:
        runs = ", ".join(f"{e.artifact} in {e.runtime}" for e in report.manifest.executions)
        print(f"{report.path.name}: {runs}")
        for note in report.notes:
            print(f"  note: {note}")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
