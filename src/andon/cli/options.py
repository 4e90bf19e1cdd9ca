"""Arguments and options that several commands share, each declared once."""

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
Threads = Annotated[
    int | None,
    typer.Option("--threads", metavar="N", min=1, help="Compute threads; one a core if not given.", show_default=False),
]
