import pytest

from trioaudio.core.front_end.normalise.languages import locale_of
from trioaudio.core.front_end.say_as import say_hint
from trioaudio.core.front_end.tags import Hint, Tag


def said(kind: str, content: str, language: str = "en-IN") -> str | None:
    tag = Tag("say-as", closing=False, attributes={"interpret-as": kind}, length=1)
    return say_hint(Hint(tag, content, 1), locale_of(language))


def aliased(alias: str) -> str | None:
    return say_hint(
        Hint(Tag("sub", closing=False, attributes={"alias": alias}, length=1), "x", 1), None
    )


@pytest.mark.parametrize(
    ("kind", "content", "words"),
    [
        ("digits", "48-29", "four eight two nine"),
        ("digits", "4a", "four A"),
        ("characters", "a b1.", "A B one dot"),
        ("spell-out", "x&amp;y", "X and Y"),
        ("verbatim", "x_1", "X underscore one"),
        ("telephone", "98765 43210", "nine eight seven six five, four three two one zero"),
        ("cardinal", "1,25,000", "one lakh twenty-five thousand"),
        ("number", "2.50", "two point five zero"),
        ("ordinal", "21", "twenty-first"),
        ("date", "22/11/2026", "twenty-second November twenty twenty-six"),
        ("Time", "10:05", "ten oh five"),
        ("currency", "₹20", "twenty rupees"),
    ],
)
def test_kinds(kind: str, content: str, words: str) -> None:
    assert said(kind, content) == words


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("joke", "12"),
        ("", "12"),
        ("cardinal", "many"),
        ("ordinal", "2.5"),
        ("date", "someday"),
        ("digits", "..."),
        ("characters", " "),
    ],
)
def test_what_is_not_of_its_kind_is_said_as_it_is(kind: str, content: str) -> None:
    assert said(kind, content) is None


def test_in_other_languages_characters_are_set_apart() -> None:
    assert said("digits", "48 2", "ta") == "4 8 2"
    assert said("cardinal", "482", "ta") is None
    assert said("digits", "12", "hi") == "एक दो"


def test_aliases() -> None:
    assert aliased(" World  Wide\x00Web ") == "World Wide Web"
    assert aliased("...") is None
    assert aliased("x" * 201) is None
