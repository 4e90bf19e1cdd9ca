"""
Measure model servers side by side, and what a running `andon serve` holds.

    scripts/bench serving [--only NAME,...] [--rounds N] [--seconds S] [--rows NAME,...] [--publish]

Each round starts every server in turn, checks its answers, asks it alone, loads it with wrk -t1 -c8, weighs it and ends
it. Then the rows, each on a service of its own. It needs wrk, and Java for TorchServe; the peers are installed at their
first use, 4 GB outside of the tree. Exits with 1 where a number is not what it must be.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from andon.programs import interrupted_by_signals
from serving.chart import OUT, RESULTS, write_chart
from serving.environments import cache_folder
from serving.measures import Measure, line
from serving.ratios import OPTIMIZED, ratios
from serving.report import facts, limit_row, row, table, write_json
from serving.rows import ROWS, run_rows
from serving.servers import SERVERS, named
from serving.side_by_side import compare
from serving.workload import Workload, write_optimized, write_workload


def names(text: str) -> list[str]:
    """Read names between commas; `none` is none of them."""
    return [] if text == "none" else text.split(",")


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/bench serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    every = ",".join(server.name for server in SERVERS)
    parser.add_argument("--only", type=names, default=names(every), help=f"servers [default: {every}]; or none")
    parser.add_argument("--rounds", type=int, default=3, help="rounds, each with every server [default: 3]")
    parser.add_argument("--seconds", type=float, default=10, help="of load a server and round [default: 10]")
    parser.add_argument("--rows", type=names, default=list(ROWS), help=f"rows [default: {','.join(ROWS)}]; or none")
    parser.add_argument("--server", help="the server of the rows [default: what andon optimize chose, else bf16]")
    parser.add_argument("--row-seconds", type=float, default=60, help="of load in a row [default: 60]")
    parser.add_argument("--soak-seconds", type=float, default=600, help="of the row soak [default: 600]")
    parser.add_argument("--folder", type=Path, default=cache_folder() / "workload", help="for photos and networks")
    parser.add_argument("--json", type=Path, default=cache_folder() / "results.json", help="where the results go")
    parser.add_argument("--publish", action="store_true", help="put the results and their chart into this tree instead")
    given = parser.parse_args(argv)
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no row is called {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    if given.publish and (given.only != names(every) or given.rows != list(ROWS)):
        parser.error("only a whole run is published: leave out --only and --rows")
    return given


def default_server(work: Workload) -> str:
    """Give the fastest form of Andon that is possible here."""
    return next(name for name in OPTIMIZED if named(name).is_possible(work))


def main() -> int:
    """Measure, print, write the JSON, and return the exit code."""
    given = arguments()
    chosen = [named(name) for name in given.only]
    work = write_workload(given.folder)
    if not write_optimized(given.folder):
        print("there is no optimised bundle, so it is left out", file=sys.stderr)
    told = facts("scripts/bench serving " + " ".join(sys.argv[1:]))
    found = compare([server for server in chosen if server.is_possible(work)], work, given.rounds, given.seconds)
    rows = [row(named(name), rounds) for name, rounds in found.rounds.items()]
    limits = [limit_row(name, rounds) for name, rounds in found.limits.items()]
    print("\n".join(f"{key}: {value}" for key, value in told.items()))
    if rows:
        print(table(rows, limits), flush=True)
    measures: list[Measure] = []
    for measure in ratios(rows, limits):
        measures.append(measure)
        print(line(measure), flush=True)
    server = named(given.server or default_server(work))
    for measure in run_rows(given.rows, server, work, given.row_seconds, given.soak_seconds):
        measures.append(measure)
        print(line(measure), flush=True)
    target = RESULTS if given.publish else given.json
    write_json(target, facts=told, servers=rows, limits=limits, left_out=found.left_out, measures=measures)
    print(target, file=sys.stderr)
    if given.publish:
        print(write_chart(RESULTS, OUT), file=sys.stderr)
    return int(any(measure.verdict == "MISSED" for measure in measures))


def run() -> int:
    """Measure; where it is ended early no server is left behind."""
    try:
        with interrupted_by_signals():
            return main()
    except KeyboardInterrupt:
        print("interrupted: nothing is written", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(run())
