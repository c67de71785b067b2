"""Where the text of the one-shot call comes from: an argument, or standard input as it comes."""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from typing import Self

import trio

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import TextError
from trioaudio.core.speech import Speaker, WholeText
from trioaudio.core.text import speakable, without_controls

STDIN = 0
READ_BYTES = 64 * 1024
PIECES_AHEAD = 16
"""Pieces of standard input read and not yet asked for; then the writer waits."""


class TextSource:
    """An utterance's text in pieces, checked as it comes: an AsyncIterable of str.

    `limit` in characters, 0 for none. `said` collects the text for the live view. TextError when
    the text is too long, cannot be read by the voice, or turns out to hold nothing to say.
    """

    def __init__(
        self, limit: int, speaker: Speaker, choice: VoiceChoice, warn: Callable[[str], None]
    ) -> None:
        self._limit = limit
        self._speaker = speaker
        self._choice = choice
        self._warn = warn
        self._pieces_in, self._pieces_out = trio.open_memory_channel[str](PIECES_AHEAD)
        self._controls = 0
        self._speakable = False
        self._readable = False  # there was a letter, and the voice can read it
        self.said: list[str] = []
        self.characters = 0

    def accept(self, piece: str) -> str:
        """Check a piece and return what of it can be spoken; TextError."""
        text, controls = without_controls(piece)
        self._controls += controls
        self.characters += len(text)
        self._check_length(self.characters)
        self._speakable = self._speakable or speakable(text)
        if not self._readable and any(map(str.isalpha, text)):
            self._speaker.check_text(text, self._choice)
            self._readable = True
        return text

    def _check_length(self, characters: int) -> None:
        if self._limit and characters > self._limit:
            raise TextError(
                f"the text is longer than {self._limit} characters; split it, or raise"
                " TRIOAUDIO_TEXT_LIMIT (0: no limit)"
            )

    def finish(self) -> None:
        """Check the whole: TextError when there was nothing to say in it."""
        if not self._speakable:
            kind = "no letter, digit or symbol" if self.characters else "nothing"
            raise TextError(f"there is {kind} in the text to say; give --text some words")
        if self._controls:
            self._warn(f"{self._controls} control characters in the text were left out")

    def whole(self, text: str) -> WholeText:
        """Return a text that is all there, checked: TextError."""
        accepted = self.accept(text)
        self.finish()
        self.said.append(accepted)
        return WholeText(accepted)

    async def read_stdin(self) -> None:
        """Read standard input until it ends, however it is cut.

        TextError when it cannot be read, or is found to be too long; that is long before the
        last of it would be spoken. Undecodable bytes are replaced.
        """
        read = 0
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async with self._pieces_in:
            while True:
                data = await _read_some()
                piece = decoder.decode(data, final=not data)
                read += len(piece)
                self._check_length(read)
                if piece:
                    await self._pieces_in.send(piece)
                if not data:
                    return

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the next piece that can be spoken."""
        try:
            piece = self.accept(await self._pieces_out.receive())
        except trio.EndOfChannel:
            self.finish()
            raise StopAsyncIteration from None
        self.said.append(piece)
        return piece

    @property
    def text(self) -> str:
        """All that has come so far."""
        if len(self.said) > 1:
            self.said = ["".join(self.said)]
        return "".join(self.said)


async def _read_some() -> bytes:
    try:
        # Standard input may be a file, which epoll refuses; the thread only waits.
        return await trio.to_thread.run_sync(os.read, STDIN, READ_BYTES, abandon_on_cancel=True)
    except OSError as exc:
        raise TextError(f"standard input cannot be read: {exc.strerror or exc}") from exc
