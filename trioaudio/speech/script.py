"""The clauses of one utterance: what came from the author, and how far it has been spoken.

One task reads the author's pieces; an engine is fed from what is not yet spoken. When an engine
fails, the next one is fed from there, so nothing is lost and little is said twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterable, Callable, Sequence
from typing import Protocol

import attrs
import trio

from trioaudio.core.front_end.clause import Span, SpokenClause
from trioaudio.core.speech import FlushText

CLAUSES_AHEAD = 8
"""Clauses cut and not yet asked for; then the author waits. One piece may bring more."""

PIECE_CHARACTERS = 500
AUTHOR_PAUSE_S = 0.4
"""An author silent for so long is thinking: what is complete up to a word is spoken meanwhile."""


class CutsClauses(Protocol):
    """A text front end; `core.front_end.front_end.FrontEnd` is one."""

    @property
    def characters(self) -> int:
        """Characters of the author's text so far."""
        ...

    @property
    def holds_text(self) -> bool:
        """Whether something speakable waits for more text."""
        ...

    def push(self, piece: str) -> list[SpokenClause]:
        """Return the clauses a piece completes."""
        ...

    def hurry(self) -> list[SpokenClause]:
        """Return what is complete up to the last whole word, without ending the text."""
        ...

    def flush(self) -> list[SpokenClause]:
        """Return what is left; the text has ended, or what follows is another sentence."""
        ...


class Script:
    """An utterance's clauses from the first unspoken one on."""

    def __init__(self, front_end: CutsClauses) -> None:
        self._front_end = front_end
        self._clauses: deque[SpokenClause] = deque()
        self._given = 0  # of those, to the engine that speaks now
        self._spoken_to = 0
        self._ended = False
        self._last_piece_at = trio.current_time()
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def spoken_to(self) -> int:
        """Characters of the author's text that have been spoken, or had nothing to say."""
        return self._spoken_to

    @property
    def characters(self) -> int:
        """Characters of the author's text so far."""
        return self._front_end.characters

    @property
    def complete(self) -> bool:
        """Whether the text has ended and every clause has been given to the engine."""
        return self._ended and self._given == len(self._clauses)

    @property
    def finished(self) -> bool:
        """Whether the text has ended and all of it is spoken."""
        return self._ended and not self._clauses

    @property
    def unspoken(self) -> list[str]:
        """The clauses that came and are not yet spoken."""
        return [clause.text for clause in self._clauses]

    def clause(self, number: int) -> SpokenClause | None:
        """Return a clause by its number among the unspoken ones; None when it is not there."""
        return self._clauses[number] if 0 <= number < len(self._clauses) else None

    async def read(self, pieces: AsyncIterable[str]) -> None:
        """Read the author's text to its end. What the pieces raise is raised.

        A `FLUSH` among them gives out all that came before it.
        """
        async for piece in pieces:
            if isinstance(piece, FlushText):
                self._add(self._front_end.flush())
            if piece:
                self._last_piece_at = trio.current_time()
            # A book in one piece must not hold up everybody's clock while it is cut.
            for start in range(0, len(piece), PIECE_CHARACTERS):
                self._add(self._front_end.push(piece[start : start + PIECE_CHARACTERS]))
                while len(self._clauses) - self._given >= CLAUSES_AHEAD:
                    await self._changed.park()
                await trio.lowlevel.checkpoint()
        self.end()

    def take_whole(self, text: str) -> None:
        """Take a text that is all there."""
        self._add(self._front_end.push(text))
        self.end()

    def end(self) -> None:
        """Note that the text has ended."""
        self._add(self._front_end.flush())
        self._ended = True
        if not self._clauses:
            self._spoken_to = self.characters
        self._changed.unpark_all()

    def speak_first(self, clauses: int) -> None:
        """Note that the first clauses of the unspoken ones have been spoken."""
        for _ in range(min(clauses, len(self._clauses))):
            self._spoken_to = self._clauses.popleft().end
            self._given = max(0, self._given - 1)
        if self._ended and not self._clauses:
            self._spoken_to = self.characters  # what is left has nothing to say in it
        self._changed.unpark_all()

    def take_back(self, clauses: Sequence[SpokenClause]) -> None:
        """Note that what counted as spoken was not, from the turn's first clause on."""
        if clauses:
            self._clauses.extendleft(reversed(clauses))
            self._given += len(clauses)
            self._spoken_to = clauses[0].start

    def resume_in_first(self, offset: int) -> None:
        """Note that the first unspoken clause has been spoken up to a character of its text."""
        if offset and self._clauses:
            rest = rest_of(self._clauses[0], offset)
            self._clauses[0] = rest
            self._spoken_to = rest.start

    def feed(self, on_asked: Callable[[SpokenClause | None], None]) -> Feed:
        """Return the unspoken clauses for an engine.

        `on_asked` is called with each it takes, and with None when it learns that there is no more.
        """
        self._given = 0
        return Feed(self, on_asked)

    async def next_clause(self) -> SpokenClause | None:
        """Wait for the next clause to give; None when there will be no more."""
        while self._given >= len(self._clauses):
            if self._ended:
                return None
            await self._wait_more()
        clause = self._clauses[self._given]
        self._given += 1
        self._changed.unpark_all()
        return clause

    async def _wait_more(self) -> None:
        if not self._front_end.holds_text:
            await self._changed.park()
            return
        with trio.move_on_at(self._last_piece_at + AUTHOR_PAUSE_S) as patience:
            await self._changed.park()  # every piece ends it
        if patience.cancelled_caught:
            hurried = self._front_end.hurry()
            self._add(hurried)
            if not hurried:
                await self._changed.park()

    def _add(self, clauses: list[SpokenClause]) -> None:
        self._clauses.extend(clauses)
        self._changed.unpark_all()


