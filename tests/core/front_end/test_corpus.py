"""Every case of the corpus, whole, letter by letter and cut anywhere; and random texts."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.front_end.pieces import Case, check, clauses_of, cut_at, read_corpus
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions

CORPUS = read_corpus()
PLACES = st.lists(st.integers(0, 2000), max_size=30)
# fmt: off
FRAGMENTS = (
    'a', 'b', 'c', 'I', '.', ',', ';', ':', '-', '—', '!', '?', '...', '…', '。', '।', '\n',
    '\r', '\t', '*', '**', '***', '_', '__', '`', '```', '~~', '#', '##', '>', '[', ']', '(',
    ')', '![', '](', '|', '+', '1.', '5', '12', '1,250', '₹', '$', 'Rs.', '%', '@', '.com',
    'https://', 'www.', 'example.com/x', 'a@b.com', 'Dr.', 'No.', 'e.g.', 'p.m.', 'J.', 'Nov',
    '22,', '2026', '10:30', '<', '</', '<b>', '</b>', '<br/>',
    '<say-as interpret-as="digits">', '</say-as>', '<sub alias="x">', '</sub>', '<!--', '-->',
    '&amp;', '&lt', '&', '\\', '\\*', '👍', '\U0001f468\u200d\U0001f469',
    '\ufe0f', '1\ufe0f\u20e3', 'नमस्ते',
    'है', '२५', '\u200d', '\u0301', 'é', '你好', '\udc80', '\u200b',
    '\x00', '\xa0', 'OTP', '482913', '+91',
    '98765', '43210', '*121#', '24x7', 'Chapter', 'IV', '\u2028', 'http', 'h', 'w', 'ww', '---',
    '===', '|--', 'hello', 'World', '2)', '₹500', '5.30', 'etc.', 'और', 'बजे', '#5', '****1234',
    '********', 'XX12', 'https://a.b/c_(d)).', '<td>', '</td>', '<p>', '؟', '۔', '「', '」', '，',
    '-5', '10-12', '1/2', '½', '"', '“', '”', '&nbsp;', '&#10;', '```py\n', '[^1]', '[^1]:',
    '[x](y "t")', '![z](w)', '\r\n',
)
# fmt: on
TEXTS = st.lists(st.sampled_from([*FRAGMENTS, " ", " ", "\n"]), max_size=40).map("".join)
LANGUAGES = st.sampled_from(["en-IN", "hi", "ta"])


def test_the_corpus_is_large() -> None:
    assert len(CORPUS) >= 150
    assert len({(case.language, case.text) for case in CORPUS}) == len(CORPUS)


@pytest.mark.parametrize(
    "case", CORPUS, ids=lambda case: case.text[:40].encode("unicode_escape").decode()
)
def test_a_text_gives_its_clauses_whole_and_letter_by_letter(case: Case) -> None:
    whole = clauses_of([case.text], case.language)
    assert tuple(clause.text for clause in whole) == case.clauses
    assert clauses_of(case.text, case.language) == whole
    check(whole, case.text)


@settings(max_examples=400)
@given(case=st.sampled_from(CORPUS), places=PLACES)
def test_a_text_cut_anywhere_gives_its_clauses(case: Case, places: list[int]) -> None:
    clauses = clauses_of(cut_at(case.text, places), case.language)
    assert tuple(clause.text for clause in clauses) == case.clauses


@settings(max_examples=400)
@given(text=TEXTS, places=PLACES, language=LANGUAGES, markup=st.booleans())
@example(text="a********482913", places=[9], language="en-IN", markup=True)
@example(text="\u200dhttps://a", places=[2], language="en-IN", markup=True)
@example(text="---- a", places=[3], language="en-IN", markup=True)
@example(text="a [^1]: b", places=[6], language="en-IN", markup=True)
@example(text="xhttps://a.b c", places=[1, 3], language="en-IN", markup=True)
def test_whatever_is_written_is_read_alike_however_it_is_cut(
    text: str, places: list[int], language: str, markup: bool
) -> None:
    options = FrontEndOptions(language=language, filter_markup=markup)
    whole = clauses_of([text], options)
    check(whole, text)
    assert clauses_of(text, options) == whole
    assert clauses_of(cut_at(text, places), options) == whole


@settings(max_examples=200)
@given(pieces=st.lists(st.sampled_from(FRAGMENTS).map(lambda each: f"{each} "), max_size=30))
def test_pauses_anywhere_lose_nothing(pieces: list[str]) -> None:
    front_end = FrontEnd(FrontEndOptions(language="en-IN"))
    clauses = []
    for piece in pieces:
        clauses += front_end.push(piece) + front_end.hurry()
    clauses += front_end.flush()
    text = "".join(pieces)
    check(clauses, text)
    assert front_end.characters == len(text)
    assert not front_end.holds_text
    assert front_end.flush() == []


@settings(max_examples=200)
@given(text=st.text(), language=LANGUAGES)
def test_any_text_is_read(text: str, language: str) -> None:
    whole = clauses_of([text], language)
    check(whole, text)
    assert clauses_of(text, language) == whole


@settings(max_examples=150)
@given(text=TEXTS, limit=st.integers(1, 40), minimum=st.integers(0, 30), first=st.integers(0, 20))
def test_whatever_the_lengths(text: str, limit: int, minimum: int, first: int) -> None:
    options = FrontEndOptions(
        language="en-IN", limit=limit, clause_min=minimum, first_clause_min=first
    )
    whole = clauses_of([text], options)
    check(whole, text)
    assert clauses_of(text, options) == whole
