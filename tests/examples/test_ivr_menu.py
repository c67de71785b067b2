from __future__ import annotations

import anyio
import pytest

from client.served import BACKENDS, Served, run, served
from examples.playing import Caller, lead_to, load
from trioaudio.api import commands
from trioaudio.client import Client

both = pytest.mark.parametrize("backend", BACKENDS)


def texts(far: Served) -> list[str]:
    return [each.text for each in far.desk.known["call-1"].utterances.values()]


@both
def test_the_balance_again_a_wrong_key_and_a_human(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ivr = load("ivr_menu")
    with served() as far:
        lead_to(far, monkeypatch)
        monkeypatch.setenv("HUMAN", "+4930123")

        async def main() -> None:
            caller = Caller(far)
            async with anyio.create_task_group() as group:
                group.start_soon(ivr.main, "+919800000000")
                await caller.utterance(1)
                caller.press("1")  # in the middle of the menu, which is cut
                await caller.utterance(3)
                caller.press("9")
                await caller.utterance(4)
                caller.press("5")
                await caller.utterance(6)
                caller.press("2")
                await caller.until(lambda: caller.call.view.state == "ended")
                group.cancel_scope.cancel()

        run(backend, main)
        human = "I connect you. Please stay on the line."
        wrong = "There is nothing behind 5."
        assert texts(far) == [ivr.MENU, ivr.BALANCE, ivr.MENU, ivr.MENU, wrong, ivr.MENU, human]
        assert far.desk.known["call-1"].utterances[1].view.cause == "barge-in"
        assert far.desk.known["call-1"].commands[-1] == commands.Transfer(to=["+4930123"])


@both
def test_nobody_presses_anything(backend: str) -> None:
    ivr = load("ivr_menu")
    with served() as far:

        async def main() -> None:
            caller = Caller(far)
            async with (
                Client(far.url, far.token, environ={}) as client,
                client.stream() as stream,
                anyio.create_task_group() as group,
            ):
                await stream.subscribe()
                await stream.create(to="100")
                group.start_soon(ivr.serve, stream, "0", 0.05)
                for number in range(1, ivr.TRIES + 1):
                    assert await caller.hear_out(number) == ivr.MENU
                await caller.until(lambda: caller.call.view.state == "ended")
                group.cancel_scope.cancel()

        run(backend, main)
        assert texts(far)[-1] == "I heard no key. Goodbye."
        assert far.desk.known["call-1"].commands[-1] == commands.HangUp(when="after-played")


@both
def test_the_caller_hangs_up_in_the_menu(backend: str) -> None:
    ivr = load("ivr_menu")
    with served() as far:

        async def main() -> None:
            caller = Caller(far)
            async with (
                Client(far.url, far.token, environ={}) as client,
                client.stream() as stream,
                anyio.create_task_group() as group,
            ):
                await stream.subscribe()
                await stream.create(to="100")
                group.start_soon(ivr.serve, stream, "0", 0.05)
                await caller.utterance(1)
                caller.hang_up()
                # The next caller is served.
                await stream.create(to="101")
                await caller.until(lambda: bool(far.desk.known["call-2"].utterances))
                group.cancel_scope.cancel()

        run(backend, main)
