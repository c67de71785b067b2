"""Engines in order: the first speaks, the next goes on when it fails, and nobody hears silence.

An utterance stays with the engine that took over until its end; the one after begins with the
first engine again, unless that is resting. Only when every engine has failed does an utterance.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncIterable, Sequence
from contextlib import suppress

import attrs
import trio

from trioaudio.core.engine import Voice, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, TextError, TrioaudioError
from trioaudio.core.front_end.front_end import FrontEndOptions
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.speech import EngineChanged, SpeechSink, WholeText
from trioaudio.core.suggest import did_you_mean
from trioaudio.lone_error import lone_error
from trioaudio.speech.cut_texts import CutTexts
from trioaudio.speech.engine_errors import nobody_could
from trioaudio.speech.engine_turn import EngineTurn, Levels, Untouched
from trioaudio.speech.member import EngineStatus, Member
from trioaudio.speech.one_turn import take_turn
from trioaudio.speech.prompt import Origin, PromptKey, PromptRecorder
from trioaudio.speech.prompt_shelf import FoundPrompt, MadePrompt, PromptShelf, key_of, origin_of
from trioaudio.speech.prompt_speaker import PromptSpeaker
from trioaudio.speech.script import CutsClauses, Lines, Script
from trioaudio.speech.voice_levels import VoiceLevels

LONGEST_PROMPT = 2000
"""Characters up to which a text may be a prompt made before; it is cut into clauses in one go."""

MOST_ORDERS = 64
"""Orders of engines remembered; one that is asked for again later is put together anew."""


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

    def turn_of(
        self, member: Member, rate: int, levels: Levels, *, cached: bool = False
    ) -> EngineTurn:
        """Return the next turn at it, written at `rate` Hz."""
        return EngineTurn(
            engine=member.name,
            settings=member.settings,
            engine_rate=rate,
            script=self.script,
            sink=self.sink,
            levels=levels,
            base_ms=self.base_ms,
            cached=cached,
            last=self.last,
        )


class EngineChain:
    """A `core.speech.Speaker`: engines in order, with one front end, level and prompt cache."""

    def __init__(
        self,
        members: Sequence[Member],
        options: SpeechOptions,
        shelf: PromptShelf,
        levels: VoiceLevels,
    ) -> None:
        self.members = list(members)
        self._options = options
        self._shelf = shelf
        self._levels = levels
        self._texts = CutTexts(options.front_end)
        self._reordered: OrderedDict[tuple[str, ...], EngineChain] = OrderedDict()

    @property
    def name(self) -> str:
        """The engines' names, in order."""
        return ",".join(member.name for member in self.members)

    def engines(self) -> list[EngineStatus]:
        """Describe the engines, in order."""
        return [member.status(position) for position, member in enumerate(self.members)]

    def ordered(self, names: Sequence[str]) -> EngineChain:
        """Return a chain of some of these engines, in another order, that shares all they have.

        Health, levels and prompts are the same ones. The voice an author names is one of the
        first engine's. ConfigError, with near matches, for a name that is none of these.
        """
        wanted = tuple(dict.fromkeys(names))
        members = [self._member(name) for name in wanted]
        if not members:
            raise ConfigError("no engine is named; leave the engines out, or name one")
        if wanted == tuple(member.name for member in self.members):
            return self
        chain = self._reordered.pop(wanted, None)
        if chain is None:
            placed = [attrs.evolve(each, first=each is members[0]) for each in members]
            chain = EngineChain(placed, self._options, self._shelf, self._levels)
        self._reordered[wanted] = chain
        if len(self._reordered) > MOST_ORDERS:
            self._reordered.popitem(last=False)
        return chain

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
        with suppress(ConfigError):  # a choice `check` refuses: nobody will speak it
            self._front_end(choice)

    async def voices(self, engine: str | None = None) -> list[Voice]:
        """List an engine's voices, the first one's unless it is named.

        ConfigError, with near matches, for a name that is none of these engines'; EngineError.
        """
        member = self.members[0] if engine is None else self._member(engine)
        return await member.engine.voices()

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Speak an utterance; see `core.speech.Speaker`."""
        if isinstance(pieces, WholeText) and len(pieces.text) <= LONGEST_PROMPT:
            script = Script(self._front_end(choice, pieces.text))
            script.take_whole(pieces.text)
            await self._tell(_Telling(script, sink, choice, tuple(script.unspoken)))
            return
        script = Script(self._front_end(choice))
        with lone_error():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(script.read, pieces)
                await self._tell(_Telling(script, sink, choice, None))
                nursery.cancel_scope.cancel()

    # --- Prompts ---------------------------------------------------------------------

    async def precache(self, text: str, choice: VoiceChoice, sample_rate: int) -> MadePrompt:
        """Have the first engine make a prompt unless it is there.

        `sample_rate` in Hz is that of the calls it is for. EngineError, TextError, OutputError.
        """
        member = self.members[0]
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
        return await self._shelf.make(member, clauses, choice, rate, self._levels, sample_rate)

    async def prompt_speaker(self, digest: str) -> PromptSpeaker | None:
        """Return what plays a prompt by the digest `precache` told; None when it is not there."""
        key = PromptKey.read(digest)
        prompt = None if key is None else await self._shelf.find(key)
        if key is None or prompt is None or prompt.origin is None:
            return None
        engine = prompt.origin.engine
        member = next((each for each in self.members if each.name == engine), None)
        found = FoundPrompt(key, prompt)
        return PromptSpeaker(found, prompt.origin, member, self._shelf, self._levels)

    @property
    def prompts_found(self) -> tuple[int, int]:
        """How many texts to be spoken were prompts made before, and how many were not."""
        return self._shelf.hits, self._shelf.misses

    async def _tell(self, telling: _Telling) -> None:
        """Have one engine after the other speak, until all is spoken."""
        waiting, resting = deque(self.members), deque[Member]()
        while waiting or resting:
            rested_enough = not waiting  # better one that may fail again than nobody
            member = (waiting or resting).popleft()
            choice = member.choice(telling.choice)
            found = await self._find_prompt(member, choice, telling)
            if found is None and member.health.resting and not rested_enough:
                resting.append(member)
                continue
            unreadable = member.unreadable(" ".join(telling.script.unspoken), choice)
            if unreadable is not None:
                telling.failed.append((member.name, unreadable))
                continue
            telling.last = not waiting and not resting
            error = await self._take_turn(member, choice, telling, found)
            if error is None or telling.script.finished:
                return
            telling.failed.append((member.name, error))
        raise nobody_could(telling.failed)

    async def _take_turn(
        self, member: Member, choice: VoiceChoice, telling: _Telling, found: FoundPrompt | None
    ) -> EngineError | TextError | None:
        """Have one engine speak what is left; return why it stopped before the end, if it did."""
        sink = telling.sink
        if telling.failed:
            failed, reason = telling.failed[-1]
            sink.tell(EngineChanged(failed, member.name, str(reason)))
        rate = member.engine.sample_rate_for(sink.sample_rate)
        origin = origin_of(member, choice, rate)
        if found is not None:
            return await self._play(member, choice, telling, found, origin)
        levels = self._levels.leveller(member, origin.voice, sink.sample_rate)
        turn = telling.turn_of(member, rate, levels or Untouched())
        recorder = PromptRecorder(turn) if self._keeps(member, telling) else None
        error = await take_turn(member.engine, turn, telling.script, recorder or turn, choice, rate)
        telling.base_ms += turn.written_ms
        if levels is not None:
            self._levels.learn(origin.voice, levels)
        if error is not None:
            member.health.failed(error)
            return error
        member.health.succeeded()
        if recorder is not None and telling.clauses is not None:
            prompt = recorder.prompt(len(telling.clauses))
            self._shelf.keep(origin, telling.clauses, prompt)
        return None

    async def _play(
        self,
        member: Member,
        choice: VoiceChoice,
        telling: _Telling,
        found: FoundPrompt,
        origin: Origin,
    ) -> EngineError | TextError | None:
        """Play a prompt in the engine's place."""
        playing = self._shelf.play(found, origin, member, self._levels, telling.sink.sample_rate)
        rate = playing.sample_rate
        turn = telling.turn_of(member, rate, playing.levels, cached=True)
        error = await take_turn(playing.sound, turn, telling.script, turn, choice, rate)
        telling.base_ms += turn.written_ms
        return error

    # --- Parts -----------------------------------------------------------------------

    def _member(self, name: str) -> Member:
        known = {member.name: member for member in self.members}
        if name not in known:
            raise ConfigError(f"no engine {name!r} here; {did_you_mean(name, known)}")
        return known[name]

    def _front_end(self, choice: VoiceChoice, whole: str | None = None) -> CutsClauses:
        first = self.members[0]
        if not first.kind.speech:
            return Lines()
        language = first.language(choice) or choice.language
        texts = self._texts
        return texts.front_end(language) if whole is None else texts.cut(whole, language)

    async def _find_prompt(
        self, member: Member, choice: VoiceChoice, telling: _Telling
    ) -> FoundPrompt | None:
        if not self._shelf.keeps or not telling.clauses or telling.failed:
            return None
        rate = member.engine.sample_rate_for(telling.sink.sample_rate)
        key = key_of(origin_of(member, choice, rate), telling.clauses)
        prompt = await self._shelf.look_up(key)
        return None if prompt is None else FoundPrompt(key, prompt)

    def _keeps(self, member: Member, telling: _Telling) -> bool:
        wanted = self._options.keep_all and self._shelf.keeps and member.kind.speech
        return wanted and bool(telling.clauses) and not telling.failed
