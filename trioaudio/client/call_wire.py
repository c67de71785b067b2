"""How a call is told things and asked what became of them: by HTTP here, or over a stream."""

from __future__ import annotations

from typing import Final, Protocol

import anyio
from msgspec.json import Decoder

from trioaudio.api.commands import CallCommand, Prepare
from trioaudio.api.events import UtteranceCompleted
from trioaudio.api.views import Reply, UtteranceView
from trioaudio.client.http_link import ANSWER_S, PROMPTS_S, HttpLink
from trioaudio.client.wire import command_of

POLL_S: Final = 0.2
"""How often is asked what a stream would tell."""

_REPLY: Decoder[Reply] = Decoder(Reply)
_UTTERANCE: Decoder[UtteranceView] = Decoder(UtteranceView)


class CallWire(Protocol):
    """One of the two ways to a call."""

    async def command(self, call: str, command: CallCommand) -> Reply:
        """Tell a call something; ProblemError when it was not done."""
        ...

    async def wait_completed(self, call: str, utterance: int) -> UtteranceCompleted:
        """Wait until an utterance is complete."""
        ...

    async def wait_text_room(self, call: str, utterance: int) -> None:
        """Wait until text may have room again; it is asked for afterwards."""
        ...


class HttpWire:
    """Every command is a request of its own; what became of an utterance is polled."""

    def __init__(self, link: HttpLink) -> None:
        self._link = link

    async def command(self, call: str, command: CallCommand) -> Reply:
        """Tell a call something; never twice, for it might be done twice."""
        do, body = command_of(command)
        timeout_s = PROMPTS_S if isinstance(command, Prepare) else ANSWER_S
        return await self._link.post(f"/v1/calls/{call}/{do}", _REPLY, body, timeout_s=timeout_s)

    async def wait_completed(self, call: str, utterance: int) -> UtteranceCompleted:
        """Ask until it is complete."""
        while True:
            done = await self.completed(call, utterance)
            if done is not None:
                return done
            await anyio.sleep(POLL_S)

    async def wait_text_room(self, call: str, utterance: int) -> None:
        """Let some text be spoken."""
        del call, utterance
        await anyio.sleep(POLL_S)

    async def completed(self, call: str, utterance: int) -> UtteranceCompleted | None:
        """Return what became of an utterance; None when that is not known yet."""
        view = await self._link.get(f"/v1/calls/{call}/utterances/{utterance}", _UTTERANCE)
        if view.cause is None:
            return None
        return UtteranceCompleted(
            call=call,
            at=view.completed_at or view.accepted_at,
            utterance=view.utterance,
            cause=view.cause,
            error=view.error,
            played_ms=view.played_ms,
            text_heard=view.text_heard,
            text_unheard=view.text_unheard,
            certainty=view.certainty or "estimated",
            spoken_by=view.spoken_by,
        )
