from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
import trio
import trio.testing

from fakes import ScriptedSpeaker
from trioaudio import text_source
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import TextError
from trioaudio.core.speech import SpeechSink
from trioaudio.text_source import TextSource


async def silent(sink: SpeechSink) -> None:
    await trio.lowlevel.checkpoint()


class Latin(ScriptedSpeaker):
    """Reads no letter beyond ASCII."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        del choice
        letters = [each for each in text if each.isalpha()]
        if letters and not any(each.isascii() for each in letters):
            raise TextError("no Latin letter")


@pytest.fixture
def warnings() -> list[str]:
    return []


@pytest.fixture
def new(warnings: list[str]) -> Callable[[int], TextSource]:
    return lambda limit: TextSource(limit, Latin(silent), VoiceChoice(), warnings.append)


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Put a pipe in the place of standard input; yields its other end."""
    source, into = os.pipe()
    monkeypatch.setattr(text_source, "STDIN", source)
    yield into
    os.close(source)


async def pieces(source: TextSource) -> list[str]:
    return [piece async for piece in source]


async def test_a_text_that_is_all_there(
    new: Callable[[int], TextSource], warnings: list[str]
) -> None:
    source = new(0)
    assert [piece async for piece in source.whole("Hello there.")] == ["Hello there."]
    assert (source.text, source.characters, warnings) == ("Hello there.", 12, [])


def test_control_characters_are_told_of_once(
    new: Callable[[int], TextSource], warnings: list[str]
) -> None:
    source = new(0)
    assert source.whole("a\x07b\x00c").text == "a b c"
    assert warnings == ["2 control characters in the text were left out"]


@pytest.mark.parametrize(("text", "kind"), [("", "nothing"), ("..", "no letter")])
def test_nothing_to_say(new: Callable[[int], TextSource], text: str, kind: str) -> None:
    source = new(0)
    with pytest.raises(TextError, match=kind):
        source.whole(text)


def test_the_limit_is_exact(new: Callable[[int], TextSource]) -> None:
    source = new(5)
    assert source.accept("four ") == "four "
    with pytest.raises(TextError, match="longer than 5 characters"):
        source.accept("x")
    assert new(0).accept("x" * 10**6)


def test_the_script_is_looked_at_once_there_are_letters(new: Callable[[int], TextSource]) -> None:
    source = new(0)
    source.accept("12 ")
    with pytest.raises(TextError, match="no Latin letter"):
        source.accept("नमस्ते")


def test_once_it_can_be_read_other_scripts_may_follow(new: Callable[[int], TextSource]) -> None:
    source = new(0)
    source.accept("Hello ")
    assert source.accept("नमस्ते") == "नमस्ते"


async def test_standard_input_cut_within_characters(
    new: Callable[[int], TextSource], stdin: int
) -> None:
    source = new(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.read_stdin)
        for part in (b"caf\xc3", b"\xa9 \xff.", b"\xe0\xa4"):
            os.write(stdin, part)
            await trio.testing.wait_all_tasks_blocked(0.02)
        os.close(stdin)
        got = await pieces(source)
    assert "".join(got) == "café \ufffd.\ufffd"


async def test_too_much_on_standard_input_is_found_while_reading(
    new: Callable[[int], TextSource], stdin: int
) -> None:
    source = new(10)
    os.write(stdin, b"more than ten characters")
    os.close(stdin)
    with pytest.raises(TextError, match="longer than 10"):
        await source.read_stdin()


async def test_standard_input_that_cannot_be_read(
    new: Callable[[int], TextSource], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_source, "STDIN", 99999)
    with pytest.raises(TextError, match="standard input cannot be read: Bad file descriptor"):
        await new(0).read_stdin()


async def test_a_writer_waits_while_nothing_is_asked_for(
    new: Callable[[int], TextSource], stdin: int
) -> None:
    source = new(0)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(source.read_stdin)
        for _ in range(text_source.PIECES_AHEAD + 5):
            os.write(stdin, b"x")
            await trio.testing.wait_all_tasks_blocked(0.01)
        held = source._pieces_out.statistics()
        assert held.current_buffer_used <= text_source.PIECES_AHEAD
        os.close(stdin)
        assert "".join(await pieces(source)) == "x" * (text_source.PIECES_AHEAD + 5)
