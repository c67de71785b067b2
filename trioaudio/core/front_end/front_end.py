"""The way an utterance's text takes to an engine: filtered, cut into clauses, normalised.

`text_filter` decides what is to be said, `segmentation` where clauses end, `normalise` how what
is in them is said, `assembly` keeps account of where it was written.
"""

from __future__ import annotations

import attrs

from trioaudio.core.front_end import addresses
from trioaudio.core.front_end.abbreviations import abbreviations_of
from trioaudio.core.front_end.assembly import assemble
from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.front_end.filtered_text import FilteredText
from trioaudio.core.front_end.mapped_text import STAND_IN
from trioaudio.core.front_end.normalise.languages import locale_of
from trioaudio.core.front_end.normalise.normaliser import normalise, rules_of
from trioaudio.core.front_end.pronunciation import NO_PRONUNCIATIONS, Pronunciations
from trioaudio.core.front_end.replacement import Replacements
from trioaudio.core.front_end.say_as import say_hint
from trioaudio.core.front_end.segmentation import ClauseCutter, ClauseLengths, Cut
from trioaudio.core.front_end.text_filter import TextFilter
from trioaudio.core.text import CLAUSE_LIMIT, speakable

_BLOCK = 1024
"""Characters dealt with at once, so that no buffer grows with the text."""
_CONTEXT = 60
"""Characters of the clause before that the normaliser sees: "Your code is:" and then the code."""


@attrs.frozen
class FrontEndOptions:
    """How an utterance's text is made ready."""

    language: str = "en"
    """BCP 47. English and Hindi are normalised; other languages are filtered and cut only."""
    normalise: bool = True
    """Write numbers, money, dates and the like as words."""
    filter_markup: bool = True
    """Drop Markdown, HTML and emoji, and shorten addresses; hints count all the same."""
    pronunciations: Pronunciations = NO_PRONUNCIATIONS
    first_clause_min: int = 24
    """Characters from which the first clause may end at a comma: about a second and a half of
    speech, in which the next one is made."""
    first_clause_words: int = 5
    """Words from which it may as well."""
    clause_min: int = 60
    """Characters from which a later clause ends with its sentence; shorter sentences are joined.
    Ten words or so: on fewer, voices are unsteady, and each clause is a call to an engine."""
    limit: int = CLAUSE_LIMIT
    """Characters of a clause at most; with what normalising adds, half as many again."""


class FrontEnd:
    """One utterance's text in, in pieces; clauses out. Where it is cut makes no difference."""

    def __init__(self, options: FrontEndOptions) -> None:
        self._options = options
        locale = locale_of(options.language)
        self._locale = locale if options.normalise else None
        self._rules = rules_of(locale) if locale is not None else ()
        self._respeller = options.pronunciations.for_language(options.language)
        self._signs = locale.signs if locale is not None else {}
        filtered = FilteredText()
        self._waiting = filtered.mapped
        self._filter = TextFilter(
            filtered,
            lambda hint: say_hint(hint, locale),
            self._signs,
            markup=options.filter_markup,
        )
        self._cutter = ClauseCutter(
            self._waiting,
            ClauseLengths(
                options.first_clause_min,
                options.first_clause_words,
                options.clause_min,
                options.limit,
            ),
            abbreviations_of(options.language),
        )
        self._characters = 0
        self._given = 0  # the author's characters up to the end of the last clause
        self._before = ""

    @property
    def characters(self) -> int:
        """Characters of the author's text so far."""
        return self._characters

    @property
    def holds_text(self) -> bool:
        """Whether something to be said waits for more text: `hurry` or `flush` may give it out."""
        return self._cutter.holds_text or speakable(self._filter.waiting)

    def push(self, piece: str) -> list[SpokenClause]:
        """Return the clauses that a piece of text completes."""
        clauses = []
        for at in range(0, len(piece), _BLOCK):
            self._filter.push(piece[at : at + _BLOCK])
            clauses += self._speak(self._cutter.cut(final=False))
        self._characters += len(piece)
        return clauses

    def flush(self) -> list[SpokenClause]:
        """Return what is left: the text has ended."""
        self._filter.finish()
        return self._speak(self._cutter.cut(final=True))

    def hurry(self) -> list[SpokenClause]:
        """Return what is complete up to the last whole word: the author pauses.

        A number or an abbreviation at the end waits for what may belong to it, and so does the
        last word, unless a sentence ends with it. Only here does time decide where a clause ends.
        """
        return self._speak(self._cutter.cut_at_pause())

    def _speak(self, cuts: list[Cut]) -> list[SpokenClause]:
        return [clause for cut in cuts for clause in self._clauses(cut)]

    def _clauses(self, cut: Cut) -> list[SpokenClause]:
        text = cut.text.text
        found = Replacements(text)
        if self._respeller is not None:
            found.replace(self._respeller.pattern, self._respeller.say)
        if self._options.filter_markup:
            found.replace(addresses.EMAIL, lambda match: addresses.say_email(match[0], self._signs))
            found.replace(addresses.DOMAIN, lambda match: addresses.say_host(match[1], self._signs))
        if self._locale is not None:
            normalise(found, self._before, self._locale, self._rules)
        self._before = (self._before + text.replace(STAND_IN, " ") + " ")[-_CONTEXT:]
        spoken = assemble(cut.text, found.in_order(), self._options.limit)
        clauses = []
        for number, each in enumerate(spoken, 1):
            ends = cut.ends_sentence and number == len(spoken)
            clauses.append(SpokenClause(each.text, self._given, each.end, ends, each.spans))
            self._given = each.end
        return clauses


AS_WRITTEN = FrontEndOptions(normalise=False, filter_markup=False)


def clauses_of(text: str, options: FrontEndOptions = AS_WRITTEN) -> list[SpokenClause]:
    """Return the clauses of a text that is all there."""
    front_end = FrontEnd(options)
    return [*front_end.push(text), *front_end.flush()]
