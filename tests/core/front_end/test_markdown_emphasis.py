import pytest

from trioaudio.core.front_end.markdown_emphasis import is_markup


@pytest.mark.parametrize(
    ("run", "before", "after"),
    [
        ("**", " ", "a"),
        ("**", "a", " "),
        ("**", "点", "内"),
        ("*", " ", "a"),
        ("*", "a", "."),
        ("*", "(", "a"),
        ("*", "a", ")"),
        ("***", " ", "5"),
        ("_", " ", "a"),
        ("__", "a", "."),
        ("~~", "a", "b"),
    ],
)
def test_emphasis(run: str, before: str, after: str) -> None:
    assert is_markup(run, before, after)


@pytest.mark.parametrize(
    ("run", "before", "after"),
    [
        ("*", " ", " "),
        ("*", " ", "."),
        ("*", "5", "3"),
        ("*", ")", "("),
        ("**", "x", "2"),
        ("****", " ", "1"),
        ("_", "a", "b"),
        ("_", "है"[1], "b"),
        ("~", " ", "5"),
    ],
)
def test_signs_that_mean_something(run: str, before: str, after: str) -> None:
    assert not is_markup(run, before, after)
