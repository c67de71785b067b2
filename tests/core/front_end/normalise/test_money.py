import pytest

from core.front_end.normalise.saying import say
from trioaudio.core.front_end.normalise.money import rules_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en-IN", "₹1,25,000.50", "one lakh twenty-five thousand rupees and fifty paise"),
        ("en-US", "₹1,25,000", "one hundred and twenty-five thousand rupees"),
        (
            "en-IN",
            "$125,000 or $1,25,000",
            "one hundred and twenty-five thousand dollars or one lakh twenty-five thousand dollars",
        ),
        ("en-GB", "£1.01 and €2", "one pound and one penny and two euros"),
        ("en-IN", "Rs. 500/- or Rs 1 lakh", "five hundred rupees or one lakh rupees"),
        ("en-IN", "₹1-2 lakh", "one to two lakh rupees"),
        ("en-IN", "₹0.00 -₹1 ₹-2", "zero rupees minus one rupee minus two rupees"),
        ("en-IN", "$0.999 and ₹0.05", "zero point nine nine nine dollars and five paise"),
        ("en-IN", "5 INR, 5-6 USD", "five rupees, five to six dollars"),
        ("hi", "₹1 और ₹2.50", "एक रुपया और दो रुपये और पचास पैसे"),
    ],
)
def test_money(language: str, text: str, words: str) -> None:
    assert say(text, rules_of, language) == words


@pytest.mark.parametrize(
    "text", ["₹", "₹1,2,3", "₹5abc", "₹5%", "5 xyz", "A$5", "₹5.5.5", "INRs 5"]
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert say(text, rules_of) == text
