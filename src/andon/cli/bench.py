"""`andon bench`: what it takes to measure a running service."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from andon.cli.files import write_file
from andon.cli.images import name_of
from andon.cli.options import AsJson
from andon.cli.output import say, write_bytes, write_json
from andon.errors import UsageError

BOUNDARY = "1234567890"
"""Of the body that is written; `ab -T` must name the same one."""


def body(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.", show_default=False)],
    *,
    out: Annotated[
        Path | None,
        typer.Option("-o", "--out", metavar="FILE", help="Where to write; stdout if not given.", show_default=False),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Write a request body for `ab -p`.

    It is multipart and holds one image in base64 under the field `file`.
    """
    from andon.bench.body import multipart_body
    from andon.bench.images import read_image

    if as_json and out is None:
        raise UsageError("--json says what was written to a file, so it needs -o FILE", code="usage.argument")
    data = multipart_body(read_image(image), name_of(Path(image.name)), BOUNDARY)
    if out is None:
        write_bytes(data)
        return
    write_file(out, data)
    if as_json:
        write_json({"path": str(out), "size_bytes": len(data), "boundary": BOUNDARY, "image": str(image)})
    say(
        f'next: ab -n 20 -c 2 -T "multipart/form-data; boundary={BOUNDARY}" -p {shlex.quote(str(out))} '
        "http://127.0.0.1:5555/run"
    )
