import pytest

from core.front_end.normalise.saying import say
from trioaudio.core.front_end.normalise.codes import rules_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en-IN", "OTP is 482913", "OTP is four eight two nine one three"),
        ("en-IN", "PIN: 1234", "PIN: one two three four"),
        (
            "en-IN",
            'the code you need to enter is "482 913"',
            'the code you need to enter is "four eight two nine one three"',
        ),
        ("en-IN", "4829 is your new OTP", "four eight two nine is your new OTP"),
        ("en-IN", "PNR no. AB12C3", "PNR no. A B one two C three"),
        (
            "en-IN",
            "order #48213, #5, #A-1",
            "order number four eight two one three, number five, number A one",
        ),
        ("en-IN", "XX1234 and ****567", "X X one two three four and five six seven"),
        ("en-IN", "No. 5 and no. 5678", "number five and number five six seven eight"),
        (
            "hi",
            "ओटीपी 4829 है, 4829 आपका ओटीपी है",
            "ओटीपी चार आठ दो नौ है, चार आठ दो नौ आपका ओटीपी है",
        ),
    ],
)
def test_codes(language: str, text: str, words: str) -> None:
    assert say(text, rules_of, language) == words


@pytest.mark.parametrize(
    "text",
    [
        "482913",
        "OTP. In 2026",
        "PIN was changed in 2026",
        "order ABCD",
        "AB12C3",
        "#",
        "#a",
        "C#5",
        "No. x",
        "1234 is a number",
        "order in 2026",
    ],
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert say(text, rules_of) == text