class Feed:
    """What an engine is given: the texts of the clauses, as it asks for them."""

    def __init__(self, script: Script, on_asked: Callable[[SpokenClause | None], None]) -> None:
        self._script = script
        self._on_asked = on_asked

    def __aiter__(self) -> Feed:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the next clause, when there is one."""
        await trio.lowlevel.checkpoint_if_cancelled()
        clause = await self._script.next_clause()
        self._on_asked(clause)
        if clause is None:
            raise StopAsyncIteration
        return clause.text


def rest_of(clause: SpokenClause, offset: int) -> SpokenClause:
    """Return what is left of a clause from a character of its text on."""
    spans = []
    for span in clause.spans:
        if span.spoken_end <= offset:
            continue
        cut = max(0, offset - span.spoken_start)
        spans.append(
            attrs.evolve(
                span,
                spoken_start=max(0, span.spoken_start - offset),
                spoken_end=span.spoken_end - offset,
                start=span.start + cut if span.verbatim else span.start,
            )
        )
    return attrs.evolve(clause, text=clause.text[offset:], start=spans[0].start, spans=tuple(spans))


class Lines:
    """The front end of what is not speech: a line is a clause, to the letter."""

    def __init__(self) -> None:
        self.characters = 0
        self._text = ""
        self._at = 0  # characters in whole lines
        self._start = 0  # where the next clause begins

    @property
    def holds_text(self) -> bool:
        """Return False: a half line means nothing."""
        return False

    def push(self, piece: str) -> list[SpokenClause]:
        """Return the lines a piece completes."""
        self.characters += len(piece)
        *lines, self._text = (self._text + piece).split("\n")
        return [clause for line in lines if (clause := self._clause(line, 1))]

    def hurry(self) -> list[SpokenClause]:
        """Return nothing."""
        return []

    def flush(self) -> list[SpokenClause]:
        """Return the last line."""
        clause, self._text = self._clause(self._text, 0), ""
        return [clause] if clause else []

    def _clause(self, line: str, newline: int) -> SpokenClause | None:
        self._at += len(line) + newline
        text = line.strip()
        if not text:
            return None  # its characters belong to the next line's clause
        begin = self._at - newline - len(line.lstrip())
        start, self._start = self._start, self._at
        span = Span(0, len(text), begin, begin + len(text))
        return SpokenClause(text, start, self._at, ends_sentence=True, spans=(span,))
