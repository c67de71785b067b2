# ruff: noqa: INP001  a script, not a package
"""Take the pictures of `trioaudio top`: a daemon with a dozen calls, looked at on a real terminal.

python docs/take_pictures.py            write docs/pictures/top*.svg; it takes half a minute

Nothing is drawn by hand: a daemon runs, simulated carriers bring it calls, an application has them
speak, `trioaudio top` runs on a pseudo-terminal, and what its screen shows becomes the picture.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Final

import attrs
import pexpect
import pyte
import trio
from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from trioaudio.client import Call, Client, ClientError, ProblemError

FOLDER: Final = Path(__file__).with_name("pictures")
PATIENCE_S: Final = 60.0
SECRET: Final = "simulated-secret"  # noqa: S105  the simulator's own
TEXTS: Final = (
    (
        "Good morning. Your order left our house at seven and will be with you before the evening."
        " Please keep the receipt ready when our driver comes to the door."
    ),
    (
        "Your appointment with Doctor Rao is on Monday at half past ten. Press one to confirm it,"
        " or two to choose another day."
    ),
    (
        "Thank you for calling. All of our colleagues are busy at the moment. You are the third in"
        " the queue, and we will be with you in about four minutes."
    ),
    (
        "We have found your parcel. It waits for you at the office in the station until Friday."
        " Bring the number that we have sent you, and a document with your name."
    ),
)
NUMBERS: Final = tuple(f"+1415555{100 + 7 * n:04d}" for n in range(8))
THEME: Final = TerminalTheme(
    (22, 27, 34),
    (208, 215, 222),
    [
        (40, 46, 54), (255, 123, 114), (86, 211, 100), (227, 179, 65),
        (88, 166, 255), (210, 168, 255), (86, 200, 216), (208, 215, 222),
    ],
    [
        (125, 133, 144), (255, 161, 152), (126, 231, 135), (242, 204, 96),
        (121, 192, 255), (226, 197, 255), (130, 220, 232), (240, 246, 252),
    ],
)  # fmt: skip
_PYTE_NAMES: Final = {"brown": "yellow", "brightbrown": "bright_yellow"}


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@attrs.define(eq=False)
class Stage:
    """A daemon, and who is around it: ports of 127.0.0.1."""

    folder: Path
    media: int
    control: int
    rest: int

    @property
    def environ(self) -> dict[str, str]:
        """What its processes are told."""
        kept = {key: each for key, each in os.environ.items() if "TRIOAUDIO" not in key}
        settings = {
            "STATE_FOLDER": self.folder / "state",
            "CACHE_FOLDER": self.folder / "cache",
            "MEDIA_LISTEN": f"127.0.0.1:{self.media}",
            "CONTROL_LISTEN": f"127.0.0.1:{self.control}",
            "MEDIA_AUTH": "off",
            "CARRIERS": "twilio,plivo,exotel,raw",
            "CALLER_ID": "+14155550199",
            "TWILIO_ACCOUNT_SID": "1000001",
            "TWILIO_AUTH_TOKEN": SECRET,
            "TWILIO_REST_URL": f"http://127.0.0.1:{self.rest}",
            "CPU_MOST": "0",
            "LATENESS_MOST_MS": "0",
            "LOOP_LAG_MOST_MS": "0",
            "CALLS_MOST": "50",
        }
        return {**kept, **{f"TRIOAUDIO_{key}": str(each) for key, each in settings.items()}}

    @contextlib.contextmanager
    def process(self, *arguments: str) -> Iterator[None]:
        """Run a verb while the block runs."""
        with (self.folder / f"{arguments[0]}-{arguments[1:3]}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "trioaudio", *arguments],
                cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                yield
            finally:
                process.terminate()
                process.wait(PATIENCE_S)

    def new_client(self) -> Client:
        """Return a client of the daemon."""
        return Client(f"http://127.0.0.1:{self.control}", environ=self.environ)


@contextlib.asynccontextmanager
async def speaking_stage() -> AsyncIterator[Stage]:
    """Have a dozen calls speak while the block runs."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stage = Stage(folder, free_port(), free_port(), free_port())
        stack.enter_context(stage.process("serve", "--log-level", "warning"))
        rest = ("--carrier", "twilio", "--listen", f"127.0.0.1:{stage.rest}", "--ring-s", "0.3")
        stack.enter_context(stage.process("simulate", "rest", *rest))
        await ready(stage)
        for carrier, calls in (("plivo", 2), ("exotel", 2), ("raw", 1)):
            url = f"ws://127.0.0.1:{stage.media}/media/{carrier}"
            told = ("--carrier", carrier, "--dial", url, "--calls", str(calls), "--call-every", "1")
            stack.enter_context(stage.process("simulate", "carrier", *told))
        async with stage.new_client() as client, trio.open_nursery() as nursery:
            for number in NUMBERS:
                await client.create_call(carrier="twilio", to=number, greeting=False)
            nursery.start_soon(keep_speaking, client)
            yield stage
            nursery.cancel_scope.cancel()


