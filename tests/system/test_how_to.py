"""The commands and the Python of the how-tos, run against a daemon that has a call."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import httpx
import pytest

from system.processes import Done, Runner, Running, read_wav

pytestmark = [pytest.mark.system, pytest.mark.long]

DOCS = Path(__file__).parents[2] / "docs"
PATIENCE_S = 60.0
MEDIA, CONTROL = "8088", "8089"
SHOWN_CALL = "c_7fcf08aab641d1c3"
ELSEWHERE = re.compile(r"trioaudio watch|/transfer\b|^find |^trioaudio serve|venv", re.MULTILINE)
"""What goes on for ever, needs a carrier's REST interface, or is not about the call."""


def blocks(page: str, language: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])


@attrs.define(eq=False)
class Place:
    """A folder that is somebody's home, and the daemon that runs there."""

    runner: Runner
    ports: dict[str, str]
    environ: dict[str, str]

    def here(self, text: str) -> str:
        """Return a page's text with this place's ports."""
        return re.sub(r"(?<=:)808[89]\b", lambda found: self.ports[found[0]], text)

    @property
    def token(self) -> str:
        return (self.runner.folder / ".local/state/trioaudio/control.token").read_text().strip()

    def ask(self, method: str, path: str) -> str:
        """Ask the control API; return the answer's text."""
        url = f"http://127.0.0.1:{self.ports[CONTROL]}/v1/{path}"
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.request(method, url, headers=headers, trust_env=False).text

    def call(self) -> tuple[str, Running]:
        """Return the id of a call that is up, and its far end."""
        carrier = self.runner.carrier(
            *("--carrier", "raw", "--dial", self.here(f"ws://127.0.0.1:{MEDIA}/media/raw"))
        )
        found: set[str] = set()

        def is_up() -> bool:
            found.update(re.findall(r"c_\w{16}", self.ask("GET", "calls?state=up")))
            return bool(found)

        carrier.until(is_up)
        (call,) = found
        return call, carrier

    def hang_up(self, call: str, carrier: Running) -> None:
        """End a call, and see its far end go in peace."""
        self.ask("DELETE", f"calls/{call}")
        assert carrier.wait().code == 0

    def bash(self, script: str, call: str = SHOWN_CALL) -> Done:
        """Run a page's commands in one shell; a request that is refused ends it."""
        text = self.here(script).replace(SHOWN_CALL, call)
        text = text.replace("curl -sS -H", "curl -sS --fail-with-body -H")
        file = self.runner.folder / "page.sh"
        file.write_text(f"set -euxo pipefail\n{text}\n", encoding="utf-8")
        shell = self.runner.start("page.sh", command=("bash",), env=self.environ)
        shell.process.wait(PATIENCE_S)  # with its standard input open, as at a terminal
        return shell.wait()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    runner = Runner(tmp_path_factory.mktemp("home"))
    ports = {MEDIA: free_port(), CONTROL: free_port()}
    commands = runner.folder / "bin"
    commands.mkdir()
    (commands / "trioaudio").symlink_to(Path(sys.executable).with_name("trioaudio"))
    environ = {
        "HOME": str(runner.folder),
        "XDG_STATE_HOME": "",
        "PATH": f"{commands}:{os.environ['PATH']}",
        "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
        "TRIOAUDIO_CARRIERS": "raw",
        "TRIOAUDIO_MEDIA_AUTH": "off",
        "TRIOAUDIO_MEDIA_LISTEN": f"127.0.0.1:{ports[MEDIA]}",
        "TRIOAUDIO_CONTROL_LISTEN": f"127.0.0.1:{ports[CONTROL]}",
        "TRIOAUDIO_CPU_MOST": "0",  # the machine that runs the tests has other things to do
        "TRIOAUDIO_LATENESS_MOST_MS": "0",
        "TRIOAUDIO_LOOP_LAG_MOST_MS": "0",
        "TRIOAUDIO_DRAIN_TIMEOUT_S": "1",
    }
    daemon = runner.start("serve", env=environ)
    daemon.until_err(" ready ")
    yield Place(runner, ports, environ)
    daemon.signal(signal.SIGTERM)
    done = daemon.wait()
    runner.close()
    assert done.code == 0, done
    assert "Traceback" not in done.err, done.err


@pytest.mark.parametrize(
    "page", ["how-to/token-streaming.md", "how-to/ivr.md", "how-to/recordings.md"]
)
def test_the_commands_of_a_page_are_taken(place: Place, page: str) -> None:
    call, carrier = place.call()
    kept = [
        line
        for block in blocks(page, "sh")
        for line in re.sub(r"\\\n\s*", "", block).splitlines()
        if not ELSEWHERE.search(line)
    ]
    assert sum("curl" in line for line in kept) >= 4
    done = place.bash("\n".join(kept), call)
    assert done.code == 0, done
    place.hang_up(call, carrier)


def test_five_minutes_are_enough(place: Place) -> None:
    (script,) = [each for each in blocks("index.md", "sh") if "simulate carrier" in each]
    done = place.bash(script)
    assert done.code == 0, done
    heard = read_wav(place.runner.folder / "heard.wav")
    assert heard.ms > 1000
    assert heard.peak > 1000


def test_an_endpoint_of_one_s_own_is_spoken_to(place: Place) -> None:
    """As the page has it: a call is expected, and its URL dialled."""
    _, expect, dial = [
        each for each in blocks("quick-start/raw.md", "sh") if "curl" in each or "simulate" in each
    ]
    script = expect.strip() + " > call.json\nMEDIA_URL=$(grep -o 'ws://[^\"]*' call.json)\n" + dial
    done = place.bash(script)
    assert done.code == 0, done
    assert read_wav(place.runner.folder / "heard.wav").peak > 1000


def test_a_model_s_tokens_are_said(place: Place) -> None:
    call, carrier = place.call()
    (program,) = blocks("how-to/token-streaming.md", "python")
    file = place.runner.folder / "program.py"
    file.write_text(
        f"{program}\n\nimport trio\n\n\nasync def tokens():\n"
        "    for token in ('Let ', 'me ', 'think.'):\n        yield token\n\n\n"
        f"print(trio.run(answer, {call!r}, tokens()))\n",
        encoding="utf-8",
    )
    done = place.runner.run("program.py", command=(sys.executable,), env=place.environ)
    assert (done.code, done.out.strip()) == (0, "Let me think."), done
    place.hang_up(call, carrier)


def test_a_node_that_is_gone_is_passed_over(place: Place) -> None:
    (program,) = blocks("how-to/many-processes.md", "python")
    nodes = [f"http://127.0.0.1:{free_port()}", place.here(f"http://127.0.0.1:{CONTROL}")]
    file = place.runner.folder / "program.py"
    file.write_text(
        f"{program}\n\nimport trio\n\nNODES = {nodes!r}\n\n\nasync def main():\n"
        f"    tokens = dict.fromkeys(NODES, {place.token!r})\n"
        "    node, call = await create_call(tokens, carrier='raw', wait_ms=100)\n"
        "    print(node == NODES[1], call)\n\n\ntrio.run(main)\n",
        encoding="utf-8",
    )
    done = place.runner.run("program.py", command=(sys.executable,), env=place.environ)
    assert re.fullmatch(r"True c_\w{16}\n", done.out), done
