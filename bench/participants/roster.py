"""Who takes part, and what they need: each is set up here or left out with a reason."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import attrs

from bench.machine import BUILD, FLOOR_PROGRAM, HERE

VENV = BUILD / "venv"
NODE_FOLDER = BUILD / "node"
REQUIREMENTS = HERE / "requirements.txt"
PARTICIPANTS = HERE / "participants"
INSTALL_SECONDS = 600

FLOOR = "floor"
OURS = "trioaudio"


@attrs.frozen
class Participant:
    """One program that keeps the contract of README.md, "A sender"."""

    key: str
    label: str
    command: list[str]
    version: str = ""
    tls: bool = False
    """Whether it takes part over TLS."""


@attrs.frozen
class Roster:
    """Those who take part, the floor first, and why others do not."""

    participants: list[Participant]
    left_out: list[str]


def gather(wanted: set[str] | None) -> Roster:
    """Set up whoever is wanted, None: everybody; the floor always takes part."""
    there = [
        Participant(FLOOR, "C floor", [str(FLOOR_PROGRAM)], tls=True),
        Participant(OURS, "trioaudio", [sys.executable, str(HERE / "sender.py")], tls=True),
    ]
    left_out: list[str] = []
    for names, set_up in ((_PYTHON, _python), (_NODE, _node)):
        asked = [name for name in names if wanted is None or name in wanted]
        if asked:
            found, missing = set_up(asked)
            there += found
            left_out += missing
    chosen = [each for each in there if wanted is None or each.key in wanted or each.key == FLOOR]
    return Roster(chosen, left_out)


_PYTHON = {
    "websockets": ("websockets, a task per call", "websockets_asyncio.py", ("websockets",), []),
    "picows": ("picows, one heap", "picows_asyncio.py", ("picows",), ["--way", "heap"]),
    "picows-timers": (
        "picows, a timer per call",
        "picows_asyncio.py",
        ("picows",),
        ["--way", "timers"],
    ),
    "picows-uvloop": (
        "picows on uvloop, a timer per call",
        "picows_asyncio.py",
        ("picows", "uvloop"),
        ["--way", "timers-uvloop"],
    ),
    "pipecat": (
        "Pipecat, FastAPI WebSocket",
        "pipecat_fastapi.py",
        ("pipecat-ai", "fastapi", "uvicorn"),
        [],
    ),
}
_NODE = {
    "node-interval": ("Node ws, setInterval", "interval"),
    "node": ("Node ws, deadlines", "deadlines"),
}
NAMES = (OURS, *_PYTHON, *_NODE)


def _run(command: list[str | Path], cwd: Path = HERE) -> str | None:
    """Run a command to its end; return None when all is well, else the last of what it said."""
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, check=False, timeout=INSTALL_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as exc:
        return str(exc)
    said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return None if done.returncode == 0 else (said or ["no reason given"])[-1]


def _python(asked: list[str]) -> tuple[list[Participant], list[str]]:
    """Install what is asked for into a venv of the benchmark's own, package by package."""
    python = VENV / "bin" / "python"
    if not python.exists() and (trouble := _run([sys.executable, "-m", "venv", VENV])) is not None:
        return [], [f"{name}: no virtual environment ({trouble})" for name in asked]
    wanted = _requirements()
    found, missing = [], []
    for name in asked:
        label, program, packages, options = _PYTHON[name]
        trouble = _install(python, [wanted[package] for package in packages])
        if trouble is not None:
            missing.append(f"{label}: {', '.join(packages)} could not be installed ({trouble})")
            continue
        version = ", ".join(f"{package} {_version(python, package)}" for package in packages)
        command = [str(python), str(PARTICIPANTS / program), *options]
        found.append(Participant(name, label, command, version))
    return found, missing


def _requirements() -> dict[str, str]:
    """Return the lines of requirements.txt by the name of the package."""
    lines = (line.partition("#")[0].strip() for line in REQUIREMENTS.read_text().splitlines())
    wanted = {}
    for line in filter(None, lines):
        name = line
        for mark in "[<>=":
            name = name.partition(mark)[0]
        wanted[name] = line
    return wanted


def _install(python: Path, requirements: list[str]) -> str | None:
    return _run([python, "-m", "pip", "install", "--quiet", *requirements])


def _version(python: Path, package: str) -> str:
    ask = f"import importlib.metadata as m; print(m.version({package!r}))"
    done = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "?"


def _node(asked: list[str]) -> tuple[list[Participant], list[str]]:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return [], [f"{_NODE[name][0]}: node and npm are not here" for name in asked]
    NODE_FOLDER.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(PARTICIPANTS / name, NODE_FOLDER / name)
    trouble = None
    package = NODE_FOLDER / "node_modules" / "ws" / "package.json"
    if not package.exists():
        options = ["--ignore-scripts", "--no-audit", "--no-fund"]
        trouble = _run([npm, "ci", *options], cwd=NODE_FOLDER)
    if trouble is not None:
        return [], [f"{_NODE[name][0]}: npm ci failed ({trouble})" for name in asked]
    ws = json.loads(package.read_text(encoding="utf-8"))["version"]
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    version = f"Node {done.stdout.strip().removeprefix('v')}, ws {ws}"
    command = ["/usr/bin/env", f"BENCH_NODE_MODULES={NODE_FOLDER}", node]
    program = str(PARTICIPANTS / "node_ws.mjs")
    return [
        Participant(name, _NODE[name][0], [*command, program, "--way", _NODE[name][1]], version)
        for name in asked
    ], []
