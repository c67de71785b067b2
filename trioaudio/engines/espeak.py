"""The embedded voice: eSpeak NG in a child process, restarted when it dies, shared by all calls.

Each utterance has one clause in the worker at a time and holds all that comes of it. So the pipe
is always read: a call that does not take its audio is not given its next clause, and mutes nobody.
"""

from __future__ import annotations

import contextlib
import itertools
import sys
from collections.abc import AsyncIterable, AsyncIterator, Sequence

import attrs
import trio

from trioaudio.core.backoff import Backoff, RestartIntensity
from trioaudio.core.child_protocol import Message
from trioaudio.core.engine import PcmSink, Voice, VoiceChoice
from trioaudio.core.errors import ChildError, EngineError, EngineFault
from trioaudio.core.facts import EngineRestarted, Tell
from trioaudio.core.text import Clause, ClauseSplitter, without_controls
from trioaudio.engines import _espeak_messages as said
from trioaudio.engines._espeak_child import Child, Greeting, greet, open_child, unavailable
from trioaudio.engines._espeak_utterance import Utterance
from trioaudio.engines._lone_error import lone_error

NAME = "espeak"
WORKER_COMMAND = (sys.executable, "-m", "trioaudio.engines.espeak_worker")
READY_SECONDS = 10.0
RESTARTS = 10
RESTARTS_WITHIN_SECONDS = 60.0
REST_SECONDS = 10.0
"""How long nothing is tried after too many restarts; utterances fail meanwhile."""

_DEATHS_OF_A_CLAUSE = 2
_START_BACKOFF = Backoff(first=0.05, cap=2.0, attempts=RESTARTS)


@attrs.frozen
class EspeakStatistics:
    """A snapshot of the embedded voice."""

    pid: int | None
    """The worker's process; None while there is none."""
    restarts: int
    clauses_asked: int
    """Clauses the worker has been asked for and has not finished."""
    utterances: int
    unwritten_bytes: int
    """Audio held for the sinks of all utterances."""


