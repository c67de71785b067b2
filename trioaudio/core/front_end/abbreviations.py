"""Abbreviations written with a full stop that does not end a sentence, as data.

In lower case and without the last full stop. A language's own are added to the common ones,
which texts in every language of our authors use.
"""

from __future__ import annotations

import attrs

from trioaudio.core.front_end.word_characters import words_in


@attrs.frozen
class Abbreviations:
    """Which words with a full stop end no sentence, and when."""

    inner: frozenset[str]
    """Something always follows: a name, an example, a part of the same name."""
    before_number: frozenset[str]
    """They end no sentence before a digit; elsewhere the word is a word, as in "I said no."."""
    before_small: frozenset[str]
    """They may be a sentence's last word: they end it unless a small letter or a digit follows."""


def _words(text: str) -> frozenset[str]:
    return frozenset(words_in(text))


COMMON = Abbreviations(
    inner=_words(
        "mr mrs ms mx dr drs prof rev fr hon gen col maj capt cmdr lt sgt cpl pvt adv er messrs mme"
        " mlle smt shri sri shrimati st mt ft rep sen gov pres supt insp dept univ"
        " e.g i.e eg ie viz cf vs v approx incl excl esp c/o d/o s/o w/o a/c opp nr tel mob"
        " u.s u.k u.n u.a.e"
    ),
    before_number=_words(
        "no nos rs re fig figs p pp vol vols ch chap sec sect art para pt ref ext extn pin"
        " ph rm flat apt jan feb mar apr jun jul aug sep sept oct nov dec"
    ),
    before_small=_words(
        "etc al a.m p.m am pm b.c a.d inc ltd co corp bros jr sr llc plc est govt min max mins"
        " hr hrs sec secs kg km cm mm ave rd blvd bldg b.a m.a b.sc m.sc b.tech ph.d m.d b.com"
    ),
)
_OF_LANGUAGES = {
    "hi": Abbreviations(
        inner=_words("डॉ डा श्री श्रीमती प्रो पं कु चौ सं उदा ई.पू"),
        before_number=_words("रु नं क्र पृ मो फ़ो फो दि"),
        before_small=frozenset(),
    ),
    "mr": Abbreviations(
        inner=_words("डॉ प्रा श्री सौ कु उदा"),
        before_number=_words("रु क्र पृ मो दि"),
        before_small=frozenset(),
    ),
    "bn": Abbreviations(
        inner=_words("ড ডা মো মোঃ মি মিসেস অধ্যা"),
        before_number=_words("নং টা"),
        before_small=frozenset(),
    ),
    "ta": Abbreviations(
        inner=_words("திரு திருமதி டாக்டர் பேரா செல்வி"),
        before_number=_words("ரூ எண் பக்"),
        before_small=frozenset(),
    ),
    "te": Abbreviations(
        inner=_words("డా శ్రీ శ్రీమతి ప్రొ"),
        before_number=_words("రూ నం"),
        before_small=frozenset(),
    ),
}


def abbreviations_of(language: str) -> Abbreviations:
    """Return the abbreviations to expect in a language (BCP 47)."""
    own = _OF_LANGUAGES.get(language.lower().replace("_", "-").partition("-")[0])
    if own is None:
        return COMMON
    return Abbreviations(
        inner=COMMON.inner | own.inner,
        before_number=COMMON.before_number | own.before_number,
        before_small=COMMON.before_small | own.before_small,
    )
