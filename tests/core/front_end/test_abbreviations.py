import pytest

from trioaudio.core.front_end.abbreviations import COMMON, abbreviations_of


@pytest.mark.parametrize("language", ["hi", "hi-IN", "HI_in", "mr", "ta", "bn", "te"])
def test_a_languages_own_are_added_to_the_common_ones(language: str) -> None:
    known = abbreviations_of(language)
    assert known.inner > COMMON.inner
    assert known.before_number >= COMMON.before_number


@pytest.mark.parametrize("language", ["en", "en-IN", "xx", ""])
def test_others_have_the_common_ones(language: str) -> None:
    assert abbreviations_of(language) is COMMON


def test_words_are_listed_as_they_are_looked_up() -> None:
    for group in (COMMON.inner, COMMON.before_number, COMMON.before_small):
        assert all(word == word.lower() and not word.endswith(".") for word in group)
