"""How the front end's tests cut texts, and what must hold of clauses however they were cut."""

import itertools
import tomllib
from collections.abc import Iterable
from pathlib import Path

import attrs

from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.core.text import is_control, speakable


@attrs.frozen
class Case:
    language: str
    text: str
    clauses: tuple[str, ...]


def read_corpus() -> list[Case]:
    cases = []
    for path in sorted((Path(__file__).parent / "corpus").glob("*.toml")):
        document = tomllib.loads(path.read_text(encoding="utf-8"))
        cases += [
            Case(document["language"], case["text"], tuple(case["clauses"]))
            for case in document["case"]
        ]
    return cases


def clauses_of(
    pieces: Iterable[str], options: FrontEndOptions | str = "en-IN"
) -> list[SpokenClause]:
    front_end = FrontEnd(FrontEndOptions(language=options) if isinstance(options, str) else options)
    clauses = [clause for piece in pieces for clause in front_end.push(piece)]
    return clauses + front_end.flush()


def texts_of(text: str, options: FrontEndOptions | str = "en-IN") -> list[str]:
    return [clause.text for clause in clauses_of([text], options)]


def cut_at(text: str, places: Iterable[int]) -> list[str]:
    cuts = sorted({place % (len(text) + 1) for place in places} | {0, len(text)})
    return [text[first:last] for first, last in itertools.pairwise(cuts)]


def check(clauses: list[SpokenClause], text: str) -> None:
    """Check that clauses follow one another and that their spans lead into the text."""
    at = 0
    for clause in clauses:
        assert clause.start == at
        assert at < clause.end <= len(text)
        at = clause.end
        assert clause.text == clause.text.strip()
        assert speakable(clause.text)
        check_spans(clause, text)


def check_spans(clause: SpokenClause, text: str) -> None:
    spoken, source = 0, clause.start
    for span in clause.spans:
        assert span.spoken_start == spoken < span.spoken_end
        assert source <= span.start <= span.end <= clause.end
        if span.verbatim:
            written = text[span.start : span.end]
            spaces = "".join(
                " " if each.isspace() or is_control(each) else each for each in written
            )
            assert clause.text[span.spoken_start : span.spoken_end] == spaces
        spoken, source = span.spoken_end, span.end
    assert spoken == len(clause.text)
    assert source == clause.end
    for first in range(-1, len(clause.text) + 2, 3):
        for length in (-1, 0, 1, 7, len(clause.text)):
            start, count = clause.source_of(first, length)
            assert clause.start <= start <= start + count <= clause.end
