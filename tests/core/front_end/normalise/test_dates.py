import pytest

from core.front_end.normalise.saying import say
from trioaudio.core.front_end.normalise.dates import rules_of


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en-IN", "01/02/2026", "first February twenty twenty-six"),
        ("en-GB", "1-2-2026", "first February twenty twenty-six"),
        ("en-US", "01/02/2026", "January second twenty twenty-six"),
        ("en-US", "22/11/2026", "November twenty-second twenty twenty-six"),
        ("en-IN", "1/2/26", "first February twenty twenty-six"),
        ("en-IN", "2026-02-29", "twenty-ninth February twenty twenty-six"),
        ("en-IN", "22nd of Nov. 2026", "twenty-second November twenty twenty-six"),
        ("en-IN", "22-Nov-2026", "twenty-second November twenty twenty-six"),
        ("en-US", "5 May. Then", "May fifth. Then"),
        ("en-US", "Sept 5, 2026", "September fifth twenty twenty-six"),
        ("en-IN", "june 2026", "June twenty twenty-six"),
        ("hi", "1 फरवरी 2026", "पहली फ़रवरी दो हज़ार छब्बीस"),
        ("hi", "15 Aug", "पंद्रह अगस्त"),
    ],
)
def test_dates(language: str, text: str, words: str) -> None:
    assert say(text, rules_of, language) == words


@pytest.mark.parametrize(
    "text",
    [
        "31/02/2026",
        "00/10/2026",
        "13/13/2026",
        "2026-13-01",
        "32 May",
        "may 5",
        "5 may",
        "may 9000",
        "1/2",
        "1.2.26",
        "11/2/2026/5",
        "Mayor 5",
    ],
)
def test_what_is_not_understood_stays(text: str) -> None:
    assert say(text, rules_of) == text
