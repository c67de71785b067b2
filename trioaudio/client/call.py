"""One call, as the application has it in its hand."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Unpack

import anyio

from trioaudio.api.commands import (
    BargeIn,
    CallCommand,
    Dtmf,
    Gain,
    HangUp,
    Mark,
    Pause,
    Play,
    Prepare,
    Record,
    Resume,
    Say,
    Stop,
    Transfer,
)
from trioaudio.api.views import Accepted, CallView, Done, Dropped, Prepared, UtteranceView
from trioaudio.client.call_wire import CallWire
from trioaudio.client.errors import ProblemError
from trioaudio.client.http_link import CLOSE_S
from trioaudio.client.options import PlayOptions, SayOptions, UploadOptions
from trioaudio.client.utterance import OpenUtterance, Utterance, expect

if TYPE_CHECKING:
    from trioaudio.client.client import Client


class Call:
    """A call by its id. Every method asks the daemon, and raises ProblemError when it says no."""

    def __init__(self, call: str, client: Client, wire: CallWire) -> None:
        self.id = call
        self._client = client
        self._wire = wire

    async def view(self) -> CallView:
        """Return its state."""
        return await self._client.view_call(self.id)

    async def utterances(self) -> list[UtteranceView]:
        """Return its utterances, oldest first; those that ended long ago are forgotten."""
        return await self._client.view_utterances(self.id)

    # --- What is heard ---------------------------------------------------------------------

    async def say(self, text: str, **options: Unpack[SayOptions]) -> Utterance:
        """Have a text said after what waits already; return once it is accepted."""
        return await self._accepted(Say(text=text, **options))

    def open(self, **options: Unpack[SayOptions]) -> OpenUtterance:
        """Return an utterance whose text comes piece by piece: enter it with `async with`."""
        return OpenUtterance(self.id, Say(open=True, **options), self._wire)

    async def say_tokens(
        self, tokens: AsyncIterable[str], **options: Unpack[SayOptions]
    ) -> Utterance:
        """Say what a model yields, as it comes; return when it has ended, or was interrupted.

        An async generator is closed in either case, so that the model stops too.
        """
        async with self.open(**options) as utterance:
            try:
                async for token in tokens:
                    await utterance.append(token)
            except ProblemError:
                if not utterance.over:
                    raise
            finally:
                if isinstance(tokens, AsyncGenerator):
                    with anyio.move_on_after(CLOSE_S, shield=True):
                        await tokens.aclose()
        return utterance.utterance

    async def play(
        self, *, prompt: str | None = None, url: str | None = None, **options: Unpack[PlayOptions]
    ) -> Utterance:
        """Play a prompt made before, or a WAV file at a URL the operator allows."""
        return await self._accepted(Play(prompt=prompt, url=url, **options))

    async def upload(
        self,
        audio: bytes | Path,
        *,
        sample_rate: int | None = None,
        **options: Unpack[UploadOptions],
    ) -> Utterance:
        """Play a recording of ours: a WAV file, or PCM16 LE mono when a sample rate is told."""
        data = await anyio.Path(audio).read_bytes() if isinstance(audio, Path) else audio
        accepted = await self._client.upload_audio(self.id, data, sample_rate, options)
        return Utterance(self.id, accepted, self._wire)

    async def dtmf(self, digits: str) -> Utterance | None:
        """Press keys towards the callee, in order with what is said; w waits half a second.

        Returns the utterance where keys are tones; None where the carrier presses them itself.
        """
        reply = await self._wire.command(self.id, Dtmf(digits=digits))
        if isinstance(reply, Accepted):
            return Utterance(self.id, reply, self._wire)
        expect(reply, Done)
        return None

    async def gain(self, db: float) -> None:
        """Make it louder or softer from now on."""
        await self._done(Gain(db=db))

    async def prepare(
        self, texts: Sequence[str], *, voice: str | None = None, language: str | None = None
    ) -> Prepared:
        """Have texts spoken ahead of time, so that each begins at once when it is said."""
        prepare = Prepare(texts=list(texts), voice=voice, language=language)
        return expect(await self._wire.command(self.id, prepare), Prepared)

    async def mark(self, name: str) -> Utterance:
        """Have a `marker` event told when everything said before has been played."""
        reply = await self._wire.command(self.id, Mark(name=name))
        return Utterance(self.id, expect(reply, Accepted), self._wire)

    # --- What is heard no more ---------------------------------------------------------------

    async def pause(self) -> None:
        """Fall silent at once; what was not heard is kept."""
        await self._done(Pause())

    async def resume(self) -> None:
        """Go on where `pause` cut."""
        await self._done(Resume())

    async def stop(self, *utterances: int) -> Dropped:
        """Drop these utterances, or all of them, whatever they say about interruptions."""
        stop = Stop(utterances=list(utterances) or None)
        return expect(await self._wire.command(self.id, stop), Dropped)

    async def barge_in(self, kind: Literal["speech", "dtmf", "any"] = "any") -> Dropped:
        """Drop what may be interrupted so, and have the carrier forget it."""
        return expect(await self._wire.command(self.id, BargeIn(kind=kind)), Dropped)

    # --- The telephone call ------------------------------------------------------------------

    async def hang_up(
        self, when: Literal["now", "after-played"] = "now", *, tail_ms: int | None = None
    ) -> None:
        """End the telephone call, now or once all was heard."""
        await self._done(HangUp(when=when, tail_ms=tail_ms))

    async def transfer(
        self, *to: str, caller_id: str | None = None, ring_s: int | None = None
    ) -> None:
        """Connect the callee to a human once everything said before has been played."""
        transfer = Transfer(to=list(to), caller_id=caller_id)
        if ring_s is not None:
            transfer.ring_s = ring_s
        await self._done(transfer)

    async def record(self, *, on: bool = True) -> None:
        """Begin to record both sides, or end that."""
        await self._done(Record(on=on))

    async def _done(self, command: CallCommand) -> None:
        expect(await self._wire.command(self.id, command), Done)

    async def _accepted(self, command: Say | Play) -> Utterance:
        reply = await self._wire.command(self.id, command)
        return Utterance(self.id, expect(reply, Accepted), self._wire)
