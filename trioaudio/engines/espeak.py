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

from trioaudio.core.child_protocol import Message
from trioaudio.core.engine import (
    EngineKind,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
)
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.text import without_controls
from trioaudio.engines import _espeak_messages as said
from trioaudio.engines._child import Child
from trioaudio.engines._espeak_child import Greeting, greet, unavailable
from trioaudio.engines._espeak_utterance import Utterance
from trioaudio.engines._kept_child import ChildPlan, keep_child
from trioaudio.lone_error import lone_error

NAME = "espeak"
WORKER_COMMAND = (sys.executable, "-m", "trioaudio.engines.espeak_worker")
READY_SECONDS = 10.0
RESTARTS = 10
RESTARTS_WITHIN_SECONDS = 60.0
REST_SECONDS = 10.0
"""How long nothing is tried after too many restarts; utterances fail meanwhile."""

_DEATHS_OF_A_CLAUSE = 2


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

    def __init__(self, setup: EngineSetup, command: Sequence[str], ready_seconds: float) -> None:
        self._tell = setup.tell
        self._default_voice = setup.settings.voice
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

    def sample_rate_for(self, wanted: int) -> int:
        """Return its own rate: it has only one."""
        del wanted
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
            unwritten_bytes=sum(each.inbox.unwritten_bytes for each in self._utterances),
        )

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if there is no such voice or language."""
        self._resolve(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if no letter of the text is in a script the chosen voice reads."""
        self._known.catalogue.check_text(text, self._defaulted(choice))

    def recipe(self, choice: VoiceChoice) -> str:
        """Return the library's version and the voice: it has no other parameters."""
        return f"{self._known.version} {self._resolve(choice)}"

    def language_of(self, choice: VoiceChoice) -> str | None:
        """Return the language the author asked for, or the voice's own."""
        return choice.language or self._known.catalogue.language_of(self._defaulted(choice))

    def _defaulted(self, choice: VoiceChoice) -> VoiceChoice:
        """Return the choice with the operator's voice, unless voice or language is the author's."""
        if choice.voice is None and choice.language is None:
            return attrs.evolve(choice, voice=self._default_voice)
        return choice

    def _resolve(self, choice: VoiceChoice) -> str:
        return self._known.catalogue.resolve(self._defaulted(choice))

    async def voices(self) -> list[Voice]:
        """List the voices it has."""
        await trio.lowlevel.checkpoint()
        return self._known.catalogue.listing()

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Speak an utterance clause by clause; return when all of it is written.

        EngineError, after what came before it is written. Cancelled, it tells the worker to drop
        the clause, and drops by its number what of it is already under way.
        """
        utterance = Utterance(self._resolve(choice), sample_rate)
        self._utterances.add(utterance)
        try:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._ask_clauses, clauses, utterance)
                    await utterance.inbox.deliver(sink)
        finally:
            self._utterances.discard(utterance)
            self._drop(utterance)

    async def _ask_clauses(self, clauses: AsyncIterable[str], utterance: Utterance) -> None:
        """Give the worker clause after clause; while it is ahead, no text is read either."""
        async for clause in clauses:
            text, _ = without_controls(clause)  # eSpeak NG takes some of them for commands
            self._ask(utterance, text)
            await utterance.wait_hungry()
            if utterance.inbox.over:
                return
        utterance.inbox.end()

    def _ask(self, utterance: Utterance, clause: str) -> None:
        asked = utterance.begin(next(self._idents), clause)
        if self._down is not None:
            utterance.fail(unavailable(self._down, retryable=True))
            return
        self._asked[asked.ident] = utterance
        self._send_clause(utterance)

    def _send_clause(self, utterance: Utterance) -> None:
        asked = utterance.repeat()
        if asked is not None and self._child is not None:
            request = f"{utterance.voice}\0{asked.clause}"
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
                f"eSpeak NG cannot speak {asked.clause[:40]!r}: its process {reason}, twice",
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

    def take(self, message: Message) -> None:
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
        plan = ChildPlan(
            engine=NAME,
            what="the embedded voice",
            command=self._command,
            restarts=RESTARTS,
            within_s=RESTARTS_WITHIN_SECONDS,
            rest_s=REST_SECONDS,
            unavailable=unavailable,
        )
        await keep_child(plan, self, self._tell)

    async def greet(self, child: Child) -> None:
        """Learn what a new worker can speak."""
        first = self._greeting is None
        self._greeting = await greet(child, self._ready_seconds)
        self._restarts += not first
        self._ready.set()

    def begin(self, child: Child) -> None:
        """Have a ready worker speak all that is asked."""
        self._child = child
        self._down = None
        for utterance in self._asked.values():
            self._send_clause(utterance)

    def lose(self) -> None:
        """Ask the worker for nothing more."""
        self._child = None

    def blame(self, ending: str) -> None:
        """Count that the worker ended, on the clause that was being spoken."""
        for utterance in itertools.islice(self._asked.values(), 1):
            self._blame(utterance, ending)

    def refuse(self, reason: str) -> None:
        """Fail what is asked for, and all that will be until a worker is ready again."""
        self._down = reason
        for utterance in self._asked.values():
            utterance.fail(unavailable(reason, retryable=True))
        self._asked.clear()


@contextlib.asynccontextmanager
async def open_engine(
    setup: EngineSetup,
    *,
    command: Sequence[str] = WORKER_COMMAND,
    ready_seconds: float = READY_SECONDS,
) -> AsyncIterator[EspeakEngine]:
    """Start the embedded voice and keep it warm. ChildError or EngineError if it cannot start."""
    engine = EspeakEngine(setup, command, ready_seconds)
    with lone_error():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.keep_worker)
            await engine.wait_ready()
            engine.check(VoiceChoice())
            yield engine
            nursery.cancel_scope.cancel()


ENGINE = EngineKind(
    name=NAME,
    open=open_engine,
    settings=EngineSettings(),
    documentation="https://github.com/espeak-ng/espeak-ng",
    embedded=True,
)
