import pytest

from trioaudio.core.front_end.normalise import english, hindi
from trioaudio.core.front_end.normalise.languages import locale_of
from trioaudio.core.front_end.normalise.locale import Locale


@pytest.mark.parametrize(
    ("language", "locale"),
    [
        ("en", english.AMERICAN),
        ("en-US", english.AMERICAN),
        ("en_IN", english.INDIAN),
        ("EN-in", english.INDIAN),
        ("en-GB", english.INTERNATIONAL),
        ("hi", hindi.HINDI),
        ("hi-IN", hindi.HINDI),
        ("hi-Latn", english.INDIAN),
    ],
)
def test_languages_that_have_words(language: str, locale: Locale) -> None:
    assert locale_of(language) is locale


@pytest.mark.parametrize("language", ["ta", "zh-CN", "", "enx", "xx"])
def test_others_have_none(language: str) -> None:
    assert locale_of(language) is None
