import unicodedata

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.core.front_end.pronunciation import (
    NO_PRONUNCIATIONS,
    Pronunciations,
    read_pronunciations,
)

FILE = """
[words]
TeleCMI = "Tele C M I"
gpay = "Google Pay"
"New Delhi" = "Naya Dilli"
"Delhi" = "Dilli"
"c++" = "C plus plus"
"café" = "kaffay"

[words.hi]
gpay = "गूगल पे"
"राम" = "राम जी"

[words.hi-IN]
gpay = "गूगल पे इंडिया"
"""


def said(text: str, words: Pronunciations, language: str = "en") -> str:
    respeller = words.for_language(language)
    assert respeller is not None
    return respeller.pattern.sub(lambda match: respeller.say(match) or "?", text)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("TeleCMI, telecmi", "Tele C M I, telecmi"),
        ("GPay gpay GPAYS", "Google Pay Google Pay GPAYS"),
        ("New  Delhi and Delhi", "Naya Dilli and Dilli"),
        ("in C++.", "in C plus plus."),
        ("Café " + unicodedata.normalize("NFD", "café"), "kaffay kaffay"),
    ],
)
def test_whole_words_the_longest_first(text: str, spoken: str) -> None:
    assert said(text, read_pronunciations(FILE, "words.toml")) == spoken


def test_the_closer_language_comes_first() -> None:
    words = read_pronunciations(FILE, "words.toml")
    assert said("gpay राम रामा TeleCMI", words, "hi") == "गूगल पे राम जी रामा Tele C M I"
    assert said("gpay", words, "hi_IN") == "गूगल पे इंडिया"
    assert said("gpay", words, "ta") == "Google Pay"


def test_nothing_to_respell() -> None:
    assert NO_PRONUNCIATIONS.for_language("en") is None
    assert read_pronunciations("", "words.toml").for_language("hi") is None
    assert read_pronunciations("[words.hi]\nx = 'y'", "words.toml").for_language("en") is None


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[words", "words.toml is not TOML: Expected ']' at the end of a table declaration"),
        ("words = 5", "words.toml: words must be a table: [words]"),
        ("[word]\na = 'b'", "words.toml: 'word' is unknown here: put the words under [words]"),
        ("[words]\na = 5", "words.toml: [words] 'a' must be text between quotes"),
        ("[words]\na = ''", "words.toml: [words] 'a' has nothing in its respelling"),
        ("[words]\n'*' = 'star'", "words.toml: [words] '*' has no letter or digit"),
        ("[words]\na = '" + "b" * 201 + "'", "words.toml: [words] 'a' is longer than 100 = 200"),
        ("[words]\n" + "b" * 101 + " = 'a'", "is longer than 100 = 200 characters"),
        ("[words.hi]\na = []", "words.toml: [words.hi] 'a' must be text between quotes"),
        ("[words.'x y']\na = 'b'", "words.toml: [words.x y] names no language, as hi or en-IN do"),
    ],
)
def test_problems_say_where_and_what(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_pronunciations(text, "words.toml")
    assert problem in caught.value.problems[0]


def test_every_problem_is_told() -> None:
    with pytest.raises(ConfigError) as caught:
        read_pronunciations("[words]\na = 5\nb = ''\n[words.hi]\nc = 1", "words.toml")
    assert len(caught.value.problems) == 3
