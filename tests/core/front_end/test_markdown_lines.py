import pytest

from trioaudio.core.front_end.markdown_lines import LineMark, read_line_mark
from trioaudio.core.front_end.reading import MORE


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("# a", (LineMark.HEADING, 1)),
        ("###### a", (LineMark.HEADING, 6)),
        ("> a", (LineMark.QUOTE, 1)),
        ("- a", (LineMark.BULLET, 1)),
        ("• a", (LineMark.BULLET, 1)),
        ("---\n", (LineMark.RULE, 3)),
        ("=" * 16, (LineMark.RULE, 16)),
        ("```py\n", (LineMark.FENCE, 5)),
        ("| a", (LineMark.ROW, 1)),
        ("|:--|", (LineMark.RULE_ROW, 4)),
        ("#", MORE),
        ("-", MORE),
        ("--", MORE),
        ("---", MORE),
        ("`", MORE),
        ("|", MORE),
        ("#5", None),
        ("####### a", None),
        ("-5", None),
        ("--a", None),
        ("``a", None),
        ("```a b", None),
        ("[x] a", None),
        ("a", None),
    ],
)
def test_marks(text: str, mark: object) -> None:
    assert read_line_mark(text, 0, after_bullet=False, in_fence=False) == mark


def test_a_box_stands_after_a_bullet_only() -> None:
    assert read_line_mark("[x] a", 0, after_bullet=True, in_fence=False) == (LineMark.BOX, 3)
    assert read_line_mark("[x", 0, after_bullet=True, in_fence=False) is MORE


def test_in_a_fence_only_its_end_is_a_mark() -> None:
    assert read_line_mark("- a", 0, after_bullet=False, in_fence=True) is None
    assert read_line_mark("```\n", 0, after_bullet=False, in_fence=True) == (LineMark.FENCE, 3)
