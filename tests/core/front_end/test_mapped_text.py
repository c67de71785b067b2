from trioaudio.core.front_end.mapped_text import STAND_IN, MappedText
from trioaudio.core.text import is_control


def test_taking_keeps_characters_their_places_and_their_words_together() -> None:
    text = MappedText()
    text.add_written("ab", 3)
    text.add_instead("one", 5, 9)
    text.add_character("&", 9, 14)
    text.add_instead("two", 14, 20)
    first = text.take(3)
    assert (first.text, first.starts, first.ends) == (f"ab{STAND_IN}", [3, 4, 5], [4, 5, 9])
    assert (first.instead, text.instead) == (["one"], ["two"])
    assert (text.text, text.starts, text.ends) == (f"&{STAND_IN}", [9, 14], [14, 20])


def test_no_author_can_write_a_stand_in() -> None:
    assert is_control(STAND_IN)
