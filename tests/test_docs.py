"""The documents say what the code does: every name, number and link in them that can be checked."""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import attrs
import msgspec
import pytest

import trioaudio
import trioaudio.core
from trioaudio.api.events import Event
from trioaudio.api.requests import StreamRequest
from trioaudio.api.shapes import CallCause, CallState, Cause
from trioaudio.api.views import Answer, Cut
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.ledger import Ledger
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.speech import Stretch
from trioaudio.core.utterance import Utterance
from trioaudio.daemon.watch import OF_EVERY_UTTERANCE
from trioaudio.engines import engine_names, load_engine
from trioaudio.line import CallTotals
from trioaudio.observe.call_report import CallFigures, call_report
from trioaudio.observe.send_log import SendLog
from trioaudio.say_arguments import say_parser
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import Settings, variable
from trioaudio.settings_sources import CONFIG_FILE, ENV_FILE
from trioaudio.simulators import options
from trioaudio.simulators.arguments import new_parser
from trioaudio.simulators.call import Closed
from trioaudio.simulators.call_report import report
from trioaudio.simulators.dialect import Handshake
from trioaudio.simulators.handshake import dialled_facts
from trioaudio.simulators.place import new_place

ROOT = Path(__file__).parents[1]
CI = ROOT / ".ci" / "run"
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("systemd/*"),
        ROOT / "bench/README.md",
    ]
)
OPERATIONS = ROOT / "docs/operations.md"
ROW = re.compile(r"^\| (.+?) \|", re.MULTILINE)


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


every_page = pytest.mark.parametrize("page", PAGES, ids=page_id)


def section(path: Path, heading: str) -> str:
    """A heading's text, up to the next one of its level or above."""
    after = text_of(path).split(f"\n## {heading}\n", 1)[1]
    return after.split("\n## ", 1)[0]


# --- README's commands -------------------------------------------------------------------


