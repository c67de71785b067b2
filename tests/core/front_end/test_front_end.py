"""What a caller relies on: when clauses come, pauses, options, and bounded work."""

import time

import pytest

from core.front_end.pieces import check, clauses_of, texts_of
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.core.front_end.front_end import clauses_of as clauses_as_written
from trioaudio.core.front_end.pronunciation import read_pronunciations

SIZE = 100_000
FEWER = 4_000
REACH = 1_200
"""Characters that may wait in a buffer: the longest construct, or a clause, and a little."""
GENEROUS = 10.0
"""Seconds; each takes well under two on a slow machine, unless work grows with the square."""
MONOTONOUS = {
    "prose": "The quick brown fox, number 1,250, jumps over ₹500 worth of dogs. ",
    "no space": "a",
    "stars": "*",
    "angle brackets": "<",
    "brackets": "[",
    "digits": "1",
    "spaces": " ",
    "lines": "\n",
    "full stops": ".",
    "links": "[a](",
    "link ends": "](",
    "attributes": '<a x="',
    "comments": "<!--",
    "hints": '<say-as interpret-as="digits">1',
    "entities": "&a",
    "hosts": "www.",
    "URLs": "http://a",
    "addresses": "a.b@",
    "commas": "a, ",
    "abbreviations": "Dr. ",
    "numbers": "1 ",
    "ranges": "1-",
    "marks": "\u0301",
    "Hindi": "नमस्ते 12 ",
    "Chinese": "你好",
}


def options(**changes: object) -> FrontEndOptions:
    return FrontEndOptions(language="en-IN", **changes)  # type: ignore[arg-type]


def front_end(language: str = "en-IN") -> FrontEnd:
    return FrontEnd(FrontEndOptions(language=language))


def pushed(front_end: FrontEnd, text: str) -> list[str]:
    return [clause.text for clause in front_end.push(text)]


def hurried(front_end: FrontEnd) -> list[str]:
    return [clause.text for clause in front_end.hurry()]


def flushed(front_end: FrontEnd) -> list[str]:
    return [clause.text for clause in front_end.flush()]


def test_the_first_clause_comes_with_the_space_after_it() -> None:
    front = front_end()
    assert pushed(front, "Sure, I can help you with that") == []
    assert pushed(front, ",") == []
    assert pushed(front, " ") == ["Sure, I can help you with that,"]


def test_later_clauses_come_with_the_space_after_their_sentence() -> None:
    front = front_end()
    assert pushed(front, "Yes. ") == ["Yes."]
    assert pushed(front, "No. ") == []
    assert pushed(front, "There are three flights to Pune today, all in the morning.") == []
    assert pushed(front, " ") == ["No. There are three flights to Pune today, all in the morning."]


def test_clauses_say_what_they_end() -> None:
    clauses = clauses_of(["One two three four five, six seven. Eight nine"])
    assert [clause.ends_sentence for clause in clauses] == [False, True]


def test_what_has_nothing_to_say_is_counted_and_belongs_to_no_clause() -> None:
    front = front_end()
    front.push("Hello. 👍 ... ")
    assert front.characters == 13
    assert not front.holds_text
    assert front.flush() == []
    assert front.characters == 13


def test_text_after_the_end_goes_on_where_it_ended() -> None:
    front = front_end()
    front.push("  one")
    (first,) = front.flush()
    assert (first.text, first.start, first.end) == ("one", 0, 5)
    assert front.flush() == []
    (second,) = front.push(" two. three")
    assert (second.text, second.start, second.end) == ("two.", 5, 10)


def test_a_pause_gives_out_a_whole_sentence_and_whole_words() -> None:
    front = front_end()
    assert pushed(front, "Yes. Let me check that for you.") == ["Yes."]
    assert front.holds_text
    (clause,) = front.hurry()
    assert clause.text == "Let me check that for you."
    assert clause.ends_sentence
    assert not front.holds_text
    assert hurried(front) == []
    assert pushed(front, " I have fou") == []
    (clause,) = front.hurry()
    assert (clause.text, clause.ends_sentence) == ("I have", False)
    assert front.holds_text
    assert flushed(front) == ["fou"]


@pytest.mark.parametrize(
    ("text", "given", "rest"),
    [
        ("Call 98765 ", ["Call"], ["nine eight seven six five"]),
        ("You owe Rs. ", ["You owe"], ["Rs."]),
        ("You owe ₹ ", ["You owe"], ["₹"]),
        ("Ask Dr. ", ["Ask"], ["Dr."]),
        ("It is 3.", ["It is"], ["three."]),
        ("Ask J.", ["Ask"], ["J."]),
        ("See No.", ["See"], ["No."]),
        ("98765 43210 ", [], ["nine eight seven six five, four three two one zero"]),
        ("word", [], ["word"]),
        ("...", [], []),
        ("... ", [], []),
        ("", [], []),
        ("Is it?", ["Is it?"], []),
        ('She said "yes."', ['She said "yes."'], []),
        ("Line one\nline tw", ["Line one", "line"], ["tw"]),
    ],
)
def test_a_pause_breaks_no_word_and_no_number(text: str, given: list[str], rest: list[str]) -> None:
    front = front_end()
    assert pushed(front, text) + hurried(front) == given
    assert flushed(front) == rest


