"""`andon`: the commands by name, and the exit code of what they come to. It imports nothing heavy."""

import logging
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from andon import __version__
from andon.cli.bench import body
from andon.cli.bench_run import run
from andon.cli.bench_tune import tune
from andon.cli.check import check
from andon.cli.demo import demo
from andon.cli.deploy import check as check_deployment
from andon.cli.deploy import nginx
from andon.cli.inspect import inspect
from andon.cli.optimize import optimize
from andon.cli.output import accept_any_text, explain, say, write
from andon.cli.pack import pack
from andon.cli.predict import predict
from andon.cli.serve import serve
from andon.errors import AndonError

logger = logging.getLogger("andon")

_INTERRUPTED = 130
"""What a shell reports of a program ended by Ctrl-C: 128 + SIGINT."""
_FAULT = 70
"""An error of Andon's own: EX_SOFTWARE of sysexits.h."""


def main(arguments: Sequence[str] | None = None) -> None:
    """
    Run the command line, and exit: 0 done, 1 the check failed, 2 wrong use, 3 environment.

    Args:
        arguments: What was typed after `andon`; None for those of this process.
    """
    logging.basicConfig(format="%(levelname)s: %(message)s")
    accept_any_text()
    try:
        app(args=arguments, prog_name="andon")
    except AndonError as error:
        logger.debug("raised here:", exc_info=error)
        explain(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)
    except Exception as error:
        # The last stop: the user gets our words, and the traceback on request.
        logger.debug("raised here:", exc_info=error)
        say(f"andon failed on an error of its own: {type(error).__name__}: {error}", style="bold red")
        say("hint: `andon --debug COMMAND ...` shows where it comes from; please report it with that")
        sys.exit(_FAULT)


def _version(value: bool) -> None:  # noqa: FBT001 -- the signature of a callback
    if value:
        write(f"andon {__version__}\n")
        raise typer.Exit


def _root(
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show where errors come from.")] = False,
    version: Annotated[  # noqa: ARG001 -- acts by its callback
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Pack a PyTorch vision model once; run it everywhere with proof that it answers as in your notebook."""
    logger.setLevel(logging.DEBUG if debug else logging.WARNING)


def _examples(*commands: str) -> str:
    """Make the end of a help text; the mark keeps its lines from being joined."""
    return "\n".join(("\b", "Example:", *(f"  $ {command}" for command in commands)))


def _new_app(**settings: Any) -> typer.Typer:
    """Make a group of commands with plain help: to draw boxes would take longer than all the rest."""
    return typer.Typer(no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, **settings)


app = _new_app(add_completion=False, context_settings={"help_option_names": ["-h", "--help"]})
app.callback(epilog="Exit codes: 0 done, 1 the check failed, 2 wrong use, 3 something is missing here.")(_root)
app.command(epilog=_examples("andon demo", "andon demo --check cat.jpg"))(demo)
app.command(
    epilog=_examples(
        "andon pack train:build_model --weights best.pt --transform train:transform \\\n"
        "      --input input.toml --labels labels.txt --samples parts/ -o scratch.andon"
    )
)(pack)
app.command(epilog=_examples("andon inspect scratch.andon"))(inspect)
app.command(epilog=_examples("andon check scratch.andon"))(check)
app.command(
    epilog=_examples("andon predict scratch.andon parts/ extra.png", "andon predict scratch.andon parts/ --csv")
)(predict)
app.command(
    epilog=_examples("andon optimize scratch.andon --data parts/", "andon optimize scratch.andon --html report.html")
)(optimize)
app.command(epilog=_examples("andon serve scratch.andon", "andon serve --null --probe --port 5556"))(serve)
bench = _new_app()
bench.command(
    epilog=_examples(
        "andon bench body part.jpg -o body.txt",
        'ab -n 20 -c 2 -T "multipart/form-data; boundary=1234567890" -p body.txt http://127.0.0.1:5555/run',
    )
)(body)
bench.command(
    epilog=_examples(
        "andon bench run http://127.0.0.1:5555 --images parts/ -c 8 --html report.html",
        "andon bench run http://127.0.0.1:5555 --images parts/ --rate 100 --duration 60",
        "andon bench run scratch.andon --images parts/ --threads 1",
    )
)(run)
bench.command(
    epilog=_examples(
        "andon bench tune scratch.andon --images parts/ -o serve.toml",
        "andon bench tune scratch.andon --images parts/ -o serve.toml --rate 50 --p99-ms 100",
        "andon serve scratch.andon --settings serve.toml",
    )
)(tune)
app.add_typer(bench, name="bench", help="What it takes to measure a running service.")
deploy = _new_app()
deploy.command(
    epilog=_examples(
        "andon deploy nginx --upstream 127.0.0.1:5555 --upstream 127.0.0.1:5565 -o front",
        "nginx -p front -c nginx.conf",
    )
)(nginx)
deploy.command("check", epilog=_examples("andon deploy check front"))(check_deployment)
app.add_typer(deploy, name="deploy", help="Folders that run as they are, written and checked.")
