import pytest

from trioaudio.core.front_end.reading import MORE
from trioaudio.core.front_end.tags import HINTS, Hint, Tag, read_hint, read_tag


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<b>", Tag("b", False, {}, 3)),
        ("</B >x", Tag("b", True, {}, 5)),
        ("<br/>", Tag("br", False, {}, 5)),
        ("<a href='x>y' Title=\"&lt;\">", Tag("a", False, {"href": "x>y", "title": "<"}, 27)),
        ("<p class=a>", Tag("p", False, {"class": "a"}, 11)),
    ],
)
def test_tags(text: str, tag: Tag) -> None:
    assert read_tag(text, 0) == tag


@pytest.mark.parametrize(
    "text", ["<", "</", "<s", "<say-", "<b ", "<b x", "<b x=", "<b x='", "<b x=1", "<b/"]
)
def test_beginnings(text: str) -> None:
    assert read_tag(text, 0) is MORE


@pytest.mark.parametrize(
    "text", ["< b>", "<3", "<name>", "<nam", "<b and c>", "<b<", "<>", "</3", "<zz x="]
)
def test_no_tags(text: str) -> None:
    assert read_tag(text, 0) is None


def test_only_names_asked_for_are_tags() -> None:
    assert read_tag("<b>", 0, HINTS) is None
    assert read_tag("<b", 0, HINTS) is None
    assert read_tag("<sa", 0, HINTS) is MORE


def test_hints() -> None:
    text = "x<sub alias='y'>z</sub>!"
    tag = read_tag(text, 1)
    assert isinstance(tag, Tag)
    assert read_hint(text, 1, tag) == Hint(tag, "z", 22)
    assert read_hint(text[:-1], 1, tag) == Hint(tag, "z", 22)
    for end in range(len(text) - 7, len(text) - 1):
        assert read_hint(text[:end], 1, tag) is MORE


@pytest.mark.parametrize("content", ["z<b>", "z\n", "z" * 201, "z</say-as>", "</sub>", "z</subs"])
def test_a_hint_that_is_not_closed_nearby_is_none(content: str) -> None:
    text = f"<sub alias='y'>{content}"
    tag = read_tag(text, 0)
    assert isinstance(tag, Tag)
    assert read_hint(text + " and more" * 40, 0, tag) is None
