import pytest

from trioaudio.core.front_end.abbreviations import COMMON
from trioaudio.core.front_end.mapped_text import MappedText
from trioaudio.core.front_end.segmentation import ClauseCutter, ClauseLengths

SHORT = ClauseLengths(first=10, first_words=4, minimum=20, limit=40)


def cuts_of(text: str, lengths: ClauseLengths = SHORT) -> list[str]:
    waiting = MappedText()
    waiting.add_written(text, 0)
    return [cut.text.text for cut in ClauseCutter(waiting, lengths, COMMON).cut(final=True)]


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("One. Two. Three. Four five six.", ["One.", "Two. Three. Four five six."]),
        ("A very long, b", ["A very long,", "b"]),
        ("A b c d, e", ["A b c d,", "e"]),
        ("A b c, d", ["A b c, d"]),
        ("A b c d:e f", ["A b c d:e f"]),
        ("A b c d - e", ["A b c d -", "e"]),
        ("A b c d-e f", ["A b c d-e f"]),
        ("A b c d—e", ["A b c d—", "e"]),
        ("A b c 10 – 12", ["A b c 10 – 12"]),
        ("A b c 10, 12", ["A b c 10, 12"]),
        ("A b c 10, or", ["A b c 10,", "or"]),
        ("A b c 10, ", ["A b c 10,"]),
        ("A b c d,", ["A b c d,"]),
        ("你好，再见", ["你好，再见"]),
        ("你好吗我，再见", ["你好吗我，", "再见"]),
        ("... Hi. ", ["Hi."]),
        ("Go. ... ", ["Go."]),
    ],
)
def test_where_clauses_end(text: str, clauses: list[str]) -> None:
    assert cuts_of(text) == clauses


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        (
            "x. " + "a" * 22 + ", bb cc dd ee ff gg hh",
            ["x.", "a" * 22 + ",", "bb cc dd ee ff gg hh"],
        ),
        ("x. aa bb. " + "c " * 30, ["x.", "aa bb.", ("c " * 20).strip(), ("c " * 10).strip()]),
        ("x. " + "a" * 30 + " " + "b" * 30, ["x.", "a" * 30, "b" * 30]),
        ("x. " + "a" * 30 + "\n" + "b" * 30, ["x.", "a" * 30, "b" * 30]),
        ("a" * 100, ["a" * 40, "a" * 40, "a" * 20]),
        ("a" * 39 + "e\u0301b", ["a" * 39, "e\u0301b"]),
    ],
)
def test_a_clause_too_long_is_cut_at_a_pause_a_sentence_a_space_or_anywhere(
    text: str, clauses: list[str]
) -> None:
    assert cuts_of(text) == clauses