def commands(path: Path) -> list[str]:
    blocks = re.findall(r"```sh\n(.*?)```", text_of(path), re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def test_the_readme_makes_sound_in_one_line() -> None:
    first = commands(ROOT / "README.md")[0]
    setup = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/trioaudio --text "
    assert first.startswith(setup)
    assert first.endswith("--out hello.wav")


def test_ci_runs_the_readme_s_tests_command_as_it_stands_there() -> None:
    line = "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest"
    assert commands(ROOT / "README.md").count(line) == 1
    pattern = re.search(r"grep -x -m1 '(.+?)' README.md", text_of(CI))
    assert pattern is not None
    found = [
        each for each in text_of(ROOT / "README.md").splitlines() if re.fullmatch(pattern[1], each)
    ]
    assert found == [line]


def test_ci_is_a_program() -> None:
    assert CI.stat().st_mode & 0o111 == 0o111
    assert text_of(CI).startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in text_of(CI)


# --- Exit codes, log lines, states -------------------------------------------------------


def test_every_exit_code_is_documented_and_no_other() -> None:
    rows = re.findall(
        r"^\| (\d+) \| (?:`(\w+)`)? ?\|", section(OPERATIONS, "Exit codes"), re.MULTILINE
    )
    documented = {int(code): name for code, name in rows}
    assert documented == {
        **{each.value: each.name for each in ExitCode},
        **dict.fromkeys((129, 130, 143), ""),
    }


def test_help_tells_the_same_exit_codes() -> None:
    epilog = say_parser().epilog or ""
    told = {
        int(code) for code in re.findall(r"(?:\b|: )(\d+) (?:all|a|wrong|no|the|after)", epilog)
    }
    assert told | {130, 143} == {*map(int, ExitCode), 130, 143}


def logged(path: Path) -> Iterator[str]:
    """The constant events a file logs."""
    for node in ast.walk(ast.parse(text_of(path))):
        match node:
            case ast.Call(
                func=ast.Attribute(logger, "debug" | "info" | "warning" | "error" | "critical"),
                args=[ast.Constant(str(event)), *_],
            ) if ast.unparse(logger) != "parser":
                yield event


def test_every_log_line_is_documented_and_no_other() -> None:
    known = {event for path in (ROOT / "trioaudio").rglob("*.py") for event in logged(path)}
    known.add("log records are missing: the console or the disk was too slow, or failed")
    known |= {"FirstFrameSent", "UtteranceSent"} | {kind.__name__ for kind in OF_EVERY_UTTERANCE}
    rows = {
        name.strip("`")
        for row in ROW.findall(section(OPERATIONS, "Logs"))
        for name in re.findall(r"`[^`]+`|^[\w-]+$", row)
    }
    assert rows - {"line", "---"} == known


def test_the_diagram_of_states_is_up_to_date() -> None:
    program = ROOT / "docs/generate_states.py"
    made = subprocess.run([sys.executable, program, "--check"], check=False)
    assert made.returncode == 0, "run: python docs/generate_states.py"


def test_every_cause_is_documented_and_no_other() -> None:
    text = section(OPERATIONS, "Why a call or an utterance is over")
    of_calls, of_utterances = text.split("| utterance | why |")
    assert set(re.findall(r"^\| `([\w-]+)` \|", of_calls, re.MULTILINE)) == {*get_args(CallCause)}
    rows = ROW.findall(of_utterances)
    assert set(re.findall(r"`([\w-]+)`", "".join(rows))) == {*get_args(Cause)}


def test_the_diagram_of_a_call_s_states_has_all_of_them_and_no_other() -> None:
    (diagram,) = re.findall(
        r"```mermaid\n(.*?)```",
        section(ROOT / "docs/architecture.md", "A call's states"),
        re.DOTALL,
    )
    moves = re.findall(r"^    (\S+) --> (\w+|\[\*\])", diagram, re.MULTILINE)
    assert {each for move in moves for each in move} - {"[*]"} == {*get_args(CallState)}


# --- The control API ---------------------------------------------------------------------


def shown_messages(kind: str) -> list[str]:
    page = text_of(ROOT / "docs/control-api.md")
    (block,) = re.findall(rf"<!-- {kind} -->\n```json\n(.*?)```", page, re.DOTALL)
    lines: list[str] = block.splitlines()
    return lines


def test_shown_requests_can_be_read() -> None:
    for line in shown_messages("requests"):
        msgspec.json.decode(line, type=StreamRequest)


def test_shown_answers_and_events_are_what_is_sent() -> None:
    for line in shown_messages("told"):
        shown = json.loads(line)
        if "event" in shown:
            kind: Any = Event
        else:
            kind = {"answer": Answer, "cut": Cut}[shown["kind"]]
        read = msgspec.json.decode(line, type=kind)
        assert json.loads(msgspec.json.encode(read)) == shown


# --- The report --------------------------------------------------------------------------


def far_report() -> dict[str, Any]:
    """What a simulated carrier tells of a call in which everything happened."""
    asked = options.parse(["--dial", "ws://127.0.0.1:1/"])
    call = new_place(asked, 1, None, lambda _name, _more: None).call
    call.handshake = dialled_facts(Handshake("ws://127.0.0.1:1/"))
    call.connected(0.0, "127.0.0.1:1")
    call.list_control(0.1, "bridge", {"connect": []})
    call.list_error(0.2, "no JSON", "?")
    call.disconnected(0.3, Closed(1000, "", "peer"))
    return {**report(call), "out": None}


def figures(far: dict[str, Any] | None) -> CallFigures:
    return CallFigures(
        pcm=PcmFormat(8000),
        log=SendLog(),
        ledger=Ledger().statistics(),
        totals=CallTotals(),
        reconnects=0,
        utterance=Utterance(1),
        engine="espeak",
        stretches=(Stretch("espeak", 0, 0, 0.0),),
        voice=None,
        carrier="telecmi",
        far_report=far,
        now=0.0,
    )


def keys_of(value: object, prefix: str = "") -> Iterator[str]:
    match value:
        case dict():
            for key, each in value.items():
                yield from keys_of(each, f"{prefix}.{key}" if prefix else key)
        case [*items] if items:
            yield prefix
            for each in items:
                yield from keys_of(each, prefix)
        case _:
            yield prefix


def documented_keys() -> set[str]:
    return set(re.findall(r"^\| `([\w.]+)` \|", text_of(ROOT / "docs/report.md"), re.MULTILINE))


def test_every_key_of_the_report_is_documented_and_no_other() -> None:
    assert set(keys_of(call_report(figures(far_report())))) == documented_keys()


def test_what_is_certain_below_carrier_is_there_without_a_measuring_far_end() -> None:
    bare = set(keys_of(call_report(figures(None))))
    assert {key for key in bare if key.startswith("carrier.")} == {
        "carrier.name",
        "carrier.frames",
        "carrier.lateness_ms",
        "carrier.spacing_ms",
    }


def test_every_key_has_a_unit_or_says_what_it_is() -> None:
    rows = re.findall(
        r"^\| `[\w.]+` \| (.*?) \| .*\|$", text_of(ROOT / "docs/report.md"), re.MULTILINE
    )
    assert len(rows) == len(documented_keys())
    assert all(rows)


# --- Settings and options ----------------------------------------------------------------


def variables() -> set[str]:
    names = {variable(field) for field in attrs.fields_dict(Settings)}
    names |= {variable(field) for field in attrs.fields_dict(ServeSettings)}
    for name in carrier_names():
        settings = type(load_carrier(name).settings)
        names |= {variable(f"{name}_{field}") for field in attrs.fields_dict(settings)}
    for name in engine_names():
        own = type(load_engine(name).settings)
        names |= {variable(f"{name}_{field}") for field in attrs.fields_dict(own)}
    # The client's own.
    return names | {ENV_FILE, CONFIG_FILE, variable("control_url"), variable("control_token")}


@every_page
def test_every_variable_mentioned_exists(page: Path) -> None:
    named = set(re.findall(r"TRIOAUDIO_[A-Z_]*[A-Z]", text_of(page)))
    assert named <= variables()


@pytest.mark.parametrize(
    "script",
    [
        "generate_carriers.py",
        "generate_config_schema.py",
        "generate_configuration.py",
        "generate_control_api.py",
        "generate_env_example.py",
    ],
)
def test_what_is_generated_is_up_to_date(script: str) -> None:
    command = [sys.executable, f"docs/{script}", "--check"]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0


def option_names(parser: argparse.ArgumentParser) -> list[str]:
    return [name for action in parser._actions for name in action.option_strings if name != "-h"]


def test_every_option_of_the_simulated_carrier_is_in_its_page() -> None:
    page = text_of(ROOT / "docs/simulated-carrier.md")
    names = [name for name in option_names(new_parser(with_help=False)) if name != "--help"]
    assert [name for name in names if f"`{name}`" not in page] == []


# --- Numbers -----------------------------------------------------------------------------


def test_the_bounds_in_the_media_path_are_the_code_s() -> None:
    rows = re.findall(
        r"^\| `(trioaudio\.[\w.]+)` \| (\d+) \|", text_of(ROOT / "docs/media-path.md"), re.MULTILINE
    )
    assert len(rows) > 5
    for name, value in rows:
        module, _, constant = name.rpartition(".")
        assert getattr(importlib.import_module(module), constant) == int(value), name


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("shutdown_s", "`TRIOAUDIO_SHUTDOWN_S` (5 seconds)"),
        ("keep_ms", "`TRIOAUDIO_KEEP_MS` (2 seconds)"),
    ],
)
def test_defaults_told_in_words_are_the_defaults(field: str, told: str) -> None:
    assert told in text_of(OPERATIONS)
    seconds = getattr(Settings(), field) / (1000 if field.endswith("_ms") else 1)
    assert f"({seconds:g} seconds)" in told


