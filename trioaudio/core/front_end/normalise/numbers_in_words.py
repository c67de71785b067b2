"""Whole numbers in words: English by num2words, Hindi by its own table.

num2words (0.5.14) has no Hindi, and its Indian English ends below ten thousand million; both are
made up for here. It is imported with this module, not at the first number: that takes 50 ms,
which no call in progress could spare.
"""

from __future__ import annotations

from num2words import num2words  # type: ignore[import-untyped]

from trioaudio.core.front_end.word_characters import words_in

_CRORE = 10**7

# Hindi has a word of its own for each number up to a hundred.
_HINDI_BELOW_HUNDRED = words_in(
    "शून्य एक दो तीन चार पाँच छह सात आठ नौ"
    " दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस"
    " बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस"
    " तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस"
    " चालीस इकतालीस बयालीस तैंतालीस चवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास"
    " पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ"
    " साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर"
    " सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उनासी"
    " अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सतासी अठासी नवासी"
    " नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे"
)
_HINDI_SCALES = (
    (10**13, "नील"),
    (10**11, "खरब"),
    (10**9, "अरब"),
    (_CRORE, "करोड़"),
    (10**5, "लाख"),
    (10**3, "हज़ार"),
    (10**2, "सौ"),
)
_HINDI_ORDINALS = {1: "पहला", 2: "दूसरा", 3: "तीसरा", 4: "चौथा", 6: "छठा"}


def english_cardinal(number: int) -> str:
    """Return a number in words, in thousands and millions."""
    return _english(number, "en", "cardinal")


def indian_english_cardinal(number: int) -> str:
    """Return a number in words, in thousands, lakhs and crores."""
    crores, rest = divmod(number, _CRORE)
    words = [f"{indian_english_cardinal(crores)} crore"] if crores else []
    if rest or not crores:
        words.append(_english(rest, "en_IN", "cardinal"))
    return " ".join(words)


def english_ordinal(number: int) -> str:
    """Return "twenty-first" for 21."""
    return _english(number, "en", "ordinal")


def english_year(year: int) -> str:
    """Return "nineteen ninety-nine" for 1999."""
    return _english(year, "en", "year")


def hindi_cardinal(number: int) -> str:
    """Return a number in Hindi words."""
    words = []
    for value, scale in _HINDI_SCALES:
        count, number = divmod(number, value)
        if count:
            words += [_HINDI_BELOW_HUNDRED[count], scale]
    if number or not words:
        words.append(_HINDI_BELOW_HUNDRED[number])
    return " ".join(words)


def hindi_ordinal(number: int) -> str:
    """Return a number's ordinal, in the masculine."""
    return _HINDI_ORDINALS.get(number) or f"{hindi_cardinal(number)}वाँ"


def hindi_year(year: int) -> str:
    """Return a year as it is said: hundreds before 2000, thousands from then on."""
    hundreds, rest = divmod(year, 100)
    if not 11 <= hundreds <= 19:
        return hindi_cardinal(year)
    words = f"{_HINDI_BELOW_HUNDRED[hundreds]} सौ"
    return f"{words} {_HINDI_BELOW_HUNDRED[rest]}" if rest else words


def _english(number: int, language: str, form: str) -> str:
    words: str = num2words(number, lang=language, to=form)
    return words.replace(",", "")  # a voice would pause there
