from __future__ import annotations

import socket
from pathlib import Path

import pytest

from trioaudio.core.secret import Secret
from trioaudio.serve_values import (
    check_event_names,
    check_folder_place,
    check_greeting,
    check_path_key,
    check_place,
    check_prefixes,
    check_records,
    check_webhook_url,
    parse_names,
    parse_parts,
    parse_place,
    parse_records,
)
from trioaudio.settings_values import Address, WrongValueError

CWD = Path("/work")


def test_places() -> None:
    assert parse_place(" [::1]:80 ", CWD) == Address("::1", 80)
    assert parse_place("/run/trioaudio/control.sock", CWD) == Path("/run/trioaudio/control.sock")
    assert parse_place(Address("h", 1), CWD) == Address("h", 1)
    assert parse_place(Path("/x"), CWD) == Path("/x")
    with pytest.raises(WrongValueError, match="give HOST:PORT"):
        parse_place("control.sock", CWD)
    with pytest.raises(WrongValueError, match="longer than the 107 bytes"):
        parse_place(f"/{'é' * 54}", CWD)


def test_where_a_socket_can_be(tmp_path: Path) -> None:
    check_place(Address("h", 1))
    check_place(tmp_path / "new.sock")
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(tmp_path / "old.sock"))
    check_place(tmp_path / "old.sock")
    (tmp_path / "file").touch()
    with pytest.raises(WrongValueError, match="there is a file"):
        check_place(tmp_path / "file")
    with pytest.raises(WrongValueError, match="a folder"):
        check_place(tmp_path)


def test_lists() -> None:
    assert parse_names(" a, b ,,c", CWD) == ("a", "b", "c")
    assert parse_names(["a", "b "], CWD) == ("a", "b")
    assert parse_names(7, CWD) == ("7",)
    assert parse_parts(" a | b,c |", CWD) == ("a", "b,c")
    assert parse_parts(("a|", " "), CWD) == ("a|",)


def test_records(tmp_path: Path) -> None:
    assert parse_records("OFF", CWD) == "off"
    assert parse_records("calls.jsonl", CWD) == CWD / "calls.jsonl"
    check_records("off")
    check_records(tmp_path / "new" / "calls.jsonl")
    with pytest.raises(WrongValueError, match="a folder"):
        check_records(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(WrongValueError, match=r"file is no folder"):
        check_records(tmp_path / "file" / "calls.jsonl")


def test_folders_that_are_there_or_can_be_made(tmp_path: Path) -> None:
    check_folder_place(tmp_path)
    check_folder_place(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    with pytest.raises(WrongValueError, match="no folder; choose another"):
        check_folder_place(tmp_path / "file")
    with pytest.raises(WrongValueError, match="no folder; choose another"):
        check_folder_place(tmp_path / "file" / "b")


def test_events() -> None:
    check_event_names(("call.started", "dtmf", "utterance.completed"))
    with pytest.raises(WrongValueError, match=r"no event is called 'call.start'; did you mean"):
        check_event_names(("dtmf", "call.start"))


@pytest.mark.parametrize(
    "prefix",
    [
        "https://media.example.com",
        "https://media.example.com:8443/prompts/",
        "wss://[::1]:80/media",
        "http://10.0.0.1/~x",
    ],
)
def test_prefixes(prefix: str) -> None:
    check_prefixes((prefix,))


@pytest.mark.parametrize(
    ("prefix", "said"),
    [
        ("ftp://h/", "begin it with http:// or https:// or ws:// or wss://"),
        ("h/", "begin it with"),
        ("https:///x", "no host"),
        ("https://h:0/x", "no host, or a port"),
        ("https://[x/", "not a URL"),
        ("https://h:99999/", "not a URL"),
        ("https://u:p@h/", "a user or a password"),
        ("https://h/a b", "percent-encode it"),
        ("https://h/a\\b", "percent-encode it"),
        ("https://h/?x", "a query or a fragment"),
        ("https://h/#x", "a query or a fragment"),
        ("https://h/a/../b", "has . or .."),
    ],
)
def test_prefixes_that_would_allow_what_nobody_meant(prefix: str, said: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        check_prefixes(("https://good.example.com/", prefix))
    assert said in str(caught.value)


def test_webhook_urls() -> None:
    check_webhook_url("https://app.example.com/events?token=1")
    check_webhook_url("http://127.0.0.1:9000")
    for wrong, said in (
        ("wss://h/", "begin it with http:// or https://"),
        ("https://h/#x", "has a fragment"),
        ("https://u@h/", "a user"),
    ):
        with pytest.raises(WrongValueError) as caught:
            check_webhook_url(wrong)
        assert said in str(caught.value)


def test_greetings() -> None:
    check_greeting("Hello.")
    check_greeting("@hello.wav")
    for wrong, said in (("@", "no file is named"), ("...", "nothing that can be spoken")):
        with pytest.raises(WrongValueError) as caught:
            check_greeting(wrong)
        assert said in str(caught.value)


def test_keys_in_a_path() -> None:
    check_path_key(Secret("abcdefgh-ABCDEFG_0"))
    with pytest.raises(WrongValueError, match="could be guessed"):
        check_path_key(Secret("short"))
    with pytest.raises(WrongValueError, match="more than letters"):
        check_path_key(Secret("abcdefgh/abcdefgh"))
