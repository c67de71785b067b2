import pytest

from trioaudio.core.front_end.assembly import Spoken, assemble
from trioaudio.core.front_end.clause import Span
from trioaudio.core.front_end.mapped_text import MappedText
from trioaudio.core.front_end.replacement import Replacement


def written(text: str) -> MappedText:
    mapped = MappedText()
    mapped.add_written(text, 10)
    return mapped


def texts(mapped: MappedText, *replacements: Replacement, limit: int = 300) -> list[str]:
    return [each.text for each in assemble(mapped, replacements, limit)]


def test_what_was_written_is_one_span() -> None:
    assert assemble(written("ab c"), [], 300) == [Spoken("ab c", (Span(0, 4, 10, 14),))]


def test_what_is_replaced_is_a_span_of_its_own() -> None:
    (spoken,) = assemble(written("I 5 x"), [Replacement(2, 3, "five")], 300)
    assert spoken.text == "I five x"
    assert spoken.spans == (
        Span(0, 2, 10, 12),
        Span(2, 6, 12, 13, verbatim=False),
        Span(6, 8, 13, 15),
    )
    assert spoken.end == 15


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\nB", "a, B"),
        ("a\nb", "a b"),
        ("a.\nB", "a. B"),
        ("a\n\nb", "a. b"),
        ("a \n\n b", "a. b"),
        ("a,\n\nB", "a, B"),
        ("a।\nB", "a। B"),
    ],
)
def test_the_end_of_a_line_is_a_pause(text: str, said: str) -> None:
    assert texts(written(text)) == [said]


def test_words_do_not_run_together() -> None:
    mapped = written("H")
    mapped.add_instead("two", 11, 12)
    mapped.add_written("O", 12)
    assert texts(mapped) == ["H two O"]
    assert texts(written("a5b"), Replacement(1, 2, "five")) == ["a five b"]
    assert texts(written("(5)"), Replacement(1, 2, "five")) == ["(five)"]


def test_a_space_left_by_what_was_dropped_goes() -> None:
    mapped = written("ok ")
    mapped.add_written(".", 15)
    assert texts(mapped) == ["ok."]
    mapped = written("5 ")
    mapped.add_written("!", 15)
    assert texts(mapped, Replacement(0, 1, "five")) == ["five!"]
    assert texts(written("ok !")) == ["ok !"]


def test_what_has_nothing_to_say_is_nothing() -> None:
    assert assemble(written("..."), [], 300) == []


def test_a_text_that_grew_is_cut_between_words() -> None:
    many = [Replacement(at, at + 1, "five") for at in range(0, 20, 2)]
    spoken = assemble(written("5 " * 9 + "5"), many, 12)
    assert [each.text for each in spoken] == ["five five"] * 5
    assert [each.end for each in spoken] == [13, 17, 21, 25, 29]


def test_a_limit_too_small_for_a_word_keeps_it_whole() -> None:
    many = [Replacement(at, at + 1, "five") for at in range(0, 6, 2)]
    assert texts(written("5 6 7"), *many, limit=1) == ["five", "five", "five"]
