"""What an engine says went wrong, without what it was to say: it is logged and kept in records."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.errors import EngineError, EngineFault, FaultScope, TextError
from trioaudio.speech.engine_errors import without_text

TEXT = "Your PIN is four two seven one, Miss Smithson."


def error(words: str) -> EngineError:
    return EngineError(words, kind=EngineFault.EMPTY, retryable=True, scope=FaultScope.CONNECTION)


def told(words: str, *texts: str) -> str:
    return str(without_text(error(words), texts))


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (f"no audio for {TEXT[:40]!r}; check the voice", "no audio for '…'; check the voice"),
        (f'HTTP 400: {{"input": "{TEXT}"}} is wrong', 'HTTP 400: {"input": "…"} is wrong'),
        ("cannot be reached: Connection refused", "cannot be reached: Connection refused"),
        (f"it ends with {TEXT[-18:]}", "it ends with …"),
        ("", ""),
    ],
)
def test_what_is_quoted_is_left_out(words: str, left: str) -> None:
    assert told(words, TEXT) == left


def test_a_short_text_is_left_out_where_it_is_quoted() -> None:
    assert told("no audio for 'Hi.'", "Hi.") == "no audio for …"
    assert told('no audio for "No" here', "No") == "no audio for … here"
    assert told("No audio", "No") == "No audio"


@pytest.mark.parametrize(
    ("words", "text", "left"),
    [
        ("cannot speak 4271 with this voice", "4271", "cannot speak … with this voice"),
        ("HTTP 400: Yes, sir. is no text", "Yes, sir. ", "HTTP 400: … is no text"),
        ("no audio for नमस्ते; check the voice", "नमस्ते", "no audio for …; check the voice"),
        ("the generated rates are moderate", "rate", "the generated rates are moderate"),
        ("code 14271 of 42710", "4271", "code 14271 of 42710"),
        ("no audio for Yes", "Yes", "no audio for Yes"),
        ("no audio for Yes", "Yes, sir.", "no audio for Yes"),
        ("''", "", "''"),
    ],
)
def test_a_short_text_is_left_out_as_a_whole(words: str, text: str, left: str) -> None:
    assert told(words, text) == left


@pytest.mark.parametrize(
    ("words", "text", "left"),
    [
        ("no audio for 'PIN 42'", "PIN 4271", "no audio for …"),
        ('no audio for "PIN 42…" here', "PIN 4271", "no audio for … here"),
        ("no audio for 'PIN 42...'", "PIN 4271", "no audio for …"),
        ("it's wrong: 'PIN 42'", "PIN 4271", "it's wrong: …"),
        (f"no audio for {TEXT[:8]!r}", TEXT, "no audio for …"),
        (f"no audio for {'a' + chr(10) + 'bc'!r}", "a\nbcd", "no audio for …"),
        ("'PIN' is no parameter", "PIN 4271", "'PIN' is no parameter"),
        ("'PIN 9' is no parameter", "PIN 4271", "'PIN 9' is no parameter"),
    ],
)
def test_a_text_s_beginning_is_left_out_where_it_is_quoted(
    words: str, text: str, left: str
) -> None:
    assert told(words, text) == left


def test_a_text_that_begins_as_another_does_leaves_nothing_of_it() -> None:
    assert told("no audio for Hello there", "Hello", "Hello there") == "no audio for …"


def test_all_clauses_are_looked_for() -> None:
    assert told(
        "'the first clause' and 'the second one'", "the first clause", "the second one"
    ) == ("'…' and …")


def test_the_rest_of_the_error_stays() -> None:
    before = error(f"no audio for {TEXT!r}")
    before.__cause__ = OSError("inner")
    after = without_text(before, [TEXT])
    assert isinstance(after, EngineError)
    assert (after.kind, after.retryable, after.scope) == (
        EngineFault.EMPTY,
        True,
        FaultScope.CONNECTION,
    )
    assert after.__cause__ is before.__cause__
    same = error("cannot be reached")
    assert without_text(same, [TEXT]) is same
    unreadable = TextError(TEXT)
    assert without_text(unreadable, [TEXT]) is unreadable
    assert without_text(None, [TEXT]) is None


@given(st.text(min_size=16, max_size=60), st.text(max_size=30), st.text(max_size=30))
def test_no_whole_text_of_a_text_are_left(text: str, before: str, after: str) -> None:
    left = told(f"{before}{text}{after}", text)
    assert text not in left
