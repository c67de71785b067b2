import re

import pytest

from trioaudio.core.front_end.markdown_links import ENTITY, FOOTNOTE, LINK, LINK_END
from trioaudio.core.front_end.reading import Construct

WHOLE = [
    (LINK, "[a](b)"),
    (LINK, '[a b](https://x.com/y_(z) "t")'),
    (LINK, "[](x)"),
    (LINK, "[a](<b>)"),
    (LINK_END, "](b)"),
    (LINK_END, "](b 't')"),
    (FOOTNOTE, "[^a-1]:"),
    (ENTITY, "&amp;"),
    (ENTITY, "&#8377;"),
    (ENTITY, "&#x20B9;"),
]


@pytest.mark.parametrize(("construct", "text"), WHOLE)
def test_every_beginning_is_one(construct: Construct, text: str) -> None:
    for end in range(1, len(text)):
        assert construct.beginning.fullmatch(text[:end]) is not None, text[:end]
    found = construct.read(text + " ", 0)
    assert isinstance(found, re.Match)
    assert found[0] == text


@pytest.mark.parametrize(
    ("construct", "text"),
    [
        (LINK, "[a] (b)"),
        (LINK, "[a](b c)"),
        (LINK, "[a\nb](c)"),
        (LINK_END, "]x"),
        (FOOTNOTE, "[1]"),
        (ENTITY, "& "),
        (ENTITY, "&a b"),
    ],
)
def test_and_nothing_else(construct: Construct, text: str) -> None:
    assert construct.read(text, 0) is None
