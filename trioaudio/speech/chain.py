"""Engines in order: the first speaks, the next goes on when it fails, and nobody hears silence.

An utterance stays with the engine that took over until its end; the one after begins with the
first engine again, unless that is resting. Only when every engine has failed does an utterance.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Sequence

import attrs
import trio

from trioaudio.core.engine import Engine, PcmSink, Voice, VoiceChoice
from trioaudio.core.errors import (
    ConfigError,
    EngineError,
    EngineFault,
    OutputError,
    TextError,
    TrioaudioError,
)
from trioaudio.core.facts import PromptNotKept, Tell
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.loudness import VoiceGains
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.speech import EngineChanged, SpeechSink, WholeText
from trioaudio.lone_error import lone_error
from trioaudio.speech.engine_errors import one_engine_error
from trioaudio.speech.engine_turn import EngineTurn, Untouched
from trioaudio.speech.member import Member
from trioaudio.speech.prompt import Prompt, PromptKey, PromptRecorder
from trioaudio.speech.prompt_cache import PromptCache
from trioaudio.speech.prompt_making import make_prompt
from trioaudio.speech.script import CutsClauses, Lines, Script

LONGEST_PROMPT = 2000
"""Characters up to which a text may be a prompt made before; it is cut into clauses in one go."""

PROMPTS_AHEAD = 16
"""Prompts waiting for the disk; a further one is not kept, which is told."""

_DEFAULT_LANGUAGE = "en"


@attrs.frozen
class SpeechOptions:
    """What is done to text and sound, whichever engine speaks."""

    front_end: FrontEndOptions = FrontEndOptions()
    level: LevelOptions | None = LevelOptions()
    """None: the engines' sound is passed as it is."""
    keep_all: bool = False
    """Cache whatever is spoken from a whole text, not only what was ordered."""


@attrs.define(eq=False)
class _Telling:
    """One utterance while it is spoken."""

    script: Script
    sink: SpeechSink
    choice: VoiceChoice
    clauses: tuple[str, ...] | None
    """All of them, if the text was all there at the beginning."""
    base_ms: float = 0.0
    """Audio of it written by the turns before."""
    failed: list[tuple[str, TrioaudioError]] = attrs.field(factory=list)
    last: bool = False
    """Nobody is left to go on after the engine that speaks now."""