def _raises_it_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def test_exception_is_caught_where_the_decision_says_and_nowhere_else() -> None:
    caught = [
        path.name
        for path in sorted((ROOT / "trioaudio").rglob("*.py"))
        for node in ast.walk(ast.parse(text_of(path)))
        if isinstance(node, ast.ExceptHandler)
        and isinstance(node.type, ast.Name)
        and node.type.id in {"Exception", "BaseException"}
        and not _raises_it_again(node)
    ]
    assert caught == [
        "live_call.py",
        "connections.py",
        "relaying.py",
        "switchboard.py",
        "pacer.py",
        "supervise.py",
    ]


# --- Links, words, form ------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@every_page
def test_internal_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(page)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.is_file(), target
        assert not anchor or anchor in anchors(there), target


PLAIN_WORDS = {"errors", "exit_code", "suggest", "text", "wire_json"}
"""Modules of the core whose names need no explanation."""

SPELLED = {
    "backoff": "backoff",
    "facts": "fact",
    "g711": "g.711",
    "mark_name": "mark",
    "pcm": "pcm",
    "pending_marks": "mark",
    "percentiles": "percentile",
    "resume_place": "engine's turn",
    "speech": "speaker",
    "word_estimate": "word timing",
    "wyoming_event": "event",
}
"""Modules whose names the glossary spells otherwise."""


