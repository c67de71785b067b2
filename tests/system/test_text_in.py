"""Text: from the command line and from standard input, as odd as it comes."""

from __future__ import annotations

import subprocess

import pytest

from system.processes import COMMAND, Runner, read_report

pytestmark = pytest.mark.system


@pytest.mark.parametrize("text", ["", "  \n\t ", "...?!", "\u200b\u200d"])
def test_nothing_that_can_be_spoken(runner: Runner, text: str) -> None:
    done = runner.run("--text", text, "--report", "r.json")
    done.fails(3, "nothing in --text that can be spoken")
    assert runner.files() == []


@pytest.mark.parametrize("text", [b"", b"  \n", b"...?!", b"\x00\x01"])
def test_nothing_that_can_be_spoken_on_standard_input(runner: Runner, text: bytes) -> None:
    done = runner.run("--text", "-", "--report", "r.json", stdin=text)
    done.fails(3, "in the text to say")
    assert runner.report("r.json")["frames"] == 0


def test_a_script_the_voice_cannot_read(runner: Runner) -> None:
    runner.run("--text", "नमस्ते").fails(3, "Devanagari", "--language hi")


def test_a_script_the_voice_cannot_read_after_a_number(runner: Runner) -> None:
    call = runner.start("--text", "-", "--no-out")
    call.until_err("carrier connected")
    call.write("12 ")
    call.write("नमस्ते ")
    call.close_stdin()
    call.wait().fails(3, "Devanagari")


def test_a_text_over_the_limit(runner: Runner) -> None:
    env = {"TRIOAUDIO_TEXT_LIMIT": "50"}
    done = runner.run("--text", "word " * 11, env=env)
    done.fails(3, "longer than 50 characters", "TRIOAUDIO_TEXT_LIMIT")
    assert runner.files() == []


def test_a_megabyte_on_standard_input(runner: Runner) -> None:
    done = runner.run("--text", "-", "--no-out", stdin=b"word " * 200_000)
    done.fails(3, "longer than 100000 characters")
    assert done.seconds < 10


def test_control_characters_are_left_out_and_told_of_once(runner: Runner) -> None:
    done = runner.run("--text", "be\x07ll and \x1b[31mred\x85", "--no-out")
    assert done.code == 0
    assert done.err.count("3 control characters in the text were left out") == 1
    assert "\x1b" not in done.out + done.err


def test_bytes_that_are_no_text(runner: Runner) -> None:
    done = runner.run("--text", "-", "--no-out", "--report", "-", stdin=b"one \xff\xfe\xc3 two")
    assert done.code == 0
    assert read_report(done.out)["cause"] == "normal"


def test_bytes_that_are_no_text_as_an_argument(runner: Runner) -> None:
    done = runner.run("--text", b"one \xff two".decode(errors="surrogateescape"), "--no-out")
    assert done.code == 0
    assert "1 control character" in done.err


def test_standard_input_from_a_file(runner: Runner) -> None:
    path = runner.folder / "text"
    path.write_text("Hello from a file.\n")
    with path.open("rb") as file:
        call = runner.start("--text", "-", "--no-out", "--report", "-", stdin=file.fileno())
        done = call.wait()
    assert done.code == 0
    assert read_report(done.out)["text_characters"] == 19


def test_standard_input_that_is_closed(runner: Runner) -> None:
    shell = ("/bin/sh", "-c", 'exec "$@" <&-', "sh")
    done = runner.run("--text", "-", "--no-out", command=(*shell, *COMMAND))
    done.fails(3, "standard input cannot be read")


def test_line_by_line_the_first_frame_leaves_before_the_text_ends(runner: Runner) -> None:
    call = runner.start("--text", "-", "--no-out", "--report", "-")
    call.until_err("carrier connected")
    call.write("First line.\n")
    call.until_err("first frame sent")
    assert "all frames sent" not in call.err
    call.write("Second line.\n")
    call.close_stdin()
    done = call.wait()
    assert done.code == 0
    report = read_report(done.out)
    assert report["text_characters"] == 25
    assert report["frames"] == report["carrier"]["frames"]


def test_token_by_token_the_first_sentence_is_not_kept_waiting(runner: Runner) -> None:
    call = runner.start("--text", "-", "--no-out", "--report", "-")
    call.until_err("carrier connected")
    # Cut within words, and within a character's bytes.
    for token in ("Hel", "lo", " th", "ere", ". ", "An"):
        call.write(token)
    call.until_err("first frame sent")
    assert call.process.stdin is not None
    for piece in (b"d caf", b"\xc3", b"\xa9."):
        call.process.stdin.write(piece)
        call.process.stdin.flush()
    call.close_stdin()
    done = call.wait()
    assert done.code == 0
    assert read_report(done.out)["text_characters"] == len("Hello there. And café.")


def test_an_author_who_goes_on_after_the_call_has_ended(runner: Runner) -> None:
    call = runner.start("--text", "-", "--listen", "127.0.0.1:0", "--no-out")
    carrier = runner.carrier("--dial", call.url(), "--fault", "close-after=3")
    call.write("This is a sentence. ")
    call.until_err("connection closed")
    done = call.wait(10)
    done_carrier = carrier.wait()
    assert done_carrier.code == 0
    done.fails(5, "before all was said")


def test_standard_input_is_not_read_by_the_children(runner: Runner) -> None:
    call = runner.start("--text", "-", "--no-out", stdin=subprocess.DEVNULL)
    call.wait().fails(3, "nothing in the text")