class EngineChain:
    """A `core.speech.Speaker`: engines in order, with one front end, level and prompt cache."""

    def __init__(
        self,
        members: Sequence[Member],
        options: SpeechOptions,
        cache: PromptCache | None,
        tell: Tell,
    ) -> None:
        self.members = list(members)
        self._options = options
        self._cache = cache
        self._tell_fact = tell
        self._to_keep_in, self._to_keep_out = trio.open_memory_channel[tuple[PromptKey, Prompt]](
            PROMPTS_AHEAD
        )
        self._gains = VoiceGains(options.level or LevelOptions())

    @property
    def name(self) -> str:
        """The engines' names, in order."""
        return ",".join(member.name for member in self.members)

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError if the first engine has no such voice or language."""
        self.members[0].engine.check(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if no engine can read this text."""
        problems = [each.unreadable(text, each.choice(choice)) for each in self.members]
        if all(problems) and problems[0] is not None:
            raise problems[0]

    def warm(self, choice: VoiceChoice) -> None:
        """Do once what the first utterance would wait for: a language's rules take 80 ms."""
        try:
            self._front_end(choice)
        except ConfigError:
            return  # a choice `check` refuses: nobody will speak it

    async def voices(self) -> list[Voice]:
        """List the first engine's voices."""
        return await self.members[0].engine.voices()

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Speak an utterance; see `core.speech.Speaker`."""
        script = Script(self._front_end(choice))
        if isinstance(pieces, WholeText) and len(pieces.text) <= LONGEST_PROMPT:
            script.take_whole(pieces.text)
            await self._tell(_Telling(script, sink, choice, tuple(script.unspoken)))
            return
        with lone_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(script.read, pieces)
                await self._tell(_Telling(script, sink, choice, None))
                nursery.cancel_scope.cancel()

    async def precache(self, text: str, choice: VoiceChoice, sample_rate: int) -> bool:
        """Have the first engine make a prompt unless it is there; say whether it had to.

        `sample_rate` in Hz is that of the calls it is for. EngineError, TextError, OutputError.
        """
        member = self.members[0]
        if self._cache is None:
            raise OutputError("there is no prompt cache; set TRIOAUDIO_CACHE_MB to more than 0")
        if len(text) > LONGEST_PROMPT:
            raise TextError(f"a prompt has at most {LONGEST_PROMPT} characters; split it")
        script = Script(self._front_end(choice))
        script.take_whole(text)
        clauses = tuple(script.unspoken)
        if not clauses:
            raise TextError(f"there is nothing to say in the prompt {text[:40]!r}")
        if unreadable := member.unreadable(text, choice):
            raise unreadable
        rate = member.engine.sample_rate_for(sample_rate)
        key = _key(member, choice, rate, clauses)
        if await self._cache.find(key) is not None:
            return False
        await self._cache.store(key, await make_prompt(member.engine, clauses, choice, rate))
        return True

    async def keep_prompts(self) -> None:
        """For ever: write to the disk what is to be kept, out of the way of the next utterance."""
        assert self._cache is not None
        async for key, prompt in self._to_keep_out:
            try:
                await self._cache.store(key, prompt)
            except OutputError as exc:
                self._tell_fact(PromptNotKept(str(exc)))

    async def _tell(self, telling: _Telling) -> None:
        """Have one engine after the other speak, until all is spoken."""
        waiting, resting = deque(self.members), deque[Member]()
        while waiting or resting:
            rested_enough = not waiting  # better one that may fail again than nobody
            member = (waiting or resting).popleft()
            choice = member.choice(telling.choice)
            prompt = await self._find_prompt(member, choice, telling)
            if prompt is None and member.health.resting and not rested_enough:
                resting.append(member)
                continue
            unreadable = member.unreadable(" ".join(telling.script.unspoken), choice)
            if unreadable is not None:
                telling.failed.append((member.name, unreadable))
                continue
            telling.last = not waiting and not resting
            error = await self._take_turn(member, choice, telling, prompt)
            if error is None or telling.script.finished:
                return
            telling.failed.append((member.name, error))
        raise _nobody_could(telling.failed)

    async def _take_turn(
        self, member: Member, choice: VoiceChoice, telling: _Telling, prompt: Prompt | None
    ) -> EngineError | TextError | None:
        """Have one engine speak what is left; return why it stopped before the end, if it did."""
        sink = telling.sink
        if telling.failed:
            failed, reason = telling.failed[-1]
            sink.tell(EngineChanged(failed, member.name, str(reason)))
        voice = f"{member.name} {member.engine.recipe(choice)}"
        levels = self._levels(member, voice, sink.sample_rate)
        rate = member.engine.sample_rate_for(sink.sample_rate)
        turn = EngineTurn(
            engine=member.name,
            settings=member.settings,
            engine_rate=rate,
            script=telling.script,
            sink=sink,
            levels=levels or Untouched(),
            base_ms=telling.base_ms,
            cached=prompt is not None,
            last=telling.last,
        )
        recorder = PromptRecorder(turn) if self._keeps(member, telling, prompt) else None
        try:
            ended = await _run(turn, prompt or member.engine, recorder or turn, choice, rate)
            error: EngineError | TextError | None = ended
            if ended is None or telling.script.finished:
                unheard = await turn.finish()
                error = ended or unheard
            else:
                await turn.break_off()
        finally:
            turn.tell_stretch()
        telling.base_ms += turn.written_ms
        if prompt is not None:
            return error
        if levels is not None:
            self._learn(voice, levels)
        if error is not None:
            member.health.failed(error)
            return error
        member.health.succeeded()
        if recorder is not None and telling.clauses is not None:
            self._keep(_key(member, choice, rate, telling.clauses), recorder, len(telling.clauses))
        return None

    # --- Parts -----------------------------------------------------------------------

    def _front_end(self, choice: VoiceChoice) -> CutsClauses:
        first = self.members[0]
        if not first.kind.speech:
            return Lines()
        language = first.language(choice) or choice.language or _DEFAULT_LANGUAGE
        return FrontEnd(attrs.evolve(self._options.front_end, language=language))

    def _levels(self, member: Member, voice: str, sample_rate: int) -> Leveller | None:
        """Return what brings a voice to the level; None for what is to stay as it is."""
        options = self._options.level
        if options is None or not member.kind.speech:
            return None
        fixed = member.settings.gain_db
        if fixed is not None:
            return Leveller(sample_rate, options.bound_gain(fixed), options)
        gain = self._gains.gain_db(voice)
        return Leveller(sample_rate, gain, options, seeking=not self._gains.settled(voice))

    def _learn(self, voice: str, levels: Leveller) -> None:
        measured = levels.measured
        if measured.active_dbov is not None:
            self._gains.learn(voice, measured.active_dbov, measured.active_seconds)

    async def _find_prompt(
        self, member: Member, choice: VoiceChoice, telling: _Telling
    ) -> Prompt | None:
        if self._cache is None or not telling.clauses or telling.failed:
            return None
        rate = member.engine.sample_rate_for(telling.sink.sample_rate)
        return await self._cache.find(_key(member, choice, rate, telling.clauses))

    def _keeps(self, member: Member, telling: _Telling, prompt: Prompt | None) -> bool:
        return (
            self._options.keep_all
            and self._cache is not None
            and member.kind.speech
            and prompt is None
            and bool(telling.clauses)
            and not telling.failed
        )

    def _keep(self, key: PromptKey, recorder: PromptRecorder, clauses: int) -> None:
        try:
            self._to_keep_in.send_nowait((key, recorder.prompt(clauses)))
        except trio.WouldBlock:
            self._tell_fact(PromptNotKept("the disk does not keep up"))


def _key(member: Member, choice: VoiceChoice, rate: int, clauses: Sequence[str]) -> PromptKey:
    return PromptKey.of(member.name, member.engine.recipe(choice), rate, clauses)


async def _run(
    turn: EngineTurn, engine: Engine | Prompt, sink: PcmSink, choice: VoiceChoice, rate: int
) -> EngineError | None:
    """Have an engine speak; return why it stopped before the end, if it did."""
    try:
        with turn.scope, one_engine_error():
            await engine.synthesize(turn.feed(), sink, choice, rate)
    except EngineError as exc:
        return exc
    return turn.fault


def _nobody_could(failed: list[tuple[str, TrioaudioError]]) -> TrioaudioError:
    """Return the error of an utterance that nobody could speak: the only one, or all of them."""
    if len(failed) == 1 or all(isinstance(error, TextError) for _, error in failed):
        return failed[0][1]
    last = failed[-1][1]
    kind = last.kind if isinstance(last, EngineError) else EngineFault.BAD_REQUEST
    reasons = "; ".join(str(error) for _, error in failed)
    return EngineError(f"no engine could speak: {reasons}", kind=kind, retryable=True)
