import pytest

from core.front_end.normalise.saying import say
from trioaudio.core.front_end.normalise.times import rules_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en-IN", "10:30", "ten thirty"),
        ("en-IN", "10:05:09", "ten oh five and nine seconds"),
        ("en-IN", "5.30 p.m. on", "five thirty PM on"),
        ("en-IN", "5 p.m. Then", "five PM. Then"),
        ("en-IN", "5pm", "five PM"),
        ("en-IN", "12:00 and 0:00", "twelve o'clock and zero hundred hours"),
        ("en-IN", "9-5 pm", "nine to five PM"),
        ("en-IN", "9:30 - 10:00 am", "nine thirty to ten AM"),
        ("en-IN", "10:30-11:30", "ten thirty to eleven thirty"),
        ("hi", "10:45 बजे", "पौने ग्यारह बजे"),
        ("hi", "12:45 बजे", "पौने एक बजे"),
        ("hi", "13:15 बजे", "तेरह बजकर पंद्रह मिनट"),
        ("hi", "5 pm", "पाँच पीएम"),
    ],
)
def test_times(language: str, text: str, words: str) -> None:
    assert say(text, rules_of, language) == words


@pytest.mark.parametrize(
    "text", ["10.30", "25:00", "10:75", "16:9", "9-5", "10:30-11", "99 pm", "5 amps", "1:2:3"]
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert say(text, rules_of) == text
