"""A call's utterances as their author knows them: text, state, and what of it was heard."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Literal

import attrs
import trio

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.shapes import Certainty
from trioaudio.api.views import SayingView, UtteranceView
from trioaudio.calls.text_feed import TextFeed
from trioaudio.calls.wall_clock import WallClock
from trioaudio.core.heard_text import heard_characters
from trioaudio.core.utterance import UtteranceState as State
from trioaudio.utterances import Say

REMEMBERED = 50
"""Complete utterances of a call that can still be asked for."""

SHOWN, HEARD_SHOWN = 300, 100
"""Characters told of an utterance that is being heard, and how many of them were heard already."""

Kind = Literal["text", "recording", "mark", "tones"]


@attrs.define(eq=False)
class Entry:
    """One utterance: what was asked for, and how far it is."""

    said: Say
    kind: Kind
    text: str = ""
    """All the author gave so far; of a mark its name."""
    feed: TextFeed | None = None
    """While more may be appended, and afterwards."""
    words: bool = False
    """Whether its words are told when they are played."""
    tell_words: Callable[[], None] | None = None
    """Tells those played that were not told yet, once it is being played."""
    completed_at: float | None = None
    """On Trio's clock."""
    heard: int = 0
    """Characters heard, once it is complete."""

    @property
    def id(self) -> int:
        """The utterance's number."""
        return self.said.utterance.id

    @property
    def open(self) -> bool:
        """Whether more text may be appended."""
        final = self.said.utterance.state.final
        return self.feed is not None and not self.feed.closed and not final

    @property
    def engines(self) -> list[str]:
        """Who spoke it, in order."""
        return list(dict.fromkeys(each.engine for each in self.said.stretches))

    @property
    def audio_ms(self) -> float:
        """How much sound there is of it, as far as it was told."""
        return sum(each.audio_ms for each in self.said.stretches)

    def count_heard(self) -> int:
        """Return how many characters were heard, by what was played."""
        utterance = self.said.utterance
        if self.kind != "text":
            return 0
        skipped_ms = self.audio_ms - utterance.played_ms  # too old after a lost connection
        if utterance.state is State.PLAYED and skipped_ms <= 0:
            return len(self.text)
        made = self.audio_ms if utterance.state in (State.SENT, State.PLAYED) else None
        return heard_characters(
            self.said.words, len(self.text), utterance.played_ms, made, self.text
        )

    def view(self, clock: WallClock) -> UtteranceView:
        """Return what an author is shown."""
        utterance = self.said.utterance
        heard = self.heard if utterance.state.final else self.count_heard()
        spoken = self.text if self.kind == "text" else ""
        assert utterance.accepted_at is not None
        return UtteranceView(
            utterance=utterance.id,
            kind=self.kind,
            state=utterance.state.value,
            interruptible=utterance.interruptible.value,
            priority=self.said.order.priority,
            open=self.open,
            accepted_at=clock.since_1970(utterance.accepted_at),
            first_frame_at=clock.at(utterance.first_frame_at),
            played_at=clock.at(utterance.played_at),
            completed_at=clock.at(self.completed_at),
            cause=utterance.cause.value if utterance.cause else None,
            error=utterance.error,
            certainty=certainty_of(self.said) if utterance.state.final else None,
            played_ms=round(utterance.played_ms, 1),
            characters=len(spoken),
            text_heard=spoken[:heard],
            text_unheard=spoken[heard:],
            spoken_by=self.engines,
        )

    def saying(self) -> SayingView:
        """Return the text round the place where it is."""
        spoken = self.text if self.kind == "text" else ""
        heard = self.count_heard()
        begin = max(0, min(heard - HEARD_SHOWN, len(spoken) - SHOWN))
        now = self.said.engine  # who speaks is told of only once that is over
        others = [each for each in self.engines if each != now]
        return SayingView(
            utterance=self.id,
            text=spoken[begin : begin + SHOWN],
            begin=begin,
            heard=heard,
            characters=len(spoken),
            spoken_by=self.engines if now is None else [*others, now],
        )


def certainty_of(said: Say) -> Certainty:
    """Return how it is known what was heard: what was cut is always an estimate."""
    known = said.utterance.certainty
    return "estimated" if known is None else known.value


@attrs.define(eq=False)
class UtteranceBook:
    """The incomplete utterances of a call, and those that were completed last."""

    incomplete: dict[int, Entry] = attrs.field(factory=dict)
    complete: OrderedDict[int, Entry] = attrs.field(factory=OrderedDict)
    made: int = 0
    """The number of the last one."""
    least: int = 0
    """The lowest priority there was, or the usual one."""

    def add(self, entry: Entry) -> None:
        """Take a new one."""
        self.incomplete[entry.id] = entry
        self.made = max(self.made, entry.id)
        self.least = min(self.least, entry.said.priority)

    def finish(self, said: Say) -> Entry | None:
        """Move one to those that are complete; None if it was never taken."""
        entry = self.incomplete.pop(said.utterance.id, None)
        if entry is None:
            return None
        entry.heard = entry.count_heard()
        entry.completed_at = trio.current_time()
        if entry.feed is not None:
            entry.feed.let_go()
        self.complete[entry.id] = entry
        while len(self.complete) > REMEMBERED:
            self.complete.popitem(last=False)
        return entry

    def being_heard(self) -> Entry | None:
        """Return the one whose sound is being heard, or is next of what was sent."""
        begun = (
            (each.said.utterance.first_frame_at, number, each)
            for number, each in self.incomplete.items()
            if each.said.utterance.first_frame_at is not None
        )
        return min(begun, default=(0.0, 0, None))[2]

    def find(self, utterance: int) -> Entry:
        """Return one; RequestError when there is none, or it is too long ago."""
        entry = self.incomplete.get(utterance) or self.complete.get(utterance)
        if entry is not None:
            return entry
        if 1 <= utterance <= self.made:
            raise RequestError(
                RequestFault.ENDED,
                f"utterance {utterance} is complete, and so long ago that it is forgotten",
            )
        raise RequestError(
            RequestFault.NOT_FOUND, f"there is no utterance {utterance} on this call"
        )

    def find_open(self, utterance: int) -> tuple[Entry, TextFeed]:
        """Return one to which text can be appended, and its feed; RequestError."""
        entry = self.find(utterance)
        if entry.said.utterance.state.final:
            raise RequestError(
                RequestFault.ENDED, f"utterance {utterance} is complete; say another one"
            )
        if entry.feed is None:
            raise RequestError(
                RequestFault.CONFLICT,
                f"utterance {utterance} was given whole; only one said with open takes more text",
            )
        return entry, entry.feed

    def is_marked(self, name: str) -> bool:
        """Say whether a mark of that name waits to be played."""
        return any(each.kind == "mark" and each.text == name for each in self.incomplete.values())

    def position(self, priority: int) -> int:
        """Return how many are to be completed before one that is accepted now."""
        if priority <= self.least:
            return len(self.incomplete)
        return sum(
            each.said.utterance.state is not State.QUEUED or each.said.priority >= priority
            for each in self.incomplete.values()
        )

    def eta_ms(self, said: Say, heard_until: float) -> float | None:
        """Return in how long one is likely to begin; None if what is before has no known end."""
        if any(
            each.said.heard_at is None
            for number, each in self.incomplete.items()
            if number != said.utterance.id
        ):
            return None
        return round(max(0.0, heard_until - trio.current_time()) * 1000, 1)
