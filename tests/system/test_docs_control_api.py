"""The commands in the daemon's pages work, in the order they stand, and answer what is shown."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from system.processes import Runner, Running

pytestmark = pytest.mark.system

DOCS = Path(__file__).parents[2] / "docs"
PORTS = ("8088", "8089", "8090", "8091")
BLOCK = re.compile(r"<!-- run -->\n```sh\n(.*?)```\n(?:\n```(json|text)\n(.*?)```\n)?", re.DOTALL)
ANY = "…"
PAGE_SECONDS = 60.0


@attrs.frozen
class Block:
    """Commands, and the answer shown below them."""

    commands: str
    form: str
    shown: str


def blocks(page: Path) -> list[Block]:
    return [Block(*each) for each in BLOCK.findall(page.read_text(encoding="utf-8"))]


def settings(page: Path) -> dict[str, str]:
    (text,) = re.findall(r"```env\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return dict(line.split("=", 1) for line in text.splitlines())


# --- What is shown, and what came --------------------------------------------------------


def fits(shown: str, came: str) -> bool:
    """Say whether a text is what is shown, where … stands for anything."""
    pattern = ".*".join(re.escape(each) for each in shown.split(ANY))
    return re.fullmatch(pattern, came, re.DOTALL) is not None


def differences(shown: object, came: object, place: str = "$") -> Iterator[str]:
    """Tell what differs; fields that are not shown, and numbers with a point, may be anything."""
    match shown, came:
        case dict(), dict():
            for key, value in shown.items():
                yield from differences(value, came.get(key, "nothing"), f"{place}.{key}")
        case list(), list() if len(shown) == len(came):
            for number, (left, right) in enumerate(zip(shown, came, strict=True)):
                yield from differences(left, right, f"{place}[{number}]")
        case (str(), str()) if fits(shown, came):
            pass
        case float(), int() | float():
            pass
        case _ if shown != came or type(shown) is not type(came):
            yield f"{place} is {came!r}, and {shown!r} is shown"


def complaints(block: Block, came: str) -> list[str]:
    lines = [line for line in came.splitlines() if line]
    shown = block.shown.splitlines()
    if not block.form:
        return []
    if len(lines) != len(shown):
        return [f"{len(shown)} lines are shown, and {len(lines)} came: {came}"]
    found: list[str] = []
    for left, right in zip(shown, lines, strict=True):
        if block.form == "text":
            found += [] if fits(left, right) else [f"{right!r} came, and {left!r} is shown"]
        else:
            found += differences(json.loads(left), json.loads(right))
    return found


def test_what_differs_is_told() -> None:
    shown = '{"a": 1, "b": "x…", "c": [{"d": true}], "e": 0.5}\n1'
    right = '{"a": 1, "b": "xyz", "c": [{"d": true, "more": 2}], "e": 7.25}\n1\n'
    assert complaints(Block("", "json", shown), right) == []
    wrong = '{"a": true, "b": "zyx", "c": [], "f": 0}\n1\n'
    assert len(complaints(Block("", "json", shown), wrong)) == 4
    assert complaints(Block("", "json", shown), "1") == ["2 lines are shown, and 1 came: 1"]
    assert complaints(Block("", "text", "a…c"), "abbc") == []
    assert complaints(Block("", "text", "a…c"), "abbd") == ["'abbd' came, and 'a…c' is shown"]


# --- The pages ---------------------------------------------------------------------------


def section(page: Path, heading: str) -> str:
    return page.read_text(encoding="utf-8").split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]


def free_ports() -> dict[str, str]:
    """Return ports nobody has, for those in the pages."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    try:
        found = [str(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
    return dict(zip(PORTS, found, strict=True))


@attrs.define(eq=False)
class Place:
    """A folder that is somebody's home, and the daemon that runs there."""

    runner: Runner
    ports: dict[str, str]
    environ: dict[str, str]
    daemon: Running

    def here(self, text: str) -> str:
        """Return a text with this place's ports."""
        return re.sub(r"(?<=:)80(88|89|90|91)\b", lambda found: self.ports[found[0]], text)

    def run(self, page: Path) -> list[str]:
        """Run a page's commands in one shell; return what each block wrote."""
        script = ["set -euo pipefail"]
        for number, block in enumerate(blocks(page)):
            script.append(f"{{\n{self.here(block.commands)}}} > out.{number}")
        (self.runner.folder / "page.sh").write_text("\n".join(script) + "\n")
        shell = self.runner.start("page.sh", command=("bash",), env=self.environ)
        try:
            shell.process.wait(PAGE_SECONDS)
        finally:  # what it left in the background holds its streams open
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.process.pid, signal.SIGKILL)
        done = shell.wait()
        outs = [self.runner.folder / f"out.{number}" for number in range(len(blocks(page)))]
        written = [each.read_text() if each.exists() else "" for each in outs]
        assert done.code == 0, (done.err, [text for text in written if text][-1:], self.daemon.err)
        return written


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    runner = Runner(tmp_path_factory.mktemp("home"))
    ports = free_ports()
    commands = runner.folder / "bin"
    commands.mkdir()
    (commands / "trioaudio").symlink_to(Path(sys.executable).with_name("trioaudio"))
    environ = {
        **settings(DOCS / "daemon.md"),
        "HOME": str(runner.folder),
        "XDG_STATE_HOME": "",
        "PATH": f"{commands}:{os.environ['PATH']}",
        "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
        "TRIOAUDIO_MEDIA_LISTEN": f"127.0.0.1:{ports['8088']}",
        "TRIOAUDIO_CONTROL_LISTEN": f"127.0.0.1:{ports['8089']}",
        "TRIOAUDIO_CPU_MOST": "0",  # the machine that runs the tests has other things to do
        "TRIOAUDIO_LATENESS_MOST_MS": "0",
        "TRIOAUDIO_LOOP_LAG_MOST_MS": "0",
        "TRIOAUDIO_DRAIN_TIMEOUT_S": "5",
    }
    environ = {
        name: re.sub(r"(?<=:)80(90|91)\b", lambda found: ports[found[0]], value)
        for name, value in environ.items()
    }
    daemon = runner.start("serve", env=environ)
    daemon.until_err(" ready ")
    yield Place(runner, ports, environ, daemon)
    daemon.signal(signal.SIGTERM)
    done = daemon.wait()
    runner.close()
    assert done.code == 0, done
    assert "Traceback" not in done.err, done.err


@pytest.mark.parametrize("name", ["daemon.md", "control-api.md"])
def test_the_page_is_true(place: Place, name: str) -> None:
    page = DOCS / name
    wrong = [
        f"{block.commands.splitlines()[-1]}: {each}"
        for block, came in zip(blocks(page), place.run(page), strict=True)
        for each in complaints(block, came)
    ]
    assert wrong == []


def test_every_example_of_curl_is_run() -> None:
    for name in ("daemon.md", "control-api.md"):
        text = (DOCS / name).read_text(encoding="utf-8")
        ran = sum(
            block.commands.count("curl") + block.commands.count("ask ")
            for block in blocks(DOCS / name)
        )
        fenced = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
        assert ran == sum(each.count("curl") + each.count("ask ") for each in fenced)


def test_the_readme_is_true(place: Place) -> None:
    """Its lines of Python, and meanwhile its commands."""
    text = section(DOCS.parent / "README.md", "As a daemon")
    (program,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    _, commands = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    before = place.daemon.err.count("carrier connected")
    (place.runner.folder / "program.py").write_text(f"import trio\n{program}\ntrio.run(main)\n")
    python = (sys.executable, "-u", "program.py")
    running = place.runner.start(command=python, env=place.environ)
    running.until(lambda: running.out.startswith("ws"))
    carrier = place.runner.carrier("--carrier", "raw", "--dial", running.out.splitlines()[0])
    done = running.wait()
    assert (done.code, done.out.splitlines()[1:]) == (0, ["Hello."]), done
    carrier.wait()
    caller = place.runner.carrier(
        "--carrier", "raw", "--dial", f"ws://127.0.0.1:{place.ports['8088']}/media/raw"
    )
    place.daemon.until(lambda: place.daemon.err.count("carrier connected") == before + 2)
    listed, said, hung_up = (shlex.split(line)[1:] for line in commands.splitlines())
    calls = place.runner.run(*listed, env=place.environ).out
    (call,) = re.findall(r"^(c_\w+) +up ", calls, re.MULTILINE)
    for each in (said, hung_up):
        arguments = [re.sub(r"^c_\w+$", call, word) for word in each]
        assert place.runner.run(*arguments, env=place.environ).code == 0
    caller.wait()


def test_serve_starts_with_one_command(runner: Runner) -> None:
    ports = free_ports()
    daemon = runner.start(
        "serve",
        env={
            "HOME": str(runner.folder),
            "XDG_STATE_HOME": "",
            "TRIOAUDIO_MEDIA_LISTEN": f"127.0.0.1:{ports['8088']}",
            "TRIOAUDIO_CONTROL_LISTEN": f"127.0.0.1:{ports['8089']}",
        },
    )
    daemon.until_err(" ready ")
    assert (runner.folder / ".local/state/trioaudio/control.token").stat().st_mode & 0o777 == 0o600
    daemon.signal(signal.SIGTERM)
    assert daemon.wait().code == 0
