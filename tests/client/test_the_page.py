"""Every piece of code in docs/client.md runs, under both event loops, and does what is told."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import attrs
import pytest

from client.served import BACKENDS, Served, run, served
from control.fake_desk import FakeDesk
from trioaudio.api.events import DtmfCame

PAGE = Path(__file__).parents[2] / "docs/client.md"
PIECES = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
IMPORTS, *BLOCKS = PIECES


def compiled(block: str) -> Callable[[], Awaitable[None]]:
    names: dict[str, Callable[[], Awaitable[None]]] = {}
    body = textwrap.indent(block, "    ")
    exec(compile(f"{IMPORTS}\nasync def piece():\n{body}", str(PAGE), "exec"), names)  # noqa: S102
    return names["piece"]


@attrs.define(eq=False)
class LivelyDesk(FakeDesk):
    """Somebody is on the other end: text is heard, keys are pressed, the call is hung up."""

    def live(self) -> None:
        """Have something happen on each call."""
        for call, known in list(self.known.items()):
            if known.view.state != "up":
                continue
            waiting = [
                number
                for number, each in known.utterances.items()
                if each.view.state == "queued" and not each.view.open
            ]
            for number in waiting:
                self.play_out(call, number)
            self.hub.tell(DtmfCame(call=call, at=1.0, digit="5", duration_ms=None))
            if any(known.listeners.values()) or "Press" in "".join(
                each.text for each in known.utterances.values()
            ):
                self.hear(call, b"\0\0" * 960)
                self.end(call)


async def live(far: Served, desk: LivelyDesk) -> None:
    while True:
        await anyio.sleep(0.1)
        far.do(desk.live)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_piece_runs(
    backend: str, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = LivelyDesk()
    with served(desk) as far:
        for name, value in far.environ.items():
            monkeypatch.setenv(name, value)

        async def main() -> None:
            async with anyio.create_task_group() as group:
                group.start_soon(live, far, desk)
                await compiled(BLOCKS[number])()
                group.cancel_scope.cancel()

        run(backend, main)
    said = capsys.readouterr().out
    assert said or "print" not in BLOCKS[number]


def test_what_is_promised_is_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with served() as far:
        for name, value in far.environ.items():
            monkeypatch.setenv(name, value)
        run("trio", compiled(BLOCKS[-1]))
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("no daemon answers at http://127.0.0.1:1; start `trioaudio serve` or")
    assert second == "404 not-found there is no call 'nobody'"
