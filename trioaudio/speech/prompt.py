"""A prompt made before: its sound as the engine gave it, and where its words and clauses are.

Kept as the engine made it, before level and edges, so that a change of those needs no new prompt.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterable, Sequence

import attrs

from trioaudio.core.engine import PcmSink, VoiceChoice, WordTiming
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.pcm import SAMPLE_BYTES

_MAGIC = b"trioaudio prompt 1\n"
_STEP_MS = 200
_DIGEST_BYTES = 32
_DIGEST = re.compile(r"[0-9a-f]{64}")


@attrs.frozen
class PromptKey:
    """What a prompt is found by: equal keys sound alike. A digest; the text cannot be read back."""

    digest: str

    @classmethod
    def read(cls, digest: str) -> PromptKey | None:
        """Make the key of a digest that somebody else tells; None when it cannot be one."""
        return cls(digest) if _DIGEST.fullmatch(digest) else None

    @classmethod
    def of(cls, engine: str, recipe: str, sample_rate: int, clauses: Sequence[str]) -> PromptKey:
        """Make the key of clauses as one engine speaks them."""
        parts = json.dumps([engine, recipe, sample_rate, list(clauses)], ensure_ascii=True)
        return cls(hashlib.sha256(parts.encode()).hexdigest())


@attrs.frozen
class Origin:
    """Who made a prompt: what must be known to play it without its text."""

    engine: str
    recipe: str
    """See `core.engine.Engine.recipe`."""
    sample_rate: int
    """Hz."""

    @property
    def voice(self) -> str:
        """What its level is learned by."""
        return f"{self.engine} {self.recipe}"


@attrs.frozen
class Prompt:
    """PCM16 LE mono at the rate it was asked for, and what is known of it."""

    pcm: bytes
    words: tuple[WordTiming, ...]
    clause_ends: tuple[int, ...]
    """Bytes of `pcm` up to the end of each clause; the last is all of it."""
    origin: Origin | None = None
    """None: it was kept before origins were, and is not to be played without its text."""

    async def synthesize(
        self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
    ) -> None:
        """Write it as an engine would have spoken it."""
        del choice
        step = sample_rate * _STEP_MS // 1000 * SAMPLE_BYTES
        number = 0
        begin = 0
        async for _ in clauses:
            for word in self.words:
                if word.clause == number:
                    sink.tell_word(word)
            end = self.clause_ends[number] if number < len(self.clause_ends) else begin
            for start in range(begin, end, step):
                await sink.write(self.pcm[start : min(end, start + step)])
            begin = end
            number += 1
            sink.tell_spoken(number)

    def pack(self) -> bytes:
        """Return it as a file's content, with a digest over all of it."""
        head = json.dumps(
            {
                "words": [[w.clause, w.start, w.length, w.at_ms] for w in self.words],
                "clause_ends": self.clause_ends,
                "origin": None if self.origin is None else attrs.astuple(self.origin),
            }
        ).encode()
        body = len(head).to_bytes(4, "big") + head + self.pcm
        return _MAGIC + hashlib.sha256(body).digest() + body

    @classmethod
    def unpack(cls, data: bytes) -> Prompt:
        """Read what `pack` wrote; RemoteProtocolError when it is damaged, or something else."""
        start = len(_MAGIC) + _DIGEST_BYTES
        body = data[start:]
        digest = data[len(_MAGIC) : start]
        if not data.startswith(_MAGIC) or hashlib.sha256(body).digest() != digest:
            raise RemoteProtocolError("a damaged prompt")
        length = int.from_bytes(body[:4], "big")
        head = json.loads(body[4 : 4 + length])
        return cls(
            pcm=body[4 + length :],
            words=tuple(WordTiming(*word) for word in head["words"]),
            clause_ends=tuple(head["clause_ends"]),
            origin=Origin(*origin) if (origin := head.get("origin")) else None,
        )


class PromptRecorder:
    """A `core.engine.PcmSink` that keeps what is written, and passes it on if there is a next."""

    def __init__(self, then: PcmSink | None = None) -> None:
        self._then = then
        self._pcm = bytearray()
        self._words: list[WordTiming] = []
        self._ends: list[int] = []

    async def write(self, chunk: bytes) -> None:
        """Keep PCM; see `core.engine.PcmSink`."""
        self._pcm += chunk
        if self._then is not None:
            await self._then.write(chunk)

    def tell_word(self, word: WordTiming) -> None:
        """Keep a word; see `core.engine.PcmSink`."""
        self._words.append(word)
        if self._then is not None:
            self._then.tell_word(word)

    def tell_spoken(self, clauses: int) -> None:
        """Note the end of clauses; see `core.engine.PcmSink`."""
        self._note_ends(clauses)
        if self._then is not None:
            self._then.tell_spoken(clauses)

    def prompt(self, clauses: int) -> Prompt:
        """Return all that was written for so many clauses."""
        whole = len(self._pcm) - len(self._pcm) % SAMPLE_BYTES
        self._note_ends(clauses)
        ends = (*self._ends[: clauses - 1], whole)
        return Prompt(bytes(self._pcm[:whole]), tuple(self._words), ends)

    def _note_ends(self, clauses: int) -> None:
        at = len(self._pcm) - len(self._pcm) % SAMPLE_BYTES
        self._ends += [at] * (clauses - len(self._ends))
