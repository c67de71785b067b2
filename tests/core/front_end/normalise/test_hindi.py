import pytest

from trioaudio.core.front_end.normalise.hindi import HINDI


@pytest.mark.parametrize(
    ("hour", "minute", "half_day", "words"),
    [
        (10, 0, "", "दस बजे"),
        (10, 0, "बजे", "दस बजे"),
        (10, 0, "am", "दस एएम"),
        (10, 15, "बजे", "सवा दस बजे"),
        (10, 30, "बजे", "साढ़े दस बजे"),
        (1, 30, "बजे", "डेढ़ बजे"),
        (2, 30, "बजे", "ढाई बजे"),
        (12, 45, "बजे", "पौने एक बजे"),
        (15, 30, "बजे", "पंद्रह बजकर तीस मिनट"),
        (0, 15, "बजे", "शून्य बजकर पंद्रह मिनट"),
        (10, 30, "", "दस बजकर तीस मिनट"),
        (10, 5, "pm", "दस बजकर पाँच मिनट पीएम"),
    ],
)
def test_the_clock(hour: int, minute: int, half_day: str, words: str) -> None:
    assert HINDI.clock(hour, minute, half_day) == words


def test_the_first_of_a_month_is_an_ordinal() -> None:
    assert HINDI.date(1, 1, None) == "पहली जनवरी"
    assert HINDI.date(2, 1, 2026) == "दो जनवरी दो हज़ार छब्बीस"


def test_ordinals_keep_their_gender() -> None:
    assert HINDI.ordinal_words[1, "ली"] == "पहली"
    assert HINDI.ordinal_words[4, "थे"] == "चौथे"
    assert (7, "था") not in HINDI.ordinal_words
