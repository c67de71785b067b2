import re

import pytest

from trioaudio.core.front_end.abbreviations import COMMON
from trioaudio.core.front_end.sentence_ends import END, ends_at_pause, ends_sentence


def verdict(text: str, *, final: bool = False) -> bool | None:
    """Judge the last signs in the text that may end a sentence."""
    *_, found = re.finditer(END, text)
    return ends_sentence(text, found, COMMON, final=final)


@pytest.mark.parametrize(
    "text",
    [
        "Go. ",
        "Go! ",
        "Go?\n",
        'Go." She',
        "你好。再",
        "「好。」と",
        "है।तो",
        "Dr.\n",
        "etc. He",
        "no. Then",
        "Go... Then",
        "at 6 p.m. He",
        "It was I. ",
        "I have 5. ",
        "Go…\n",
        "؟ ",
        "ok.\n",
        "Go.) N",
    ],
)
def test_it_ends(text: str) -> None:
    assert verdict(text) is True


@pytest.mark.parametrize(
    "text",
    [
        "3.14",
        "e.g.this",
        "Dr. R",
        "No. 5",
        "etc. and",
        "J. K",
        "U.S. A",
        "wait... then",
        'Go!" he',
        "1. Milk",
        "x\n2. Bread",
        "Options: 1. S",
        "1.2.3 is",
        "a.b",
        "What?Yes",
        "Jan. 5",
        "p.m. 7",
    ],
)
def test_it_does_not(text: str) -> None:
    found = re.search(END, text)
    assert found is not None
    assert ends_sentence(text, found, COMMON, final=False) is False


@pytest.mark.parametrize("text", ["Go.", "No. ", "etc. ", "Go... ", 'Go!" ', "Go?", "好。"])
def test_more_must_come_unless_the_text_has_ended(text: str) -> None:
    assert verdict(text) is None
    assert verdict(text, final=True) is True


@pytest.mark.parametrize("text", ["Done.", 'He said "yes."', "Done!", "好。", ". ."])
def test_a_pause_may_end_a_sentence(text: str) -> None:
    assert ends_at_pause(text, len(text), COMMON)


@pytest.mark.parametrize("text", ["Dr.", "No.", "3.", "J.", "word", ""])
def test_or_be_within_one(text: str) -> None:
    assert not ends_at_pause(text, len(text), COMMON)
