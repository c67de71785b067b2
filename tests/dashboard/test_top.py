"""`trioaudio top` as a person has it: a real terminal, a real daemon, calls by a carrier."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from trio_websocket import ConnectionClosed

from client.served import Served, served
from client_verbs.asking import make_call
from daemon.daemon_rig import Node, node, raw_carrier, wait_for
from dashboard.terminal_rig import OnTerminal, on_terminal
from trioaudio.control.tokens import TOKENS_FILE, add_token

pytestmark = pytest.mark.system
TEXT = "Good morning. This is one rather long sentence, which is being said for quite a while. " * 3


@contextlib.asynccontextmanager
async def speaking(made: Node) -> AsyncIterator[str]:
    """A call that speaks, and somebody who hears it."""
    async with (
        raw_carrier(f"{made.addresses.media}/media/raw") as carrier,
        trio.open_nursery() as nursery,
    ):

        async def hear() -> None:
            with contextlib.suppress(ConnectionClosed):
                while True:
                    await carrier.get_message()

        nursery.start_soon(hear)
        await wait_for(lambda: len(made.desk.roll) == 1)
        (call,) = (live.id for live in made.desk.roll)
        await made.client.call(call).say(TEXT)
        yield call
        nursery.cancel_scope.cancel()


def address(made: Node) -> tuple[str, ...]:
    token = Path(made.environ["TRIOAUDIO_STATE_FOLDER"]) / "control.token"
    return ("--control", made.addresses.control, "--token-file", str(token))


def address_of(far: Served, token: str = "") -> tuple[str, ...]:
    path = far.folder / "a-token"
    path.write_text(token or far.token)
    return ("--control", far.url, "--token-file", str(path))


def bold_text(terminal: OnTerminal) -> str:
    """What stands out in the last column."""
    head = next(number for number, line in enumerate(terminal.screen.display) if " CALL " in line)
    begin = terminal.screen.display[head].index("TEXT")
    cells = terminal.screen.buffer[head + 1]
    return "".join(
        cells[column].data
        for column in range(begin, terminal.screen.columns)
        if cells[column].bold and cells[column].fg == "green"
    )


async def test_a_call_is_watched_interrupted_and_hung_up(tmp_path: Path) -> None:
    async with (
        node(tmp_path, carriers="raw") as made,
        speaking(made) as call,
        on_terminal(tmp_path, *address(made), size=(150, 30)) as terminal,
    ):
        await terminal.shows("● speaking")
        shown = await terminal.shows("Good morning.")
        assert call.removeprefix("c_")[:8] in shown
        assert "espeak" in shown
        heard: set[str] = set()
        with trio.fail_after(20):  # the part that was heard moves on
            while len(heard) < 3:
                await terminal.read_some(0.3)
                heard.add(bold_text(terminal).rstrip())
        assert all(each in TEXT for each in heard)
        terminal.press("\r")
        await terminal.shows("characters heard")
        terminal.press("i")
        await terminal.shows("interrupted, 1 utterance dropped")
        await made.event("utterance.completed", cause="barge-in")
        terminal.press("\x1b")
        await terminal.shows("latest events")
        await terminal.shows("barge-in, heard")
        terminal.press("sOne more.\r")
        await terminal.shows("utterance 2 accepted")
        await made.event("utterance.completed", utterance=2, cause="normal")
        terminal.press("hn")
        await terminal.shows("not hung up")
        terminal.press("hy")
        await terminal.shows("no calls")
        await terminal.shows("call.ended")
        terminal.press("q")
        assert await terminal.ends() == 0
        terminal.assert_left_as_it_was()


async def test_resizing_paints_everything_anew(tmp_path: Path) -> None:
    with served() as far:
        for number in range(40):
            far.do(lambda number=number: make_call(far.desk, f"call-{number}"))  # type: ignore[misc]
        async with on_terminal(tmp_path, *address_of(far), size=(80, 24)) as terminal:
            await terminal.shows("calls 40")
            for columns, lines in ((200, 50), (40, 10), (100, 30)):
                terminal.child.setwinsize(lines, columns)
                terminal.screen.resize(lines, columns)
                terminal.screen.reset()
                bottom = "y" if columns > 40 else "? help"
                await terminal.shows(
                    lambda text, bottom=bottom, lines=lines: (  # type: ignore[misc]
                        len(text.splitlines()) == lines
                        and bottom in text.splitlines()[-1]
                        and sum("call-" in each for each in text.splitlines()) > lines - 15
                    )
                )
            terminal.press("q")
            assert await terminal.ends() == 0


async def test_a_daemon_that_stops_and_one_that_refuses(tmp_path: Path) -> None:
    with served() as far:
        far.do(lambda: make_call(far.desk))
        async with on_terminal(tmp_path, *address_of(far)) as terminal:
            await terminal.shows("call-1")
            far.stop()
            await terminal.shows("no answer since")
            assert "call-1" in terminal.text
            terminal.press("i")
            await terminal.shows("no daemon answers")
            terminal.press("q")
            assert await terminal.ends() == 0
    with served() as far:
        async with on_terminal(tmp_path, *address_of(far, "ta_wrong")) as terminal:
            assert await terminal.ends() == 2
            assert f"{far.url}: this token is not known here" in terminal.text
            terminal.assert_left_as_it_was()


async def test_a_token_that_may_only_look(tmp_path: Path) -> None:
    with served() as far:
        far.do(lambda: make_call(far.desk))
        token = add_token(far.folder / TOKENS_FILE, "looks", "read-only")
        async with on_terminal(tmp_path, *address_of(far, token)) as terminal:
            await terminal.shows("call-1")
            terminal.press("hy")
            await terminal.shows("this token may only look, not hang-up; an operator's may")
            terminal.press("sHello.\r")
            await terminal.shows("this token may only look, not say; an operator's may")
        assert far.desk.known["call-1"].commands == []


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, 131)]
)
async def test_signals_leave_the_terminal_as_it_was(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with served() as far:
        async with on_terminal(tmp_path, *address_of(far)) as terminal:
            before = terminal.before
            await terminal.shows("no calls")
            assert terminal.modes() != before
            if number == signal.SIGQUIT:
                terminal.press("\x1c")  # Ctrl-\, which anybody may press
            else:
                terminal.signal(number)
            assert await terminal.ends() == code
            terminal.assert_left_as_it_was()


async def test_stopped_by_ctrl_z_and_continued(tmp_path: Path) -> None:
    with served() as far:
        async with on_terminal(tmp_path, *address_of(far)) as terminal:
            await terminal.shows("no calls")
            terminal.press("\x1a")
            with trio.fail_after(10):
                while terminal.process_state() != "T":
                    await terminal.read_some(0.1)
            await terminal.read_some(0.2)
            terminal.assert_left_as_it_was()
            assert terminal.modes() == terminal.before
            terminal.screen.reset()
            terminal.signal(signal.SIGCONT)
            await terminal.shows("no calls")
            terminal.press("q")
            assert await terminal.ends() == 0
            terminal.assert_left_as_it_was()


async def test_a_terminal_that_was_stopped_is_left_as_it_was_too(tmp_path: Path) -> None:
    with served() as far:
        async with on_terminal(tmp_path, *address_of(far)) as terminal:
            await terminal.shows("no calls")
            terminal.press("\x13")
            await trio.sleep(1.0)  # its clock would move on
            terminal.signal(signal.SIGTERM)
            assert await terminal.ends() == 143
            terminal.assert_left_as_it_was()


async def test_keys_move_sort_filter_help_and_pause(tmp_path: Path) -> None:
    with served() as far:
        for number in range(30):
            far.do(lambda number=number: make_call(far.desk, f"call-{number}"))  # type: ignore[misc]
        async with on_terminal(tmp_path, *address_of(far), size=(100, 20)) as terminal:
            await terminal.shows("calls 30")
            terminal.press("\x1b[F")
            await terminal.shows("call-29")
            terminal.press("/call-17")
            await terminal.shows("calls 1 of 30")
            terminal.press("\r")
            await terminal.shows("with 'call-17'")
            terminal.press("\x1b")
            await terminal.shows("calls 30")
            terminal.press("N")
            await terminal.shows("by number")
            terminal.press("?")
            await terminal.shows("interrupt what is being said on it")
            terminal.press(" p")
            await terminal.shows("PAUSED")
            far.do(lambda: make_call(far.desk, "late"))
            await terminal.read_some(0.5)
            assert "calls 30" in terminal.text
            terminal.press("p")
            await terminal.shows("calls 31")


async def test_without_colours(tmp_path: Path) -> None:
    with served() as far:
        far.do(lambda: make_call(far.desk))
        async with on_terminal(tmp_path, *address_of(far), NO_COLOR="1") as terminal:
            await terminal.shows("call-1")
            colours = {
                cell.fg for line in terminal.screen.buffer.values() for cell in line.values()
            }
            assert colours == {"default"}
            assert any(
                cell.reverse for line in terminal.screen.buffer.values() for cell in line.values()
            )
            terminal.press("\x03")
            assert await terminal.ends() == 130
            terminal.assert_left_as_it_was()


async def test_a_terminal_that_cannot_move_its_cursor_gets_lines(tmp_path: Path) -> None:
    with served() as far:
        far.do(lambda: make_call(far.desk))
        async with on_terminal(tmp_path, *address_of(far), TERM="dumb") as terminal:
            await terminal.shows(lambda text: text.count("● quiet") > 1)
            assert b"\x1b" not in terminal.raw
            terminal.signal(signal.SIGINT)
            assert await terminal.ends() == 130