async def ready(stage: Stage) -> None:
    """Wait until the daemon takes calls."""
    with trio.fail_after(PATIENCE_S):
        while True:
            with contextlib.suppress(ClientError):
                async with stage.new_client() as client:
                    if (await client.node()).state == "ready":
                        return
            await trio.sleep(0.1)


async def keep_speaking(client: Client) -> None:
    """Have every call that is up speak, one text after the other, with a rest now and then."""
    known: set[str] = set()
    async with trio.open_nursery() as nursery:
        while True:
            for view in await client.calls(state="up"):
                if view.call not in known:
                    known.add(view.call)
                    nursery.start_soon(speak, client.call(view.call), len(known))
            await trio.sleep(0.2)


async def speak(call: Call, first: int) -> None:
    """Speak on one call."""
    for number in itertools.count(first):
        try:
            said = await call.say(TEXTS[number % len(TEXTS)])
            await said.wait()
        except ProblemError:
            return  # it was hung up
        await trio.sleep(0.4 if number % 3 else 2.5)


# --- The terminal ------------------------------------------------------------------------


class Watched:
    """`trioaudio top` on a pseudo-terminal, and its screen."""

    def __init__(self, stage: Stage, columns: int, lines: int) -> None:
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        environ = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8"}
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "trioaudio", "top"],
            cwd=str(stage.folder),
            env={**stage.environ, **environ},
            dimensions=(lines, columns),
            timeout=PATIENCE_S,
        )

    async def watch(self, seconds: float) -> None:
        """Let the screen change for a while."""
        until = trio.current_time() + seconds
        while trio.current_time() < until:
            with contextlib.suppress(pexpect.TIMEOUT):
                read = partial(self.child.read_nonblocking, 65536, timeout=0.2)
                self._stream.feed(await trio.to_thread.run_sync(read))

    async def until(self, condition: Callable[[str], bool]) -> None:
        """Let the screen change until it shows something."""
        with trio.fail_after(PATIENCE_S):
            while not condition("\n".join(self.screen.display)):
                await self.watch(0.3)

    def close(self) -> None:
        """Quit it."""
        self.child.close(force=True)


def share_heard(text: str) -> float:
    """Return how much of the utterance on the page of a call was heard."""
    found = re.search(r"(\d+) of (\d+) characters heard", text)
    return int(found[1]) / int(found[2]) if found else 0.0


def colour_of(name: str) -> str | None:
    """Return pyte's name for a colour as rich has it."""
    if name == "default":
        return None
    name = _PYTE_NAMES.get(name, name)
    if len(name) == 6 and all(each in "0123456789abcdef" for each in name):
        return f"#{name}"
    return re.sub("^bright_?", "bright_", name)


def line_text(row: dict[int, Any], columns: int) -> Text:
    """Return a line of a screen with its styles."""
    text = Text()
    for column in range(columns):
        cell = row[column]
        style = Style(
            color=colour_of(cell.fg), bgcolor=colour_of(cell.bg), bold=cell.bold,
            reverse=cell.reverse,
        )  # fmt: skip
        text.append(cell.data, style)
    return text


def save(screen: pyte.Screen, path: Path) -> None:
    """Write a screen as SVG."""
    console = Console(
        record=True, width=screen.columns, file=io.StringIO(), force_terminal=True,
        color_system="truecolor", legacy_windows=False,
    )  # fmt: skip
    for line in range(screen.lines):
        console.print(line_text(screen.buffer[line], screen.columns), no_wrap=True, crop=True)
    svg = console.export_svg(title="trioaudio top", theme=THEME, unique_id="top")
    path.write_text("\n".join(each.rstrip() for each in svg.splitlines()) + "\n", encoding="utf-8")


async def take(
    stage: Stage, name: str, size: tuple[int, int], play: Callable[[Watched], Any]
) -> None:
    """Take one picture."""
    watched = Watched(stage, *size)
    try:
        await watched.until(lambda text: text.count("● speaking") >= 9)
        await play(watched)
        save(watched.screen, FOLDER / f"{name}.svg")
    finally:
        watched.close()


async def overview(watched: Watched) -> None:
    """Look at everything, with a call selected and one interrupted."""
    await watched.watch(12)
    watched.child.send("jjji")
    await watched.watch(1.2)


async def details(watched: Watched) -> None:
    """Look at one call."""
    await watched.watch(8)
    watched.child.send("jj\r")
    await watched.until(lambda text: 0.3 < share_heard(text) < 0.7)


async def take_all() -> None:
    """Take all of them."""
    async with speaking_stage() as stage:
        await trio.sleep(4)
        await take(stage, "top", (152, 28), overview)
        await take(stage, "top-details", (100, 30), details)


if __name__ == "__main__":
    trio.run(take_all)
