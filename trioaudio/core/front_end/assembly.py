"""A clause's text and spans, put together from what was written and what is said instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import attrs

from trioaudio.core.front_end.clause import Span
from trioaudio.core.front_end.mapped_text import STAND_IN, MappedText
from trioaudio.core.front_end.replacement import Replacement
from trioaudio.core.front_end.word_characters import in_word
from trioaudio.core.text import speakable

_WORDS = re.compile(r"\S+\s*|\s+")
_LINE_ENDS = re.compile(r"[ \n]*\n[ \n]*")
_NO_SPACE_BEFORE = ".,!?;:…।॥。，！？"
_PAUSES = ".,!?;:…।॥。，、！？；：؟۔،—–-|"


@attrs.frozen
class Spoken:
    """A text to be spoken."""

    text: str
    spans: tuple[Span, ...]

    @property
    def end(self) -> int:
        """Where it ends in the author's text."""
        return self.spans[-1].end


@attrs.define(eq=False)
class _Part:
    """Some of the text to be spoken, and the author's characters it stands for."""

    text: str
    start: int
    end: int
    verbatim: bool = False
    word: bool = False
    """It is something of its own: no letter may touch it."""


def assemble(written: MappedText, replacements: Sequence[Replacement], limit: int) -> list[Spoken]:
    """Return what is to be spoken of a clause.

    Mostly it is one text; none, when there is nothing to say; several, when the words that stand
    for numbers made it half as long again as `limit`.
    """
    parts: list[_Part] = []
    for part in _parts(written, replacements):
        _join(parts, part)
    stripped = (_strip(some) for some in _divide(parts, limit))
    return [_spoken(some) for some in stripped if speakable("".join(part.text for part in some))]


def _parts(written: MappedText, replacements: Sequence[Replacement]) -> Iterator[_Part]:
    text, starts, ends = written.text, written.starts, written.ends
    by_start = {each.start: each for each in replacements}
    instead = iter(written.instead)
    at = 0
    while at < len(text):
        lines = _LINE_ENDS.match(text, at)
        if (replacement := by_start.get(at)) is not None:
            end = replacement.end
            yield _Part(replacement.words, starts[at], ends[end - 1], word=True)
        elif lines is not None:
            end = lines.end()
            yield _Part(_pause(text, at, end), starts[at], ends[end - 1])
        else:
            end = at + 1
            if text[at] == STAND_IN:
                yield _Part(next(instead), starts[at], ends[at], word=True)
            else:
                yield _Part(text[at], starts[at], ends[at], verbatim=ends[at] == starts[at] + 1)
        at = end


def _pause(text: str, begin: int, end: int) -> str:
    """Return what is said for the end of a line, when the next one is in the same clause."""
    before, after = text[begin - 1 : begin], text[end : end + 1]
    if before in _PAUSES or (after.islower() and text.count("\n", begin, end) == 1):
        return " "
    return ", " if text.count("\n", begin, end) == 1 else ". "


def _join(parts: list[_Part], part: _Part) -> None:
    """Add a part to those before it."""
    last = parts[-1] if parts else None
    if last is None:
        parts.append(part)
        return
    dropped = part.start > last.end or part.start == part.end
    if dropped and part.text in _NO_SPACE_BEFORE and last.text.endswith(" "):
        _drop_last_space(parts)
        last = parts[-1]
    if last.verbatim and part.verbatim and last.end == part.start:
        last.text += part.text
        last.end = part.end
        return
    if (last.word or part.word) and in_word(last.text[-1:]) and in_word(part.text[:1]):
        if part.word:
            part.text = f" {part.text}"
        else:
            last.text += " "
    parts.append(part)


def _drop_last_space(parts: list[_Part]) -> None:
    last = parts[-1]
    if len(last.text) > 1:
        last.text = last.text[:-1]
        last.end -= last.verbatim
    else:  # never the first: a clause begins with something visible
        parts.pop()


def _divide(parts: list[_Part], limit: int) -> list[list[_Part]]:
    """Return the parts in groups short enough to be clauses, cut between words if possible."""
    if sum(len(part.text) for part in parts) <= limit + limit // 2:
        return [parts]
    groups: list[list[_Part]] = [[]]
    length = 0
    for part in parts:
        for piece in _words(part):
            last = groups[-1]
            apart = bool(last) and (last[-1].text.endswith(" ") or length > limit)
            if apart and length + len(piece.text) > limit:
                groups.append([])
                length = 0
            groups[-1].append(piece)
            length += len(piece.text)
    return groups


def _words(part: _Part) -> list[_Part]:
    if not part.verbatim:
        return [part]
    return [
        _Part(found[0], part.start + found.start(), part.start + found.end(), verbatim=True)
        for found in _WORDS.finditer(part.text)
    ]


def _strip(parts: list[_Part]) -> list[_Part]:
    """Return parts without the spaces around them."""
    some = list(parts)
    while some and not (kept := some[0].text.lstrip()):
        some.pop(0)
    while some and not some[-1].text.rstrip():
        some.pop()
    if some:
        some[0] = _cut(some[0], len(some[0].text) - len(kept), len(some[0].text))
        some[-1] = _cut(some[-1], 0, len(some[-1].text.rstrip()))
    return some


def _cut(part: _Part, first: int, last: int) -> _Part:
    if not part.verbatim:
        return _Part(part.text[first:last], part.start, part.end)
    return _Part(part.text[first:last], part.start + first, part.start + last, verbatim=True)


def _spoken(parts: list[_Part]) -> Spoken:
    spans = []
    at = 0
    for part in parts:
        end = at + len(part.text)
        spans.append(Span(at, end, part.start, part.end, part.verbatim))
        at = end
    return Spoken("".join(part.text for part in parts), tuple(spans))
