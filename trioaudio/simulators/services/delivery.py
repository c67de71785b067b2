"""How an utterance's audio leaves: encoded, cut into chunks, in its time, with its faults.

The same for every service; each gives an `Outlet` that puts chunks into its own messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
import trio

from trioaudio.core.errors import TrioaudioError
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.faults import Strikes
from trioaudio.simulators.services.sound import SoundFormat, SpokenWord, wav_header
from trioaudio.simulators.services.studio import Studio
from trioaudio.simulators.services.voice import Line
from trioaudio.simulators.services.websocket import PeerGoneError


class CutError(TrioaudioError):
    """An utterance is to fail in its middle; the service tells its client in its own words."""


class Outlet(Protocol):
    """Where one utterance goes. All of it raises PeerGoneError when the client is gone."""

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk of encoded audio."""
        ...

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send words, timed from the utterance's beginning; called only where they are wanted."""
        ...

    async def close(self) -> None:
        """Close the connection in good order, in the middle of everything."""
        ...

    def reset(self) -> None:
        """Reset the connection."""
        ...


@attrs.define(eq=False)
class Delivery:
    """One utterance on its way out; one line of it after the other."""

    studio: Studio
    sound: SoundFormat
    outlet: Outlet
    strikes: Strikes
    owner: str = ""
    """What a tone makes audible of it."""
    language: str | None = None
    words: bool = False
    """Whether the times of words are wanted."""
    sent_seconds: float = 0.0
    """Audio of this utterance that has been sent."""
    _waiting: bytearray = attrs.field(factory=bytearray)
    _heard_words: list[SpokenWord] = attrs.field(factory=list)
    _line_start: float = 0.0
    _epoch: float | None = None
    """When the current run of lines began to be made, and what had been sent by then."""
    _epoch_seconds: float = 0.0
    _next_bytes: int = 0

    async def speak(self, text: str) -> None:
        """Send a line, all of it; CutError, PeerGoneError, EngineError."""
        if self._epoch is None:
            self._epoch = trio.current_time() + self.studio.options.first_audio_ms / 1000
            self._epoch_seconds = self.sent_seconds
            if not self.sent_seconds:
                await self._begin()
        self.studio.characters += len(text)
        self._line_start = self.sent_seconds
        rate = int(self.strikes.value(fault.WRONG_RATE) or self.sound.sample_rate)
        line = Line(text, rate, self.owner, self.language)
        await self.studio.speaker.speak(line, self)
        if self._waiting:
            await self._send(bytes(self._waiting))
            self._waiting.clear()
        await self._send_words(self.sent_seconds)

    def rest(self) -> None:
        """Say that nothing is left to speak for now: what comes next takes its time to begin."""
        self._epoch = None

    async def hear(self, pcm: bytes) -> None:
        """Take what the speaker makes."""
        self._waiting += self.sound.encode(pcm)
        self._next_bytes = self._next_bytes or self._draw_bytes()
        while len(self._waiting) >= self._next_bytes:
            chunk = bytes(self._waiting[: self._next_bytes])
            del self._waiting[: self._next_bytes]
            self._next_bytes = self._draw_bytes()
            await self._send(chunk)

    def hear_word(self, word: SpokenWord) -> None:
        """Take a word of the line being spoken."""
        if self.words and fault.NO_TIMESTAMPS not in self.strikes:
            self._heard_words.append(word.later(self._line_start))

    def _draw_bytes(self) -> int:
        """Return the size of the next chunk: whole samples, unless a fault says otherwise."""
        size = self.strikes.value(fault.CHUNK_BYTES)
        if size is not None:
            return int(size)
        seconds = self.studio.draw.uniform(*self.studio.options.chunk_ms) / 1000
        samples = max(1, round(seconds * self.sound.sample_rate))
        odd = fault.ODD_CHUNKS in self.strikes
        return samples * self.sound.encoding.sample_bytes | int(odd)

    async def _begin(self) -> None:
        if fault.SILENT in self.strikes:
            await trio.sleep_forever()
        await self._cut_if_due()
        if fault.WAV_HEADER in self.strikes:
            await self._wait_made()
            await self.outlet.send_audio(wav_header(self.sound))

    async def _send(self, chunk: bytes) -> None:
        await self._wait_made()
        self.sent_seconds += len(chunk) / self.sound.bytes_per_second
        self.studio.audio_seconds += len(chunk) / self.sound.bytes_per_second
        await self.outlet.send_audio(chunk)
        await self._send_words(self.sent_seconds)
        await self._cut_if_due()

    async def _wait_made(self) -> None:
        """Wait until what comes next can have been made."""
        speed = self.studio.options.speed
        times = self.strikes.value(fault.SLOW)
        cost = times if times is not None else 1 / speed if speed else 0.0
        made = (self._epoch or 0.0) + (self.sent_seconds - self._epoch_seconds) * cost
        await trio.sleep_until(made)

    async def _send_words(self, until: float) -> None:
        """Send the words that were heard to their end by now."""
        heard = [each for each in self._heard_words if each.end <= until + 1e-6]
        if heard:
            self._heard_words = [each for each in self._heard_words if each not in heard]
            await self.outlet.send_words(heard)

    async def _cut_if_due(self) -> None:
        """Let a fault happen that was waiting for so much audio."""
        if not self.strikes:
            return
        sent_ms = self.sent_seconds * 1000
        due = [
            kind
            for kind in (fault.RESET, fault.CLOSE, fault.STALL, fault.FAIL, fault.ORPHAN_FAIL)
            if (after := self.strikes.value(kind)) is not None and sent_ms >= after
        ]
        if fault.RESET in due:
            self.outlet.reset()
            raise PeerGoneError("the connection was reset on purpose")
        if fault.CLOSE in due:
            await self.outlet.close()
            raise PeerGoneError("the connection was closed on purpose")
        if fault.STALL in due:
            await trio.sleep_forever()
        if due:
            raise CutError("the simulated service failed on purpose")