def test_the_glossary_has_the_terms_modules_are_named_after() -> None:
    terms = " ".join(re.findall(r"\*\*(.+?)\*\*", text_of(ROOT / "docs/glossary.md"))).lower()
    core = {module.name for module in pkgutil.iter_modules(trioaudio.core.__path__)}
    above = {"call", "leg", "pacer", "media_path", "playout_queue", "far_end", "supervise"}
    above |= {"carriers", "engines", "media_socket"}
    missing = [
        name
        for name in sorted((core | above) - PLAIN_WORDS)
        if SPELLED.get(name, name.replace("_", " ").removesuffix("s")) not in terms
    ]
    assert missing == []


ABSOLUTE = "bin|dev|etc|opt|proc|run|sys|tmp|usr|var|media|answer|v1"
"""Folders of every system, and the paths of our URLs."""


@pytest.mark.parametrize("page", [*PAGES, CI], ids=page_id)
def test_nothing_of_one_machine_is_in_the_documents(page: Path) -> None:
    paths = re.findall(r"(?<![\w:/.…`<>})\]*~$-])/([a-z]\w*)/\w", text_of(page))
    assert [each for each in paths if not re.fullmatch(ABSOLUTE, each)] == []
    assert not re.search(r"~/|\b(TODO|FIXME|XXX)\b|\.\./shared|(?<!\w)#\d+\b", text_of(page))


@every_page
def test_pages_are_tidy(page: Path) -> None:
    text = text_of(page)
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert [line for line in text.splitlines() if line != line.rstrip()] == []


def test_the_bench_s_table_has_its_place() -> None:
    assert re.search(
        r"<!-- bench:start -->\n(.*\n)*?<!-- bench:end -->", text_of(ROOT / "docs/benchmarks.md")
    )


def test_decisions_are_numbered_without_holes_and_listed() -> None:
    files = sorted((ROOT / "docs/adr").glob("0*.md"))
    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    listed = text_of(ROOT / "docs/adr/README.md")
    for number, path in enumerate(files, 1):
        title, _, *rest = text_of(path).splitlines()
        assert title.startswith(f"# {number}. ")
        assert f"[{title[2:]}]({path.name})" in listed
        assert rest[0].startswith("Status: ")
        assert [line for line in rest if line.startswith("## ")] == [
            "## Context",
            "## Decision",
            "## Consequences",
        ]


def test_the_changelog_keeps_its_form() -> None:
    lines = text_of(ROOT / "CHANGELOG.md").splitlines()
    assert lines[0] == "# Changelog"
    versions = [line for line in lines if line.startswith("## ")]
    assert versions[0] == "## [Unreleased]"
    for version in versions[1:]:
        assert re.fullmatch(r"## \[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", version)
    kinds = {line.removeprefix("### ") for line in lines if line.startswith("### ")}
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    released = [re.sub(r".*\[(.*)\].*", r"\1", each) for each in versions[1:]]
    assert trioaudio.__version__ in released or f"version, {trioaudio.__version__}," in "\n".join(
        lines
    )
