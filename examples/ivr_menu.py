"""A telephone menu: keys choose, and a key pressed early is as good as one pressed late.

    python examples/ivr_menu.py              # on every call that is answered
    python examples/ivr_menu.py +919800000000  # dials somebody

1 says the balance, 2 connects to a human, 9 repeats the menu. Whoever presses nothing hears it
again, twice, and then goodbye.

Where the daemon is, and the token: TRIOAUDIO_CONTROL_URL and TRIOAUDIO_CONTROL_TOKEN, unless the
daemon runs here as this user. HUMAN is the number calls are transferred to.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

import anyio

from trioaudio.api.events import CallAnswered, CallEnded, DtmfCame
from trioaudio.client import Call, Client, ProblemError, Stream

MENU = "For your balance, press 1. To talk to a human, press 2. To hear this again, press 9."
BALANCE = "Your balance is forty two rupees."
TRIES = 3


class Menu:
    """One caller in the menu."""

    def __init__(self, call: Call, human: str, patience_s: float) -> None:
        self._call = call
        self._human = human
        self._patience_s = patience_s
        self._key: str | None = None
        self._pressed = anyio.Event()
        self._scope = anyio.CancelScope()

    def press(self, key: str) -> None:
        """Take a key; of several the last one counts, and it counts for the next question too."""
        self._key = key
        self._pressed.set()

    def leave(self) -> None:
        """Stop: the caller has hung up."""
        self._scope.cancel()

    async def run(self) -> None:
        """Lead the caller through the menu until one of us leaves."""
        with self._scope:
            try:
                await self._lead()
            except ProblemError as problem:
                if problem.kind != "ended":  # the caller hung up just before
                    raise

    async def _lead(self) -> None:
        silent = 0
        while silent < TRIES:
            key = await self._ask(MENU)
            silent = silent + 1 if key is None else 0
            match key:
                case "1":
                    await self._call.say(BALANCE, interruptible="dtmf")
                case "2":
                    await self._call.say("I connect you. Please stay on the line.")
                    await self._call.transfer(self._human)
                    return
                case None | "9":
                    pass
                case _:
                    await self._call.say(f"There is nothing behind {key}.", interruptible="dtmf")
        await self._call.say("I heard no key. Goodbye.", interruptible="never")
        await self._call.hang_up("after-played")

    async def _ask(self, question: str) -> str | None:
        """Say a question; return the key pressed, None if there was none for too long."""
        utterance = await self._call.say(question, interruptible="dtmf")
        async with anyio.create_task_group() as group:

            async def give_up() -> None:
                with suppress(ProblemError):  # the call is over, and with it all this
                    await utterance.wait()  # patience begins when the question has been heard
                await anyio.sleep(self._patience_s)
                group.cancel_scope.cancel()

            group.start_soon(give_up)
            await self._pressed.wait()
            group.cancel_scope.cancel()
        key, self._key = self._key, None
        self._pressed = anyio.Event()
        if key is not None:
            await self._call.barge_in("dtmf")  # nobody wants to hear the rest of the question
        return key


async def serve(stream: Stream, human: str, patience_s: float = 5.0) -> None:
    """Open the menu on each call that is answered, and bring it its keys."""
    menus: dict[str, Menu] = {}
    async with anyio.create_task_group() as group:
        async for event in stream:
            match event:
                case CallAnswered():
                    menu = menus[event.call] = Menu(stream.call(event.call), human, patience_s)
                    group.start_soon(menu.run)
                case DtmfCame() if event.call in menus:
                    menus[event.call].press(event.digit)
                case CallEnded() if event.call in menus:
                    menus.pop(event.call).leave()


async def main(number: str | None = None) -> None:
    """Serve until interrupted."""
    async with Client() as client, client.stream() as stream:
        await stream.subscribe(events=["call.answered", "dtmf", "call.ended"])
        if number is not None:
            await stream.create(to=number)
        await serve(stream, os.environ.get("HUMAN", "+918040000000"))


if __name__ == "__main__":
    anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else None)
