"""How certain words are to be said: the operator's dictionary.

A file in TOML: a table [words], and tables for single languages such as [words.hi] or
[words.en-IN], which come before it. Each line is a word, or several, and its respelling:

    [words]
    "TeleCMI" = "Tele C M I"
    "gpay" = "Google Pay"

A key with a capital in it is found only as it is written, any other in whatever case.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.core.front_end.word_characters import WORD_BEGINS, WORD_ENDS, in_word

_WORD_LIMIT = 100
_RESPELLING_LIMIT = 200
_CHARACTERS_OF_LANGUAGES = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]+)*")


@attrs.frozen
class Pronunciations:
    """Respellings: for every language under "", for one under its name in lower case."""

    by_language: dict[str, dict[str, str]] = attrs.field(factory=dict[str, dict[str, str]])

    def for_language(self, language: str) -> Respeller | None:
        """Return what respells a language's texts; None when there is nothing to respell."""
        name = language.lower().replace("_", "-")
        words: dict[str, str] = {}
        for each in ("", name.partition("-")[0], name):  # the closer one wins
            words |= self.by_language.get(each, {})
        return Respeller.of(words) if words else None


NO_PRONUNCIATIONS = Pronunciations()


@attrs.frozen
class Respeller:
    """One pattern for all the words of a dictionary, and their respellings."""

    pattern: re.Pattern[str]
    _exact: dict[str, str]
    _any_case: dict[str, str]

    @classmethod
    def of(cls, words: dict[str, str]) -> Respeller:
        """Return a respeller of these words; where several fit, the longest counts."""
        exact = {_composed(key): said for key, said in words.items() if key != key.lower()}
        any_case = {_composed(key): said for key, said in words.items() if key == key.lower()}
        longest_first = sorted(exact | any_case, key=len, reverse=True)
        return cls(
            re.compile("|".join(_whole(key, key in any_case) for key in longest_first)),
            exact,
            any_case,
        )

    def say(self, match: re.Match[str]) -> str | None:
        """Return the respelling of what the pattern matched."""
        word = _composed(match[0])
        return self._exact.get(word) or self._any_case.get(word.lower())


def read_pronunciations(text: str, name: str) -> Pronunciations:
    """Return the pronunciations a file's text holds; `name` is said in errors.

    ConfigError with every problem found.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name} is not TOML: {error}") from None
    problems = [
        f"{name}: {key!r} is unknown here: put the words under [words]"
        for key in document
        if key != "words"
    ]
    by_language: dict[str, dict[str, str]] = {"": {}}
    table = document.get("words", {})
    if not isinstance(table, dict):
        raise ConfigError(*problems, f"{name}: words must be a table: [words]")
    for key, value in table.items():
        if not isinstance(value, dict):
            problems += _add(by_language[""], key, value, f"{name}: [words] {key!r}")
            continue
        if _CHARACTERS_OF_LANGUAGES.fullmatch(key) is None:
            problems.append(f"{name}: [words.{key}] names no language, as hi or en-IN do")
            continue
        language = by_language.setdefault(key.lower().replace("_", "-"), {})
        for word, said in value.items():
            problems += _add(language, word, said, f"{name}: [words.{key}] {word!r}")
    if problems:
        raise ConfigError(*problems)
    return Pronunciations(by_language)


def _add(words: dict[str, str], word: str, said: object, where: str) -> list[str]:
    """Add a word; return what is wrong with it instead, if anything is."""
    if not isinstance(said, str):
        return [f'{where} must be text between quotes, as in "Tele C M I"']
    word, said = " ".join(word.split()), " ".join(said.split())
    if not any(in_word(each) for each in word):
        return [f"{where} has no letter or digit in it to be found by"]
    if not any(in_word(each) for each in said):
        return [f"{where} has nothing in its respelling that can be said"]
    if len(word) > _WORD_LIMIT or len(said) > _RESPELLING_LIMIT:
        return [f"{where} is longer than {_WORD_LIMIT} = {_RESPELLING_LIMIT} characters"]
    words[word] = said
    return []


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def _whole(key: str, any_case: bool) -> str:  # noqa: FBT001 a property of the key
    """Return a pattern for a key where it is a whole word, however its accents are written."""
    forms = {key, unicodedata.normalize("NFD", key)}
    written = "|".join(re.escape(form).replace(r"\ ", r"\s+") for form in sorted(forms))
    begins = WORD_BEGINS if in_word(key[0]) else ""
    ends = WORD_ENDS if in_word(key[-1]) else ""
    return f"{begins}(?{'i' if any_case else ''}:{written}){ends}"
