import pytest

from core.front_end.normalise.saying import say
from trioaudio.core.front_end.normalise.telephone import rules_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (
            "en-IN",
            "+91 98765 43210",
            "plus nine one, nine eight seven six five, four three two one zero",
        ),
        ("en-IN", "9876543210", "nine eight seven six five, four three two one zero"),
        ("en-US", "4155552671", "four one five, five five five, two six seven one"),
        ("en-US", "(415) 555-2671", "four one five, five five five, two six seven one"),
        ("en-IN", "1800-123-456", "one eight zero zero, one two three, four five six"),
        ("en-IN", "call us at 112", "call us at one one two"),
        ("en-IN", "Toll-free: 1 9 12", "Toll-free: one, nine, one two"),
        ("en-IN", "*121# or *9", "star one two one hash or star nine"),
        ("en-IN", "press * or hit #.", "press star or hit hash."),
        ("hi", "# दबाएँ", "हैश दबाएँ"),
        ("hi", "फ़ोन 1912", "फ़ोन एक नौ एक दो"),
    ],
)
def test_telephone(language: str, text: str, words: str) -> None:
    assert say(text, rules_of, language) == words


@pytest.mark.parametrize(
    "text", ["+12", "+1 23 45", "5000000000", "12345", "a * b", "# tag", "x9876543210", "call 5"]
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert say(text, rules_of) == text
