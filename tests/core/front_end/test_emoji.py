import pytest

from trioaudio.core.front_end.emoji import is_emoji


@pytest.mark.parametrize("picture", ["👍", "❤", "\ufe0f", "🇮", "🏽", "☎", "⭐", "🀄", "\u20e3"])
def test_pictures_and_their_changers(picture: str) -> None:
    assert is_emoji(picture)


@pytest.mark.parametrize(
    "character", ["", "a", "1", "#", "*", "©", "™", "₹", "→", "\u200d", "है"[0], "你", "❶", "°"]
)
def test_writing_is_no_picture(character: str) -> None:
    assert not is_emoji(character)
