"""One engine's turn at an utterance: what it writes is watched, levelled and accounted for.

    engine's PCM → whole samples → the call's rate → level, edges → the utterance's sink

It knows at every moment what is still owed: a clause that was given and not yet spoken. While
something is owed and nothing comes, a deadline runs; a slow author or a full sink stops it.
"""

from __future__ import annotations

from typing import Protocol

import attrs
import trio

from trioaudio.core.engine import EngineSettings, WordTiming
from trioaudio.core.errors import EngineError, EngineFault, TextError
from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.pcm import SAMPLE_BYTES, SampleAligner
from trioaudio.core.resampling import Resampler
from trioaudio.core.resume_place import Heard, find_heard
from trioaudio.core.speech import SpeechSink, SpokenWord, Stretch, TurnBegan
from trioaudio.core.word_estimate import estimate_words
from trioaudio.speech.script import Feed, Script
from trioaudio.speech.turn_timing import Moments, Patience

STALL_MARGIN_S = 0.15
"""How long before an underrun a stalled engine is given up: what the next one needs to begin."""

FINISH_S = 1.0
"""How long an engine may take to say that it is done once all is spoken."""

_NEVER_S = 86_400.0
_FAST_CHARACTERS_PER_S = 22.0


class Levels(Protocol):
    """What is done to the sound of one turn; `core.level.leveller.Leveller` is one."""

    @property
    def trimmed_samples(self) -> int:
        """Leading silence dropped so far."""
        ...

    def push(self, pcm: bytes) -> bytes:
        """Return what can go out."""
        ...

    def flush(self) -> bytes:
        """Return what is left, at the end in good order."""
        ...

    def cut(self) -> bytes:
        """Return what is left, at an end in mid-sound."""
        ...


class Untouched:
    """Leaves a recording as it is, to the bit."""

    trimmed_samples = 0

    def push(self, pcm: bytes) -> bytes:
        """Return it."""
        return pcm

    def flush(self) -> bytes:
        """Return nothing: nothing was held back."""
        return b""

    cut = flush


@attrs.define(eq=False)
class _Given:
    """A clause the engine has, and what is known of its place in the sound."""

    clause: SpokenClause
    asked_at: float
    words: list[WordTiming] = attrs.field(factory=list)
    estimated: bool = False
    """Its words were told by estimate; the engine's own come too late."""

    @property
    def text(self) -> str:
        """What the engine was given."""
        return self.clause.text


