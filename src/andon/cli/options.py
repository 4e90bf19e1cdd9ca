"""Arguments and options that several commands share, each declared once."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

BundlePath = Annotated[
    Path, typer.Argument(metavar="FILE", help="A .andon file or a bundle folder.", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Write one JSON document to stdout.")]
RuntimeName = Annotated[
    str | None, typer.Option("--runtime", metavar="NAME", help="Use only this runtime.", show_default=False)
]


class PrecisionChoice(StrEnum):
    """With how many bits a runtime computes."""

    fp32 = "fp32"
    bf16 = "bf16"
    int8 = "int8"


PrecisionName = Annotated[
    PrecisionChoice | None, typer.Option("--precision", help="Use only this precision.", show_default=False)
]
DeviceName = Annotated[str, typer.Option("--device", metavar="cpu|cuda:N", help="Where to compute.")]
Trust = Annotated[
    bool, typer.Option("--trust", help="Run the author's own code, and load artifacts that can execute code.")
]
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="Compute threads; one a core if not given.", show_default=False),
]
