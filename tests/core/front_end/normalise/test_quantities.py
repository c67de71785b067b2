import pytest

from core.front_end.normalise.saying import say
from trioaudio.core.front_end.normalise.quantities import rules_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        (
            "en-IN",
            "5 and 1,25,000 and -3",
            "five and one lakh twenty-five thousand and minus three",
        ),
        ("en-IN", "1,250,000", "one million two hundred and fifty thousand"),
        ("en-IN", "1. a\n2) b", "one, a\ntwo, b"),
        (
            "en-IN",
            "5%, 5-10 %, 1 km, 2 kms, 6 ft. tall",
            "five percent, five to ten percent, one kilometre, two kilometres, six feet tall",
        ),
        ("en-US", "2 km", "two kilometers"),
        (
            "en-IN",
            "in 1999, (2024), 1999 of it",
            (
                "in nineteen ninety-nine, (twenty twenty-four),"
                " one thousand nine hundred and ninety-nine of it"
            ),
        ),
        (
            "en-IN",
            "2025-26 and 1999–2003",
            "twenty twenty-five to twenty-six and nineteen ninety-nine to two thousand and three",
        ),
        ("en-IN", "1st, 22nd, 1,000th", "first, twenty-second, one thousandth"),
        (
            "en-IN",
            "1/2, 1 1/2, 2½, ¾",
            "one half, one and one half, two and one half, three quarters",
        ),
        (
            "en-IN",
            "1.2.3, v2.0.1, 10.0.0.1",
            "one point two point three, vtwo point zero point one, ten dot zero dot zero dot one",
        ),
        ("en-IN", "24x7 and 24/7", "twenty-four seven and twenty-four seven"),
        ("en-IN", "Phase IV, Class XIX", "Phase four, Class nineteen"),
        (
            "en-IN",
            "1999.5 and 007",
            "one thousand nine hundred and ninety-nine point five and zero zero seven",
        ),
        (
            "en-IN",
            "1999.5-2001",
            "one thousand nine hundred and ninety-nine point five to two thousand and one",
        ),
        ("hi", "5वें, 3रा, 2000 में", "पाँचवें, तीसरा, दो हज़ार में"),
    ],
)
def test_quantities(language: str, text: str, words: str) -> None:
    assert say(text, rules_of, language) == words


@pytest.mark.parametrize(
    "text",
    [
        "3-1",
        "-5-10",
        "4/12",
        "Part I am",
        "Chapter IIII",
        "H2O",
        "A-5",
        "1,2",
        "5था",
        "7/8/9",
        "٪",
    ],
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert say(text, rules_of) == text