class EspeakEngine:
    """What `open_engine` yields; its worker is kept by `keep_worker`."""

    def __init__(self, tell: Tell, command: Sequence[str], ready_seconds: float) -> None:
        self._tell = tell
        self._command = command
        self._ready_seconds = ready_seconds
        self._greeting: Greeting | None = None
        self._ready = trio.Event()
        self._child: Child | None = None
        self._down: str | None = None  # why new clauses are refused
        self._restarts = 0
        self._idents = itertools.count(1)
        self._asked: dict[int, Utterance] = {}  # in the order the worker speaks them
        self._utterances: set[Utterance] = set()

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        return NAME

    @property
    def sample_rate(self) -> int:
        """Hz of the PCM it writes."""
        return self._known.sample_rate

    @property
    def _known(self) -> Greeting:
        if self._greeting is None:
            raise unavailable("it has not been opened")
        return self._greeting

    def statistics(self) -> EspeakStatistics:
        """Return what it holds now."""
        return EspeakStatistics(
            pid=self._child.pid if self._child else None,
            restarts=self._restarts,
            clauses_asked=len(self._asked),
            utterances=len(self._utterances),
            unwritten_bytes=sum(each.unwritten for each in self._utterances),
        )

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if there is no such voice or language."""
        self._known.catalogue.resolve(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if no letter of the text is in a script the chosen voice reads."""
        self._known.catalogue.check_text(text, choice)

    async def voices(self) -> list[Voice]:
        """List the voices it has."""
        await trio.lowlevel.checkpoint()
        return self._known.catalogue.listing()

    async def synthesize(
        self, pieces: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice
    ) -> None:
        """Speak an utterance whose text comes in pieces; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it tells the worker to drop
        the clause, and drops by its number what of it is already under way.
        """
        voice = self._known.catalogue.resolve(choice)
        utterance = Utterance(voice, self.sample_rate, sink.tell_word)
        self._utterances.add(utterance)
        try:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._ask_clauses, pieces, utterance)
                    while (chunk := await utterance.next_chunk()) is not None:
                        await sink.write(chunk)
        finally:
            self._utterances.discard(utterance)
            self._drop(utterance)

    async def _ask_clauses(self, pieces: AsyncIterable[str], utterance: Utterance) -> None:
        """Give the worker clause after clause; while it is ahead, no text is read either."""
        splitter = ClauseSplitter()
        async for piece in pieces:
            text, _ = without_controls(piece)  # eSpeak NG takes some of them for commands
            for clause in splitter.push(text):
                await utterance.wait_hungry()
                self._ask(utterance, clause)
        for clause in splitter.flush():
            await utterance.wait_hungry()
            self._ask(utterance, clause)
        utterance.end_text()

    def _ask(self, utterance: Utterance, clause: Clause) -> None:
        asked = utterance.begin(next(self._idents), clause)
        if self._down is not None:
            utterance.fail(unavailable(self._down, retryable=True))
            return
        self._asked[asked.ident] = utterance
        self._send_clause(utterance)

    def _send_clause(self, utterance: Utterance) -> None:
        asked = utterance.repeat()
        if asked is not None and self._child is not None:
            request = f"{utterance.voice}\0{asked.clause.text}"
            self._child.send(said.SPEAK, asked.ident, request.encode())

    def _blame(self, utterance: Utterance, reason: str) -> None:
        """Count that a speaker died of an utterance's clause; fail it the second time."""
        asked = utterance.asked
        if asked is None:
            return
        asked.deaths += 1
        if asked.deaths < _DEATHS_OF_A_CLAUSE:
            return
        self._drop(utterance)
        utterance.fail(
            EngineError(
                f"eSpeak NG cannot speak {asked.clause.text[:40]!r}: its process {reason}, twice",
                kind=EngineFault.UNAVAILABLE,
                retryable=False,
            )
        )

    def _drop(self, utterance: Utterance) -> None:
        """Forget the clause asked for, and have the worker forget it."""
        asked = utterance.asked
        if asked is None or self._asked.pop(asked.ident, None) is None:
            return
        if self._child is not None:
            self._child.send(said.CANCEL, asked.ident)

    def _take(self, message: Message) -> None:
        """Give a message to its utterance; what nobody waits for any more is dropped."""
        kind, ident, payload = message
        utterance = self._asked.get(ident)
        if utterance is None:
            return
        if kind == said.AUDIO:
            utterance.take_audio(payload)
        elif kind == said.WORD:
            utterance.take_word(payload)
        elif kind == said.DIED:
            self._blame(utterance, f"ended with {payload.decode()}")
            self._send_clause(utterance)
        elif kind == said.DONE:
            del self._asked[ident]
            utterance.finish(payload)
        elif kind == said.FAILED:
            del self._asked[ident]
            reason = payload.decode("utf-8", "replace")
            utterance.fail(EngineError(reason, kind=EngineFault.BAD_REQUEST, retryable=False))

    async def wait_ready(self) -> None:
        """Wait until the first worker is ready."""
        await self._ready.wait()

    async def keep_worker(self) -> None:
        """Run workers, one after the other.

        What goes wrong before the first is ready is raised: EngineError, ChildError.
        """
        intensity = RestartIntensity(RESTARTS, RESTARTS_WITHIN_SECONDS)
        failed_starts = 0
        reason = ""
        try:
            while True:
                try:
                    reason = await self._run_worker(reason)
                    failed_starts = 0
                except (ChildError, EngineError) as exc:
                    if self._greeting is None:
                        raise
                    reason = str(exc)
                    failed_starts += 1
                if not intensity.allow(trio.current_time()):
                    self._refuse(reason)
                    await trio.sleep(REST_SECONDS)
                elif failed_starts:
                    await trio.sleep(_START_BACKOFF.delay(failed_starts, 1.0) or REST_SECONDS)
        finally:
            self._refuse("it has been closed")

    async def _run_worker(self, last_ending: str) -> str:
        """Run one worker until it is gone; return how it ended."""
        with lone_error():
            async with open_child(self._command) as child, trio.open_nursery() as nursery:
                nursery.start_soon(child.write_requests)
                self._greeting = await greet(child, self._ready_seconds)
                if last_ending:
                    self._restarts += 1
                    self._tell(EngineRestarted(NAME, last_ending))
                self._ready.set()
                junk = await self._listen(child)
                nursery.cancel_scope.cancel()
        ending = junk or child.ending
        for utterance in itertools.islice(self._asked.values(), 1):  # the one being spoken
            self._blame(utterance, ending)
        return ending

    async def _listen(self, child: Child) -> str:
        """Have a ready worker speak all that is asked, until it is gone; return its junk if any."""
        self._child = child
        self._down = None
        try:
            for utterance in self._asked.values():
                self._send_clause(utterance)
            while (messages := await child.receive()) is not None:
                for message in messages:
                    self._take(message)
        except EngineError as exc:
            return str(exc)
        finally:
            self._child = None
        return ""

    def _refuse(self, reason: str) -> None:
        """Fail what is asked for, and all that will be until a worker is ready again."""
        self._down = reason
        for utterance in self._asked.values():
            utterance.fail(unavailable(reason, retryable=True))
        self._asked.clear()


@contextlib.asynccontextmanager
async def open_engine(
    tell: Tell,
    *,
    command: Sequence[str] = WORKER_COMMAND,
    ready_seconds: float = READY_SECONDS,
) -> AsyncIterator[EspeakEngine]:
    """Start the embedded voice and keep it warm. ChildError or EngineError if it cannot start."""
    engine = EspeakEngine(tell, command, ready_seconds)
    with lone_error():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.keep_worker)
            await engine.wait_ready()
            yield engine
            nursery.cancel_scope.cancel()
