"""Where filtered text is cut into clauses.

The first clause is short, so that a voice begins soon: it ends at the first sentence's end, or at
a comma once it is long enough to be said well. Later ones are whole sentences, and short ones of
those are joined, because voices are unsteady on one or two words. Neither is longer than a limit.
Nothing past the limit is looked at, but for the few characters that tell whether a sign ends a
sentence: otherwise a cut would hang on how much text happens to be here already.
"""

from __future__ import annotations

import re

import attrs

from trioaudio.core.front_end.abbreviations import Abbreviations
from trioaudio.core.front_end.mapped_text import STAND_IN, MappedText
from trioaudio.core.front_end.sentence_ends import END, ends_at_pause, ends_sentence
from trioaudio.core.front_end.word_characters import cut_between_signs
from trioaudio.core.text import speakable

_WIDE_SOFT = "、，；：،؛"  # no space need follow
_SOFT = ",;:—–"
_BREAK = re.compile(rf"(?P<line>\n)|(?P<end>{END})|(?P<soft>[{_SOFT}{_WIDE_SOFT}-])")
_VISIBLE = re.compile(r"[^ \n]")
_LAST_WORD = re.compile(r"[^ \n]+[ \n]*\Z")
# Kana, Han, Hangul: a sign says a syllable or a word, about as much as three Latin letters.
_WIDE_LETTER = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_WIDE_LETTER_WEIGHT = 3


@attrs.frozen
class Cut:
    """What was cut off, as it stands in the author's text."""

    text: MappedText
    """Begins and ends with something visible."""
    ends_sentence: bool


@attrs.frozen
class ClauseLengths:
    """How long clauses are, in characters (a Chinese one counts as three, but for the limit)."""

    first: int
    """The first clause ends at a comma from this length on."""
    first_words: int
    """Or with this many words."""
    minimum: int
    """A later one ends with a sentence from this length on."""
    limit: int


class ClauseCutter:
    """Cuts clauses off the beginning of a text that grows at its end."""

    def __init__(
        self, waiting: MappedText, lengths: ClauseLengths, abbreviations: Abbreviations
    ) -> None:
        self._waiting = waiting
        self._lengths = lengths
        self._abbreviations = abbreviations
        self._first = True
        self._begin_anew()

    @property
    def holds_text(self) -> bool:
        """Whether something to be said waits for more text."""
        return _worth_saying(self._waiting.text)

    def cut(self, *, final: bool) -> list[Cut]:
        """Cut off what is complete; with `final` everything: the text has ended."""
        cuts = []
        while (found := self._next_cut(final=final)) is not None:
            end, sentence = found
            if (piece := self._take(end, ends=sentence)) is not None:
                cuts.append(piece)
        if final:
            self._first = True
        return cuts

    def cut_at_pause(self) -> list[Cut]:
        """Cut off whole words: the author pauses. The next clause is a first one again.

        A number and an abbreviation wait for what belongs to them.
        """
        text = self._waiting.text
        whole = len(text)
        if ends_at_pause(text.rstrip(" \n"), len(text.rstrip(" \n")), self._abbreviations):
            sentence = True
        else:
            sentence = False
            whole = self._end_of_words(text)
        piece = self._take(whole, ends=sentence) if _worth_saying(text[:whole]) else None
        if piece is None:
            return []
        self._first = True
        return [piece]

    def _begin_anew(self) -> None:
        self._scanned = 0
        self._soft: int | None = None
        self._sentence: int | None = None

    def _next_cut(self, *, final: bool) -> tuple[int, bool] | None:
        """Return where the clause ends that is at the beginning, and whether a sentence does."""
        self._drop_spaces()
        text = self._waiting.text
        limit = self._lengths.limit
        for found in _BREAK.finditer(text, self._scanned, limit):
            decided = self._judge(found, final=final)
            if decided is None:
                self._scanned = found.start()
                return None
            self._scanned = found.end()
            if decided:
                return found.end(), found.lastgroup != "soft"
        self._scanned = min(len(text), limit)
        if len(text) > limit:
            return self._forced_cut(text), False
        return (len(text), True) if final and text else None

    def _judge(self, found: re.Match[str], *, final: bool) -> bool | None:
        """Say whether the clause ends with what was found; None: more must come."""
        text, end = self._waiting.text, found.end()
        if found.lastgroup == "soft":
            return self._judge_soft(found, final=final)
        if found.lastgroup == "end":
            ends = ends_sentence(text, found, self._abbreviations, final=final)
            if not ends:
                return ends
        self._sentence = end
        return self._first or _weight(text[:end]) >= self._lengths.minimum

    def _judge_soft(self, found: re.Match[str], *, final: bool) -> bool | None:
        text, end = self._waiting.text, found.end()
        pauses = _is_pause(text, found.start(), final=final)
        if not pauses:
            return pauses
        weight = _weight(text[:end])
        if weight >= self._lengths.minimum:
            self._soft = end
        words = text.count(" ", 0, end) + 1
        return self._first and (weight >= self._lengths.first or words >= self._lengths.first_words)

    def _forced_cut(self, text: str) -> int:
        """Return the best place to cut a clause that is too long."""
        limit = self._lengths.limit
        space = max(text.rfind(" ", 0, limit), text.rfind("\n", 0, limit))
        for end in (self._soft, self._sentence):
            if end is not None:
                return end
        return space if space > 0 else cut_between_signs(text, limit)

    def _end_of_words(self, text: str) -> int:
        """Return the end of the last word that is complete and means something by itself."""
        end = max(text.rfind(" "), text.rfind("\n"), 0)
        while end and (word := _LAST_WORD.search(text, 0, end)) is not None:
            spoken = word[0].rstrip(" \n")
            unfinished = spoken.endswith(".") and not ends_at_pause(
                text, word.start() + len(spoken), self._abbreviations
            )
            if not unfinished and not any(_part_of_number(sign) for sign in spoken):
                return end
            end = word.start()
        return 0

    def _take(self, end: int, *, ends: bool) -> Cut | None:
        """Cut off what is before `end`; None when there is nothing to say in it."""
        piece = self._waiting.take(end)
        self._begin_anew()
        if not _worth_saying(piece.text):
            return None
        self._first = False
        return Cut(piece.take(len(piece.text.rstrip(" \n"))), ends)

    def _drop_spaces(self) -> None:
        visible = _VISIBLE.search(self._waiting.text)
        spaces = visible.start() if visible is not None else len(self._waiting.text)
        if spaces:
            self._waiting.take(spaces)


def _is_pause(text: str, at: int, *, final: bool) -> bool | None:
    """Say whether a voice may pause after the comma, colon or dash at `at`; None: wait."""
    sign, before, after = text[at], text[:at].rstrip()[-1:], text[at + 1 : at + 2]
    if not after:
        return False if final else None
    match sign:
        case "-":
            return after == " " and text[at - 1 : at] == " "
        case "—" | "–":
            return not before.isdecimal()  # a range: 10 – 12
        case "," if after == " " and before.isdecimal():  # Nov 22, 2026
            following = text[at + 2 : at + 3]
            return not following.isdecimal() if following else (False if final else None)
        case "," | ";" | ":":
            return after == " "
        case _:
            return True


def _worth_saying(text: str) -> bool:
    return STAND_IN in text or speakable(text)


def _weight(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + (_WIDE_LETTER_WEIGHT - 1) * len(_WIDE_LETTER.findall(text))


def _part_of_number(sign: str) -> bool:
    return sign.isdecimal() or sign in "₹$€£#"