def test_after_a_pause_the_voice_begins_soon_again() -> None:
    front = front_end()
    pushed(front, "Hello. One moment.")
    assert hurried(front) == ["One moment."]
    assert pushed(front, " Here. ") == ["Here."]


def test_pauses_lose_nothing() -> None:
    text = "Sure, **one** moment. Your code is 482913, Dr. Rao! See https://example.com/x. Bye"
    front = front_end()
    clauses = []
    for letter in text:
        clauses += front.push(letter) + front.hurry()
    clauses += front.flush()
    check(clauses, text)
    assert " ".join(clause.text for clause in clauses) == (
        "Sure, one moment. Your code is four eight two nine one three, Dr. Rao!"
        " See example dot com. Bye"
    )


def test_what_the_filter_has_not_decided_is_held() -> None:
    front = front_end()
    pushed(front, "[see")
    assert front.holds_text
    assert flushed(front) == ["[see"]


def test_numbers_may_be_left_to_the_engine() -> None:
    assert texts_of("**Pay** ₹500 by 10:30", options(normalise=False)) == ["Pay ₹500 by 10:30"]


def test_plain_text_keeps_its_signs() -> None:
    text = "**Pay** [x](y) <b>5</b> &lt a@b.com https://a.com/x"
    assert texts_of(text, options(filter_markup=False, normalise=False)) == [text]


def test_hints_count_in_plain_text_and_without_normalising() -> None:
    text = '<say-as interpret-as="digits">42</say-as> <sub alias="see">C</sub> <b>42</b>'
    expected = ["four two see <b>42</b>"]
    assert texts_of(text, options(filter_markup=False, normalise=False)) == expected


def test_a_code_is_known_from_the_clause_before() -> None:
    assert texts_of("Your one-time password for today is: 4829.") == [
        "Your one-time password for today is:",
        "four eight two nine.",
    ]


def test_pronunciations_come_first() -> None:
    words = read_pronunciations('[words]\n"24x7" = "round the clock"\ngpay = "G Pay"', "p.toml")
    assert texts_of("GPay is up 24x7, 24/7.", options(pronunciations=words)) == [
        "G Pay is up round the clock, twenty-four seven."
    ]


def test_a_clause_that_grew_too_long_is_cut_again() -> None:
    text = "Read: " + "482913573 " * 25
    clauses = clauses_of([text])
    check(clauses, text)
    assert all(len(clause.text) <= 300 for clause in clauses)
    assert [clause.ends_sentence for clause in clauses] == [False] * (len(clauses) - 1) + [True]
    said = " ".join(clause.text for clause in clauses)
    assert said.split().count("five") == 25


def test_what_has_no_space_in_it_is_cut_between_signs() -> None:
    text = "क्\u200dष" * 200
    clauses = clauses_of([text], "hi")
    assert "".join(clause.text for clause in clauses) == text
    assert all(clause.text.startswith("क") for clause in clauses)


@pytest.mark.parametrize("text", MONOTONOUS.values(), ids=MONOTONOUS.keys())
def test_work_grows_with_the_text_and_not_with_its_square(text: str) -> None:
    begin = time.process_time()  # what other processes do meanwhile is not our work
    clauses = clauses_of([(text * SIZE)[:SIZE]])
    assert time.process_time() - begin < GENEROUS
    assert all(len(clause.text) <= 600 for clause in clauses)


@pytest.mark.parametrize("text", MONOTONOUS.values(), ids=MONOTONOUS.keys())
def test_what_waits_is_bounded_so_the_work_for_a_letter_is(text: str) -> None:
    front = front_end()
    for letter in (text * FEWER)[:FEWER]:
        front.push(letter)
        assert len(front._filter.waiting) <= REACH
        assert len(front._waiting.text) <= REACH


def test_a_long_piece_is_dealt_with_in_small_ones() -> None:
    front = front_end()
    front.push("x " * SIZE)
    assert len(front._waiting.text) <= REACH


def test_the_clauses_of_a_whole_text_are_as_written() -> None:
    assert [each.text for each in clauses_as_written("It is *5*.")] == ["It is *5*."]
    assert [each.text for each in clauses_as_written("It is *5*.", FrontEndOptions())] == [
        "It is five."
    ]
