"""What the tests of the examples share: an example by its name, and a caller who waits."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import anyio
import pytest

from client.served import Served
from control.fake_desk import FakeCall, FakeUtterance
from trioaudio.api.events import DtmfCame

EXAMPLES = Path(__file__).parents[2] / "examples"


def load(name: str) -> ModuleType:
    """Import an example, which is no package."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lead_to(far: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the example find the daemon as its user's environment would let it."""
    for name, value in far.environ.items():
        monkeypatch.setenv(name, value)


class Caller:
    """The one on call-1."""

    def __init__(self, far: Served) -> None:
        self._far = far

    @property
    def call(self) -> FakeCall:
        return self._far.desk.known["call-1"]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something is so at the daemon."""
        while not self._far.do(holds):  # noqa: ASYNC110  a fake daemon tells nobody
            await anyio.sleep(0.01)

    async def utterance(self, number: int) -> FakeUtterance:
        """Wait until it is there."""
        await self.until(
            lambda: "call-1" in self._far.desk.known and number in self.call.utterances
        )
        return self.call.utterances[number]

    async def hear_out(self, number: int) -> str:
        """Wait for its end, and let it be played."""
        said = await self.utterance(number)
        await self.until(lambda: not said.view.open)
        self._far.do(lambda: self._far.desk.play_out("call-1", number))
        return said.text

    def press(self, digit: str) -> None:
        """Press a key."""
        self._far.tell(DtmfCame(call="call-1", at=1.0, digit=digit, duration_ms=None))

    def hang_up(self) -> None:
        """Leave."""
        self._far.do(lambda: self._far.desk.end("call-1"))
