# ruff: noqa: INP001  a script, not a package
"""Write the tables of control-api.md, from the messages, the routes and the kinds of problems.

python docs/generate_control_api.py            write them
python docs/generate_control_api.py --check    exit code 1 if they are out of date
"""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import inspect as shapes

from trioaudio.api.commands import CallCommand
from trioaudio.api.events import Event
from trioaudio.api.requests import NewCall, Precache, StreamRequest
from trioaudio.api.views import CallView, Reply, UtteranceView
from trioaudio.control.operation import Operation
from trioaudio.control.problems import KINDS
from trioaudio.control.server import all_operations

PAGE = Path(__file__).with_name("control-api.md")
WORDS = tomllib.loads(Path(__file__).with_name("control_api_words.toml").read_text("utf-8"))
MEANINGS: dict[str, str] = WORDS["fields"]
OF_ONE: dict[str, str] = WORDS["fields_of_one"]
TO_DO: dict[str, str] = WORDS["what_to_do"]
WHO = {"open": "nobody's", "near": "nobody's if only this machine reaches the API, else read-only"}
LONGEST_CHOICE = 6
"""Words that are listed in a cell; more are listed elsewhere."""

LARGEST_TOLD = 1_000_000
"""A limit above it is no news: a day in milliseconds, 2 to the 53rd."""


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


# --- Messages ----------------------------------------------------------------------------


def told(kind: type[msgspec.Struct]) -> dict[str, str]:
    """Return what a class says about its fields, in the strings below them."""
    found: dict[str, str] = {}
    for each in reversed(kind.__mro__):
        if not issubclass(each, msgspec.Struct) or each is msgspec.Struct:
            continue
        (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(parsed, ast.ClassDef)
        for field, below in zip(parsed.body, parsed.body[1:], strict=False):
            match field, below:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(str(text))),
                ):
                    found[name] = " ".join(text.rstrip(".").split())
    return found


def written(kind: shapes.Type) -> str:  # noqa: C901  a case a type
    """Return a type in a word or two, with its limits."""
    match kind:
        case shapes.Metadata(type=inner):
            return written(inner)
        case shapes.UnionType(types=types):
            some = [written(each) for each in types if each != shapes.NoneType()]
            return " or ".join(some) if len(some) < LONGEST_CHOICE else "object"
        case shapes.LiteralType(values=values):
            if len(values) > LONGEST_CHOICE:
                return "word"
            return ", ".join(f"`{each}`" for each in values)
        case shapes.IntType(ge=least, le=most) | shapes.FloatType(ge=least, le=most):
            return f"number{_range(least, most)}"
        case shapes.StrType(min_length=least, max_length=most):
            return f"text{_range(least or None, most)}"
        case shapes.ListType(item_type=item, max_length=most):
            of = written(item).partition(",")[0]
            return f"list of {of}" + ("" if most is None else f", at most {most}")
        case shapes.DictType():
            return "object"
        case shapes.BoolType():
            return "boolean"
        case shapes.StructType(cls=cls):
            return f"`{_tag(cls) or cls.__name__}`"
        case shapes.AnyType():
            return "anything"
        case _:
            raise TypeError(kind)


def _range(least: float | None, most: float | None) -> str:
    if most is not None and most > LARGEST_TOLD:
        most = None
    match least, most:
        case ((None | 0 | 1), None):
            return ""
        case ((None | 0 | 1), _) if most is not None:
            return f", at most {int(most)}"
        case _, None:
            return f", at least {least}"
        case _:
            return f", {least} to {most}"


def _tag(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag or "")


def _default(field: shapes.Field) -> str:
    if field.required:
        return "needed"
    if field.default_factory is not msgspec.NODEFAULT:
        return ""
    if field.default is None or field.default == "":
        return ""
    return f"`{msgspec.json.encode(field.default).decode()}`"


def fields(kind: type[msgspec.Struct]) -> Iterator[tuple[str, str, str, str]]:
    """Return a message's fields: name, type, default, meaning."""
    notes = told(kind)
    shape = shapes.type_info(kind)
    assert isinstance(shape, shapes.StructType)
    for field in shape.fields:
        special = OF_ONE.get(f"{_tag(kind)}.{field.name}")
        meaning = special or notes.get(field.name) or MEANINGS[field.name]
        yield f"`{field.name}`", written(field.type), _default(field), _plain(meaning)


