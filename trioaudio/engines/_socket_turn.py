"""One clause on one socket: what a service is asked, what it answers, and where the audio goes.

A service's way of putting it into messages is its `Dialect`, which computes and never waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import attrs
import trio

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._vendor_pcm import VendorPcm


@attrs.frozen
class Request:
    """A clause to speak, with the service's own names for voice and language."""

    text: str
    voice: str
    language: str
    sample_rate: int


@attrs.frozen
class SaidWord:
    """A word the service has told the time of: seconds of the clause's own audio before it."""

    text: str
    start_s: float


@attrs.frozen
class Ended:
    """All audio of the clause has come."""


Message: TypeAlias = str | bytes
SpeechEvent: TypeAlias = bytes | SaidWord | Ended | EngineError
"""Audio is bytes; an error is returned, not raised, and ends the clause and the socket."""


class Dialect(Protocol):
    """How one service speaks over one socket, one clause at a time."""

    def greet(self) -> Sequence[Message]:
        """Return what is said first on a new socket."""
        ...

    def ask(self, request: Request) -> Sequence[Message]:
        """Return what has a clause spoken at once and to its end."""
        ...

    def receive(self, message: Message) -> Sequence[SpeechEvent]:
        """Return what a message says of the clause asked for last; unknown ones say nothing."""
        ...

    def forget(self) -> Sequence[Message] | None:
        """Return what makes the service stop, and `receive` find an `Ended` when it has.

        None: it cannot; the socket is dropped.
        """
        ...

    def keep_alive(self) -> Sequence[Message]:
        """Return what keeps a socket open on which nothing is spoken; often nothing."""
        ...


@attrs.define(eq=False)
class Delivered:
    """What has come of one utterance so far."""

    inbox: Inbox
    sample_rate: int
    audio_bytes: int = 0

    @property
    def audio_ms(self) -> float:
        """How long the audio is that has come."""
        return self.audio_bytes * 1000 / (SAMPLE_BYTES * self.sample_rate)

    def put_audio(self, pcm: bytes) -> None:
        """Take whole samples."""
        self.audio_bytes += len(pcm)
        self.inbox.put(pcm)


@attrs.frozen
class Clause:
    """A clause of an utterance, and where it is to be spoken."""

    address: ServiceAddress
    request: Request
    number: int
    """Clauses of the utterance before it."""
    delivered: Delivered


class Turn:
    """One try to have a clause spoken."""

    def __init__(self, clause: Clause, *, fresh: bool = False) -> None:
        self.clause = clause
        self.fresh = fresh
        self.heard = False
        self.error: EngineError | None = None
        self.over = trio.Event()
        self._pcm = VendorPcm(clause.address.engine, clause.request.sample_rate)
        self._start_ms = clause.delivered.audio_ms
        self._found = 0  # characters of the text up to the end of the last word told

    @property
    def begun(self) -> bool:
        """Whether a pause here would be heard: something of the utterance was spoken before."""
        return self.clause.number > 0

    def hear(self, event: bytes | SaidWord) -> None:
        """Take audio or a word. EngineError when the audio is none."""
        if isinstance(event, SaidWord):
            self._hear_word(event)
        else:
            self._put(self._pcm.push(event))

    def end(self, error: EngineError | None) -> None:
        """Note that nothing more comes, because all has, or why not."""
        if error is None:
            try:
                self._put(self._pcm.flush())
            except EngineError as exc:
                error = exc
        if error is None and not self.heard:
            error = EngineError(
                f"{self.clause.address.engine} returned no audio for"
                f" {self.clause.request.text[:40]!r}; check that the voice speaks its language",
                kind=EngineFault.EMPTY,
                retryable=False,
            )
        self.error = error
        self.over.set()

    def _put(self, pcm: bytes) -> None:
        if pcm:
            self.heard = True
            self.clause.delivered.put_audio(pcm)

    def _hear_word(self, word: SaidWord) -> None:
        """Find the word in the text; one that is not there letter by letter is left out."""
        wanted = word.text.strip()
        text = self.clause.request.text
        start = text.find(wanted, self._found) if wanted else -1
        if start < 0:
            return
        self._found = start + len(wanted)
        at_ms = self._start_ms + max(0.0, word.start_s) * 1000
        timing = WordTiming(self.clause.number, start, len(wanted), at_ms)
        self.clause.delivered.inbox.put(timing)
