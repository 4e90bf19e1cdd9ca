"""Write docs/reference from the code. Run by scripts/docs; a test holds that the pages are fresh."""

import ast
import inspect
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import typer.main
from typer.testing import CliRunner

import andon
from andon import errors
from andon.bench import ledger, plan, report
from andon.bundle import input_spec, manifest, output_spec
from andon.cli.main import app
from andon.settings import limits
from andon.settings.meanings import described_fields, meanings
from andon.settings.serve import ServeSettings
from andon.settings.sources import flag_of, variable_of
from andon.web.openapi.document import openapi_document
from andon.web.openapi.reading import Block, Operation, Piece, read_sections
from andon.web.problems import STATUS

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src" / "andon"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
MANIFEST_MODULES = (manifest, input_spec, output_spec)
"""Where the records of `bundle.json` are declared."""
REPORT_MODULES = (report, plan, ledger)
"""Where the records of a report of `andon bench run` are declared."""
MARK = "<!-- Written by scripts/docs from the code. Do not edit. -->"


def pages() -> dict[str, str]:
    """Make every page of the reference, by file name."""
    return {
        "cli.md": page("Command line", cli_page()),
        "bundle.schema.json": json.dumps(manifest.manifest_schema(), indent=2) + "\n",
        "errors.md": page("Errors", errors_page()),
        "http.md": page("HTTP", http_page()),
        "limits.md": page("Limits", limits_page()),
        "manifest.md": page("The manifest", manifest_page()),
        "measurement.md": page("A measurement", measurement_page()),
        "python.md": page("Python", python_page()),
        "settings.md": page("Settings", settings_page()),
    }


def page(title: str, blocks: Iterable[str]) -> str:
    """Join blocks to a page."""
    return "\n\n".join([f"# {title}", MARK, *blocks]) + "\n"


def table(columns: list[str], rows: Iterable[Iterable[str]]) -> str:
    """Make a Markdown table; a bar within a cell is escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


# Command line.


def cli_page() -> Iterator[str]:
    """Show the help of every command."""
    yield (
        "Data go to stdout, talk goes to stderr.\n"
        "Exit codes: 0 done, 1 the check failed, 2 wrong use, 3 something is missing on this machine.\n"
        "With `--json` a command writes one JSON document."
    )
    for words in command_names(typer.main.get_command(app)):
        name = " ".join(("andon", *words))
        # The width is given, so that the page does not depend on the terminal in which it is written.
        shown = CliRunner().invoke(app, [*words, "--help"], prog_name="andon", terminal_width=80, color=False)
        yield f"## {name}\n\n```text\n{shown.stdout.strip()}\n```"


def command_names(command: Any, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and group, in the order of the help."""
    yield words
    for name, inner in getattr(command, "commands", {}).items():
        yield from command_names(inner, (*words, name))


# Errors.


def errors_page() -> Iterator[str]:
    """Describe every code, grouped by its first word."""
    yield (
        "Every error that Andon raises on purpose is an `andon.AndonError` with a stable `code`.\n"
        "Programs decide by the code; people read the message, the place and the hint.\n"
        "A failed image does not raise: its prediction carries the code in `error`."
    )
    yield "```text\n" + "\n".join((errors.__doc__ or "").strip().splitlines()[2:]) + "\n```"
    raised = classes_by_family()
    for family in dict.fromkeys(code.split(".")[0] for code in errors.CODES):
        yield f"## {family}"
        names = sorted(raised[family])
        exits = sorted({getattr(errors, name).exit_code for name in names})
        if names:
            yield f"Raised as {' or '.join(f'`{name}`' for name in names)}; exit code {' or '.join(map(str, exits))}."
        for code, sentence in errors.CODES.items():
            if code.split(".")[0] == family:
                status = f"\nHTTP status {STATUS[code]}." if code in STATUS else ""
                yield f"### `{code}`\n\n{sentence}{status}"