def _plain(meaning: str) -> str:
    return meaning.replace("|", "\\|").replace("None", "null")


def first_line(kind: type[msgspec.Struct]) -> str:
    """Return what a message is for."""
    return " ".join((kind.__doc__ or "").split()).replace("|", "\\|")


def of_messages(
    kinds: Iterable[type[msgspec.Struct]], *, defaults: bool, left_out: str = ""
) -> str:
    """Return one table of several messages, a heading row each."""
    head = ("message", "field", "type", *(("default",) if defaults else ()), "meaning")

    def rows() -> Iterator[Sequence[str]]:
        for kind in kinds:
            yield (f"**`{_tag(kind)}`**", "", *[""] * (len(head) - 3), first_line(kind))
            for name, type_, default, meaning in fields(kind):
                if name.strip("`") not in left_out.split():
                    yield ("", name, type_, *((default,) if defaults else ()), meaning)

    return table(head, rows())


def commands() -> str:
    """Return what a call can be told."""
    return of_messages(get_args(CallCommand), defaults=True)


def events() -> str:
    """Return what is told."""
    return of_messages(get_args(Event), defaults=False, left_out="call at")


def stream() -> str:
    """Return what a client sends on the stream."""
    return of_messages(get_args(StreamRequest), defaults=True, left_out="ref")


def replies() -> str:
    """Return what a command is answered with."""
    return of_messages(get_args(Reply), defaults=False)


def new_call() -> str:
    """Return the fields of a new call."""
    return table(("field", "type", "default", "meaning"), fields(NewCall))


def precache() -> str:
    """Return the fields of prompts to be made."""
    return table(("field", "type", "default", "meaning"), fields(Precache))


def call() -> str:
    """Return the fields of a call as it is shown."""
    return table(
        ("field", "type", "meaning"), (_without_default(each) for each in fields(CallView))
    )


def utterance() -> str:
    """Return the fields of an utterance as it is shown."""
    rows = (_without_default(each) for each in fields(UtteranceView))
    return table(("field", "type", "meaning"), rows)


def _without_default(row: tuple[str, str, str, str]) -> tuple[str, str, str]:
    name, type_, _, meaning = row
    return name, type_, meaning


# --- Routes and problems -----------------------------------------------------------------


def verbs() -> str:
    """Return the routes, and whose token each takes."""
    rows = (
        (f"`{each.method} {each.path}`", _whose(each), str(each.status), _plain(each.summary))
        for each in all_operations()
    )
    stream_row = (
        "`GET /v1/stream`",
        "read-only; commands and `listen`: operator",
        "101",
        "[The stream](#the-stream), a WebSocket.",
    )
    return table(("verb", "role", "status", ""), [*rows, stream_row])


def _whose(operation: Operation) -> str:
    return WHO.get(operation.guard, operation.guard)


def problems() -> str:
    """Return the kinds of problems, and what to do about each."""
    assert TO_DO.keys() == KINDS.keys()
    rows = (
        (f"`{kind}`", str(status), title, TO_DO[kind]) for kind, (status, title) in KINDS.items()
    )
    return table(("type ends in", "status", "meaning", "what to do"), rows)


BLOCKS = {
    "verbs": verbs,
    "problems": problems,
    "new-call": new_call,
    "precache": precache,
    "commands": commands,
    "replies": replies,
    "call": call,
    "utterance": utterance,
    "stream": stream,
    "events": events,
}


def main() -> int:
    """Write or check; return the exit code."""
    page = fresh = PAGE.read_text(encoding="utf-8")
    for name, block in BLOCKS.items():
        start, end = f"<!-- {name}:start -->\n", f"<!-- {name}:end -->"
        before, found, rest = fresh.partition(start)
        assert found, f"{PAGE.name} has no place for {name}"
        _, _, after = rest.partition(end)
        fresh = f"{before}{start}{block()}{end}{after}"
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
