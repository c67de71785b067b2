import pytest

from trioaudio.core.front_end.normalise import english
from trioaudio.core.front_end.normalise.normaliser import normalise, rules_of, say
from trioaudio.core.front_end.replacement import Replacements

RULES = rules_of(english.INDIAN)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "OTP 2026 on 22/11/2026",
            "OTP two zero two six on twenty-second November twenty twenty-six",
        ),
        ("₹500 at 5:00 pm for 5 km", "five hundred rupees at five PM for five kilometres"),
        ("nothing here", "nothing here"),
        ("Chapter IV", "Chapter four"),
        ("½", "one half"),
    ],
)
def test_the_more_a_form_says_of_itself_the_earlier_it_counts(text: str, words: str) -> None:
    assert say(text, english.INDIAN, RULES) == words


def test_the_text_before_counts() -> None:
    found = Replacements("4829.")
    normalise(found, "Your code is: ", english.INDIAN, RULES)
    assert [each.words for each in found.found] == ["four eight two nine"]
    found = Replacements("4829.")
    normalise(found, "Your code" + "x" * 99, english.INDIAN, RULES)
    assert found.found[0].words.startswith("four thousand")
