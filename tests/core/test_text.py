import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.text import (
    is_control,
    scripts,
    speakable,
    without_controls,
)


@given(st.text())
def test_replacing_controls_moves_nothing(text: str) -> None:
    cleaned, found = without_controls(text)
    assert len(cleaned) == len(text)
    changed = [old for old, new in zip(text, cleaned, strict=True) if old != new]
    assert len(changed) == found == sum(map(is_control, text))
    assert not any(map(is_control, cleaned))


def test_controls_become_spaces() -> None:
    assert without_controls("a\0b\x1b[1mc\ufeff\0") == ("a b [1mc  ", 4)
    assert without_controls("plain") == ("plain", 0)
    assert without_controls("two\nlines\tof\r\ntext") == ("two\nlines\tof\r\ntext", 0)
    assert without_controls("\u202a+49 30\u202c") == (" +49 30 ", 2)
    assert without_controls("\udcff\ue000") == ("  ", 2)


@pytest.mark.parametrize("kept", ["क्\u200dष", "می\u200cخواهم", "👍", "é", "\u00a0", "\u00ad"])
def test_what_decides_how_text_is_read_is_kept(kept: str) -> None:
    assert without_controls(kept) == (kept, 0)


@pytest.mark.parametrize("text", ["a", "7", "€", "…வ", "。你", "👍"])
def test_speakable(text: str) -> None:
    assert speakable(text)


@pytest.mark.parametrize("text", ["", " ", "...", "—", "\n\"')", "\u0301"])
def test_nothing_to_say(text: str) -> None:
    assert not speakable(text)


def test_scripts_are_those_of_letters() -> None:
    assert scripts("Hello, 7 வணக்கம் नमस्ते 你好!") == {"LATIN", "TAMIL", "DEVANAGARI", "CJK"}
    assert scripts("123 … ₹") == set()


def test_a_letter_without_a_name_is_of_no_known_script() -> None:
    nameless = next(
        chr(code)
        for code in range(0x17000, 0x18D00)
        if unicodedata.category(chr(code)) == "Lo" and not unicodedata.name(chr(code), "")
    )
    assert scripts(nameless) == {"UNKNOWN"}