class EngineTurn:
    """A `core.engine.PcmSink` for one engine speaking from a script into an utterance's sink.

    `engine_rate` in Hz is what it writes; `base_ms` is the utterance's audio before this turn.
    `last` says that nobody is left to go on. `scope` is what its `synthesize` must run in;
    `fault` says what was wrong with how that ended.
    """

    def __init__(  # noqa: PLR0913  what a turn is made of, each given once, by name
        self,
        *,
        engine: str,
        settings: EngineSettings,
        engine_rate: int,
        script: Script,
        sink: SpeechSink,
        levels: Levels,
        base_ms: float,
        cached: bool = False,
        last: bool = False,
    ) -> None:
        self.scope = trio.CancelScope()
        self.written_ms = 0.0
        # What was trimmed off a prompt before still counts as if it had come.
        self.received_ms = levels.trimmed_samples * 1000 / sink.sample_rate
        self._engine = engine
        self._patience = Patience.of(settings, last=last)
        self._engine_rate = engine_rate
        self._script = script
        self._sink = sink
        self._levels = levels
        self._base_ms = base_ms
        self._cached = cached
        self._aligner = SampleAligner()
        self._resampler = Resampler(engine_rate, sink.sample_rate)
        self._start = script.spoken_to
        self._given: dict[int, _Given] = {}  # from the oldest one still of interest
        self._asked = 0
        self._spoken = 0
        self._owed_characters = 0
        self._spoken_ms = self.received_ms  # as it was when the last clause was known to be spoken
        self._waiting_words: list[SpokenWord] = []
        self._exhausted = False
        self._writing_ms = 0.0  # of received audio, still on its way into the sink
        self._quiet_since: float | None = None  # when the engine last gave a sign of life
        self._told = False
        self._moments = Moments()

    # --- What the engine does --------------------------------------------------------

    def feed(self) -> Feed:
        """Return the clauses for the engine."""
        return self._script.feed(self._note_asked)

    async def write(self, chunk: bytes) -> None:
        """Take PCM of the engine's; see `core.engine.PcmSink`."""
        pcm = self._aligner.push(chunk)
        came_ms = len(pcm) * 1000 / SAMPLE_BYTES / self._engine_rate
        if pcm:
            if self._moments.audio_at is None:
                self._moments.audio_at = trio.current_time()
            self._note_pace(came_ms)
            # Before anybody else runs: a clause asked for meanwhile looks at it.
            self._quiet_since = trio.current_time()
        self.received_ms += came_ms
        ready = self._levels.push(self._resampler.push(pcm)) if pcm else b""
        if ready:
            self._writing_ms = came_ms
            self._watch()
            await self._pass_on(ready)
            self._writing_ms = 0.0
        else:
            await trio.lowlevel.checkpoint()
        if pcm:
            self._quiet_since = trio.current_time()
        self._watch()

    def tell_word(self, word: WordTiming) -> None:
        """Take a word timing; see `core.engine.PcmSink`."""
        given = self._given.get(word.clause)
        if given is None or given.estimated:
            return
        given.words.append(word)
        start, length = given.clause.source_of(word.start, word.length)
        self._waiting_words.append(SpokenWord(start, length, word.at_ms))
        self._tell_words()

    def tell_spoken(self, clauses: int) -> None:
        """Learn how much is spoken; see `core.engine.PcmSink`."""
        clauses = min(clauses, self._asked)
        if clauses <= self._spoken:
            return
        newly = [self._given[each] for each in range(self._spoken, clauses)]
        self._estimate_words(newly, self.received_ms)
        self._advance(clauses)
        self._spoken_ms = self.received_ms
        self._quiet_since = trio.current_time()
        self._watch()

    # --- Its end ---------------------------------------------------------------------

    @property
    def fault(self) -> EngineError | None:
        """What was wrong with how `synthesize` ended, though it raised nothing."""
        kind = EngineFault.TIMEOUT
        if not self.scope.cancelled_caught:
            if self._exhausted:
                return None
            kind = EngineFault.PROTOCOL
            what = "left off before the text had ended"
        elif self._spoken == self._asked:
            what = "did not say that it had finished"
        elif self.received_ms:
            what = "stalled in mid-utterance"
        else:
            waited_s = self.scope.deadline - self._given[self._spoken].asked_at
            what = f"gave no audio within {waited_s * 1000:.0f} ms"
        return EngineError(f"{self._engine} {what}", kind=kind, retryable=True)

    async def finish(self) -> TextError | None:
        """Write what is held back; all the engine was given is spoken.

        Returned is why not, when there was no sound in what it wrote. Then nothing is spoken.
        """
        tail = self._levels.push(self._resampler.flush()) + self._levels.flush()
        if self._asked and not tail and not self.written_ms:
            self._take_back()
            return TextError("the voice has no sound for this text")
        self.tell_spoken(self._asked)
        await self._pass_on(tail)
        self._tell_words(rest=True)
        self.tell_stretch()
        return None

    async def break_off(self) -> None:
        """Write what is held back, faded out, and leave the rest of the script to the next."""
        tail = self._levels.push(self._resampler.flush()) + self._levels.cut()
        if not tail and not self.written_ms:
            self._take_back()
            return
        self.received_ms -= self._writing_ms  # cut short in its write, it may not have been heard
        self._leave_rest()
        await self._pass_on(tail)
        self.tell_stretch()

    def tell_begun(self) -> None:
        """Tell that the turn has begun: who cuts it wants to know what there was of it."""
        self._sink.tell(TurnBegan(self._engine, self.tell_stretch))

    def tell_stretch(self) -> None:
        """Tell who spoke what; once, however the turn ends."""
        if self._told:
            return
        self._told = True
        if self._script.spoken_to > self._start or self.written_ms:
            self._sink.tell(
                Stretch(
                    self._engine,
                    self._start,
                    self._script.spoken_to,
                    round(self.written_ms, 3),
                    self._cached,
                    self._moments.beginning(self._trimmed_ms / 1000),
                )
            )

    # --- Inside ----------------------------------------------------------------------

    def _note_asked(self, clause: SpokenClause | None) -> None:
        if clause is None:
            self._exhausted = True
            self._quiet_since = trio.current_time()
        else:
            now = trio.current_time()
            if self._moments.asked_at is None:
                self._moments.asked_at = now
            self._given[self._asked] = _Given(clause, now)
            self._asked += 1
            self._owed_characters += len(clause.text)
        self._watch()

    def _note_pace(self, came_ms: float) -> None:
        """Learn how long this engine may let wait: as a chunk lasts, or as it did before."""
        wait_s = came_ms / 1000
        if self._quiet_since is not None and self.received_ms > self._spoken_ms:
            wait_s = max(wait_s, trio.current_time() - self._quiet_since)
        self._patience.learn(wait_s)

    def _watch(self) -> None:
        """Set the deadline by what is owed now."""
        if self._cached:
            return  # all of it is in memory
        now = trio.current_time()
        given = self._given.get(self._spoken)  # what is owed first
        # Neither a full sink nor a slow author is the engine's fault.
        if self._writing_ms or (given is None and not self._exhausted):
            self.scope.deadline = now + _NEVER_S
            return
        deadline = now + self._sink.ahead_s() - STALL_MARGIN_S
        if given is not None and self.received_ms == self._spoken_ms:
            deadline = max(deadline, given.asked_at + self._patience.first_audio_s)
        if self._quiet_since is not None:
            patience_s = self._patience.stall_s
            if self._may_be_all:
                patience_s = max(FINISH_S, patience_s)
            deadline = max(deadline, self._quiet_since + patience_s)
        self.scope.deadline = deadline

    @property
    def _may_be_all(self) -> bool:
        """Whether what came is long enough for all that is owed, if spoken fast."""
        came_ms = self.received_ms - self._spoken_ms
        return came_ms >= self._owed_characters * 1000 / _FAST_CHARACTERS_PER_S

    def _advance(self, clauses: int) -> None:
        """Note that so many clauses are spoken."""
        for number in range(self._spoken, clauses):
            self._owed_characters -= len(self._given[number].text)
        self._script.speak_first(clauses - self._spoken)
        if self.written_ms:
            # But for the last ones: words may come late.
            for number in [each for each in self._given if each < self._spoken]:
                del self._given[number]
        self._spoken = clauses

    def _take_back(self) -> None:
        """Let the next engine say what this one said it had spoken: there was no sound in it."""
        self._script.take_back([self._given[each].clause for each in range(self._spoken)])
        self._spoken = 0

    def _leave_rest(self) -> None:
        """Have the script go on where the sound breaks off, or at a phrase's edge before that."""
        while (given := self._given.get(self._spoken)) is not None:
            heard = self._heard_of(given)
            if heard is None:
                return
            self._estimate_words([given], heard.until_ms, heard.characters)
            if heard.characters < len(given.text):
                self._script.resume_in_first(heard.characters)
                return
            self._advance(self._spoken + 1)
            self._spoken_ms = heard.until_ms

    def _heard_of(self, given: _Given) -> Heard | None:
        """Return how much of the clause owed first was heard; None when nothing was."""
        following = [self._given[each] for each in self._given if each > self._spoken]
        next_ms = [word.at_ms for each in following for word in each.words]
        if next_ms and min(next_ms) <= self.received_ms:
            return Heard(len(given.text), min(next_ms))
        return find_heard(
            given.text,
            given.words,
            self._spoken_ms,
            self.received_ms,
            followed=bool(following),
        )

    async def _pass_on(self, pcm: bytes) -> None:
        if not pcm:
            return
        if self._moments.sound_at is None:
            self._moments.sound_at = trio.current_time()
        self.written_ms += len(pcm) * 1000 / SAMPLE_BYTES / self._sink.sample_rate
        self._tell_words()
        await self._sink.write(pcm)

    def _tell_words(self, *, rest: bool = False) -> None:
        """Tell the words whose sound has been written; what was cut off before shows by then."""
        if not self.written_ms:
            return
        trimmed_ms = self._trimmed_ms
        later = []
        for word in self._waiting_words:
            at_ms = max(0.0, word.at_ms - trimmed_ms)
            if at_ms <= self.written_ms or rest:
                place_ms = self._base_ms + min(at_ms, self.written_ms)
                self._sink.tell(SpokenWord(word.start, word.length, place_ms, word.estimated))
            else:
                later.append(word)
        self._waiting_words = later

    @property
    def _trimmed_ms(self) -> float:
        return self._levels.trimmed_samples * 1000 / self._sink.sample_rate

    def _estimate_words(
        self, newly: list[_Given], end_ms: float, characters: int | None = None
    ) -> None:
        """Have words told the engine told nothing of, by the length of the sound up to `end_ms`.

        They are those of clauses that follow one another, or of one's first characters.
        """
        if any(each.words for each in newly):
            return
        texts = [each.text[:characters] for each in newly]
        total = sum(map(len, texts))
        at_ms = max(self._spoken_ms, self._trimmed_ms)
        span_ms = max(0.0, end_ms - at_ms)
        for each, text in zip(newly, texts, strict=True):
            share = span_ms * len(text) / max(1, total)
            for start, length, offset_ms in estimate_words(text, share):
                place = each.clause.source_of(start, length)
                self._waiting_words.append(SpokenWord(*place, at_ms + offset_ms, estimated=True))
            each.estimated = True
            at_ms += share
        self._tell_words()