def classes_by_family() -> dict[str, set[str]]:
    """Read in the source which error classes are raised with the codes of each family."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and hasattr(errors, node.func.id)):
                continue
            for keyword in node.keywords:
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                    found[str(keyword.value.value).split(".")[0]].add(node.func.id)
    return found


# HTTP.


def http_page() -> Iterator[str]:
    """Describe every address of a service, from the document that it answers at `/openapi.json`."""
    document = openapi_document(ServeSettings(probe=True, token="x" * 32))
    yield (
        "What `andon serve` answers.\n"
        "A service describes itself at `/docs` for people and at `/openapi.json` for tools.\n"
        "This page is made of the same.\n"
        "`GET /run` is there with `--probe`, and a token is asked for where one is set."
    )
    for section in read_sections(document, "http://127.0.0.1:5555"):
        yield f"## {section.name}"
        yield markdown(section.meaning)
        for operation in section.operations:
            yield f"### {operation.method} {operation.path}"
            yield from operation_blocks(operation)


def operation_blocks(operation: Operation) -> Iterator[str]:
    """Describe one method of one address."""
    token = "" if operation.needs_token else "\n\nAnswers without the token."
    yield f"{operation.summary}.\n\n{markdown(operation.meaning)}{token}".strip()
    if operation.takes:
        rows = ([f"`{taken.name}`", taken.where, taken.values, in_a_line(taken.meaning)] for taken in operation.takes)
        yield table(["takes", "in", "values", "meaning"], rows)
    answers = (
        [answer.status, ", ".join(answer.content_types), in_a_line(answer.meaning)] for answer in operation.answers
    )
    yield table(["status", "content", "meaning"], answers)
    yield f"```console\n$ {operation.curl}\n```"


def markdown(blocks: Iterable[Block]) -> str:
    """Write text of the document as Markdown, a sentence a line."""
    paragraphs = []
    for block in blocks:
        lines = [written(line) for line in block.lines]
        text = "\n".join(f"- {line}" for line in lines) if block.is_list else sentences(" ".join(lines))
        paragraphs.append(text)
    return "\n\n".join(paragraphs)


def in_a_line(blocks: Iterable[Block]) -> str:
    """Write text of the document for a cell of a table."""
    return " ".join(written(line) for block in blocks for line in block.lines)


def written(line: Iterable[Piece]) -> str:
    """Write one line, with code between backticks."""
    return "".join(f"`{piece.text}`" if piece.is_code else piece.text for piece in line)


def sentences(text: str) -> str:
    """Break a paragraph after each sentence."""
    return re.sub(r"(?<=[.:]) (?=[A-Z`])", "\n", text)


# Limits.


def limits_page() -> Iterator[str]:
    """Describe the bounds on what comes in from outside."""
    yield "Bounds on what comes in from outside, with their defaults: `andon.settings.limits.Limits`."
    defaults = limits.DEFAULT_LIMITS
    yield table(
        ["limit", "default", "meaning"],
        ([f"`{n}`", f"{getattr(defaults, n):,}", text] for n, text in meanings(limits.Limits).items()),
    )
    yield "## Of a bundle"
    yield (
        f"A bundle holds at most {manifest.MAX_MEMBERS:,} members of {manifest.MAX_BUNDLE_BYTES:,} bytes together, "
        f"and its manifest at most {manifest.MAX_MANIFEST_BYTES:,} bytes.\n"
        "Over one of them: `bundle.limit`."
    )


# Settings.


def settings_page() -> Iterator[str]:
    """Describe every setting of `andon serve`: how to give it, what it takes, what it means."""
    yield (
        "Settings of `andon serve`.\n"
        "Each can be given as a flag, as an environment variable, or in a TOML file with `--settings FILE`.\n"
        "A flag goes before the variable, and the variable before the file.\n"
        "`andon serve --show-settings` shows each one with where it was set."
    )
    yield "```toml\n[serve]\nport = 5556\nmax_queue_jobs = 64\n```"
    texts = meanings(ServeSettings)
    schema = msgspec.json.schema(ServeSettings)["$defs"]["ServeSettings"]["properties"]
    for field in sorted(msgspec.structs.fields(ServeSettings), key=lambda field: hasattr(limits.Limits, field.name)):
        yield f"## {field.name}"
        yield texts[field.name]
        yield table(
            ["flag", "variable", "takes", "default"],
            [[f"`{flag_of(field.name)}`", f"`{variable_of(field.name)}`", *setting_cells(schema[field.name])]],
        )


def setting_cells(kind: dict[str, Any]) -> tuple[str, str]:
    """Say what a setting takes, and what it is where it is not given."""
    taken = [choice for choice in kind.get("anyOf", [kind]) if choice.get("type") != "null"]
    default = kind["default"]
    return kind_text(taken[0]), "none" if default is None else f"`{json.dumps(default)}`"


# The manifest.


def manifest_page() -> Iterator[str]:
    """Describe every record of `bundle.json` with its fields: types from the schema, meanings from the source."""
    yield (
        "`bundle.json`, format version 1.\n"
        "Unknown fields are errors.\n"
        "The same as a JSON Schema: [bundle.schema.json](bundle.schema.json).\n"
        "`pack` takes the objects `input` and `decision` as they stand here."
    )
    records = manifest.manifest_schema()["$defs"]
    for name in sorted(records, key=lambda name: name != "Manifest"):
        yield f"## {name}\n\n{records[name]['description']}"
        yield table(["field", "type", "default", "meaning"], manifest_rows(name, records[name]))


def manifest_rows(name: str, record: dict[str, Any]) -> Iterator[list[str]]:
    """Give a row for each field of a record."""
    texts = meanings(next(vars(module)[name] for module in MANIFEST_MODULES if name in vars(module)))
    for field, kind in record["properties"].items():
        default = f"`{json.dumps(kind['default'])}`" if "default" in kind else "required"
        yield [f"`{field}`", kind_text(kind), default, texts.get(field, "")]


def kind_text(kind: dict[str, Any]) -> str:
    """Say in words what a field of the schema may hold."""
    if "$ref" in kind:
        name = kind["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "enum" in kind:
        return ", ".join(f"`{json.dumps(value)}`" for value in kind["enum"])
    if "anyOf" in kind:
        return " or ".join(kind_text(choice) for choice in kind["anyOf"])
    if "prefixItems" in kind:
        return f"[{', '.join(kind_text(item) for item in kind['prefixItems'])}]"
    if kind["type"] == "array":
        return f"list of {bounds(kind, 'minItems', 'maxItems')}{kind_text(kind['items'])}"
    if kind["type"] == "object":
        return f"object, each value {kind_text(kind['additionalProperties'])}"
    text = {"number": "number", "integer": "integer", "boolean": "true or false"}.get(kind["type"], kind["type"])
    limits = bounds(kind, "minimum", "maximum") or bounds(kind, "minLength", "maxLength")
    pattern = f" like `{kind['pattern']}`" if "pattern" in kind else ""
    above = " above 0" if kind.get("exclusiveMinimum") == 0 else ""
    return f"{text}{above}{f' {limits}'.rstrip()}{pattern}"


def bounds(kind: dict[str, Any], low: str, high: str) -> str:
    """Give a range that is worth saying; one beyond any sense is there for safety only."""
    if low not in kind or kind.get(high, 0) > 1e12:
        return ""
    return f"{kind[low]}-{kind[high]:,} " if high in kind else f"{kind[low]} or more "


# A measurement.


def measurement_page() -> Iterator[str]:
    """Describe every record of a report, as `andon bench run --json` writes it."""
    yield (
        "What `andon bench run --json` writes, and what the page of `--html` holds at its end.\n"
        "Durations are in seconds where the name ends in `_s`, in milliseconds where it says `_ms`; shares are 0-1.\n"
        f"This is version {report.VERSION} of the form, which stands in its field `report`."
    )
    records = msgspec.json.schema(report.Report)["$defs"]
    for name in sorted(records, key=lambda name: name != "Report"):
        first = records[name]["description"].split("\n\n")[0]
        yield f"## {name}\n\n{sentences(first)}"
        texts = meanings(next(vars(module)[name] for module in REPORT_MODULES if name in vars(module)))
        fields = records[name]["properties"].items()
        rows = ([f"`{field}`", kind_text(kind), texts.get(field, "")] for field, kind in fields)
        yield table(["field", "type", "meaning"], rows)


# Python.


def python_page() -> Iterator[str]:
    """Describe the public names, from their docstrings."""
    yield "All that `import andon` offers.\nEverything else is internal and may change."
    for name in andon.__all__:
        yield f"## `andon.{name}`"
        node = definition(sys.modules[getattr(andon, name).__module__], name)
        yield from class_blocks(node) if isinstance(node, ast.ClassDef) else function_blocks(node)


def class_blocks(node: ast.ClassDef) -> Iterator[str]:
    """Describe a class: its docstring, its fields and its public methods."""
    yield from constructor_blocks(node)
    yield docstring_text(node)
    rows = [[f"`{name}`", text] for name, text in described_fields(node) if not name.startswith("_")]
    if rows:
        yield table(["name", "meaning"], rows)
    for method in node.body:
        if isinstance(method, FUNCTIONS) and not method.name.startswith("_"):
            yield f"### `{node.name}.{method.name}`"
            yield from function_blocks(method)


def constructor_blocks(node: ast.ClassDef) -> Iterator[str]:
    """Show how a class is called, where its docstring says with what."""
    if "\nArgs:\n" in (ast.get_docstring(node) or ""):
        functions = (method for method in node.body if isinstance(method, ast.FunctionDef))
        made = signature(next(method for method in functions if method.name == "__init__"))
        yield f"```python\n{made.replace('__init__', node.name).removesuffix(' -> None')}\n```"


def function_blocks(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[str]:
    """Describe a function: its signature as it is called, and its docstring."""
    if "property" not in {ast.unparse(decorator) for decorator in node.decorator_list}:
        yield f"```python\n{signature(node)}\n```"
    yield docstring_text(node)


def signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Write a signature, one parameter a line where it is long; that of a coroutine begins with `await`."""
    found = node.args
    defaults = [None] * (len(found.args) - len(found.defaults)) + found.defaults
    parameters = [parameter(*pair) for pair in zip(found.args, defaults, strict=True) if pair[0].arg != "self"]
    if found.kwonlyargs:
        parameters += ["*", *map(parameter, found.kwonlyargs, found.kw_defaults)]
    result = f" -> {annotation(node.returns)}" if node.returns else ""
    name = f"await {node.name}" if isinstance(node, ast.AsyncFunctionDef) else node.name
    line = f"{name}({', '.join(parameters)}){result}"
    return line if len(line) <= 100 else f"{name}(\n    {(',' + NEW_LINE).join(parameters)},\n){result}"


