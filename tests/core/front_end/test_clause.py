import pytest

from trioaudio.core.front_end.clause import Span, SpokenClause

# "**Pay** ₹5 now" -> "Pay five rupees now"
CLAUSE = SpokenClause(
    "Pay five rupees now",
    0,
    14,
    ends_sentence=True,
    spans=(
        Span(0, 3, 2, 5),
        Span(3, 4, 7, 8),
        Span(4, 15, 8, 10, verbatim=False),
        Span(15, 19, 10, 14),
    ),
)


@pytest.mark.parametrize(
    ("start", "length", "source"),
    [
        (0, 3, (2, 3)),
        (1, 1, (3, 1)),
        (0, 4, (2, 6)),
        (4, 4, (8, 2)),
        (9, 6, (8, 2)),
        (4, 0, (8, 0)),
        (2, 5, (4, 6)),
        (16, 3, (11, 3)),
        (0, 19, (2, 12)),
    ],
)
def test_a_stretch_of_the_text_is_found_where_it_was_written(
    start: int, length: int, source: tuple[int, int]
) -> None:
    assert CLAUSE.source_of(start, length) == source


@pytest.mark.parametrize(
    ("start", "length", "source"),
    [(-5, 3, (2, 3)), (19, 1, (14, 0)), (99, 5, (14, 0)), (16, 99, (11, 3)), (0, -1, (2, 0))],
)
def test_a_stretch_outside_is_moved_inside(
    start: int, length: int, source: tuple[int, int]
) -> None:
    assert CLAUSE.source_of(start, length) == source