NEW_LINE = "\n    "


def parameter(argument: ast.arg, default: ast.expr | None) -> str:
    """Write one parameter as ruff would."""
    text = f"{argument.arg}: {annotation(argument.annotation)}" if argument.annotation else argument.arg
    return text if default is None else f"{text} = {ast.unparse(default)}"


def annotation(node: ast.expr | None) -> str:
    """Write a type, without the quotes that one known to the type checker only stands in."""
    return str(node.value) if isinstance(node, ast.Constant) and node.value else ast.unparse(node or ast.Constant(None))


def docstring_text(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Turn a docstring into Markdown: sections become bold words, their entries become lists."""
    lines: list[str] = []
    in_section = False
    for line in (ast.get_docstring(node) or "").splitlines():
        if re.fullmatch(r"(Args|Returns|Yields|Raises|Source):", line):
            lines += [f"**{line[:-1]}**", ""]
            in_section = True
        elif in_section and (entry := re.match(r" {4}(\w+(?:, \w+)*): (.*)", line)):
            lines.append(f"- `{entry[1]}`: {entry[2]}")
        elif in_section and line.startswith(" " * 8):
            lines.append("  " + line.strip())
        else:
            lines.append(line.strip() if in_section else line)
    return "\n".join(lines)


# Reading source.


def definition(module: ModuleType, name: str) -> ast.ClassDef | ast.FunctionDef:
    """Find a class or a function at the top of a module."""
    tree = ast.parse(inspect.getsource(module))
    found = (node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name)
    return next(found)


def main() -> None:
    """Write the pages, and remove those that are no longer made."""
    folder = HERE / "reference"
    folder.mkdir(exist_ok=True)
    made = pages()
    for old in set(folder.iterdir()) - {folder / name for name in made}:
        old.unlink()
    for name, text in made.items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
