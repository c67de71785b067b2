from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from trioaudio.control.token_verb import manage_tokens
from trioaudio.control.tokens import (
    Holder,
    TokenBook,
    add_token,
    ensure_first_token,
    list_tokens,
    remove_token,
)
from trioaudio.core.errors import ConfigError
from trioaudio.state_folder import state_folder


def test_a_token_is_shown_once_and_kept_as_a_digest(tmp_path: Path) -> None:
    file = tmp_path / "state" / "tokens.json"
    token = add_token(file, "app", "operator")
    assert token.startswith("ta_")
    assert len(token) > 40
    assert token not in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert [(each.name, each.role) for each in list_tokens(file)] == [("app", "operator")]
    assert list(file.parent.iterdir()) == [file]


def test_names_are_unique_and_simple(tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    add_token(file, "app", "operator")
    for name in ("app", "", "a b", "x" * 65):
        with pytest.raises(ConfigError):
            add_token(file, name, "admin")
    with pytest.raises(ConfigError, match="no token named"):
        remove_token(file, "other")
    remove_token(file, "app")
    assert list_tokens(file) == []


@pytest.mark.parametrize(
    "content", [b"{", b"[]", b'{"tokens": [{"name": "x"}]}', b"\xff", b'{"tokens": 1}']
)
def test_a_damaged_file_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "tokens.json"
    file.write_bytes(content)
    with pytest.raises(ConfigError, match="damaged"):
        list_tokens(file)


def test_the_first_start_makes_an_admin(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "state"
    plain = ensure_first_token(folder)
    token = plain.read_text().strip()
    assert plain.stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700
    assert [each.role for each in list_tokens(folder / "tokens.json")] == ["admin"]
    assert ensure_first_token(folder) == plain
    assert plain.read_text().strip() == token
    (folder / "tokens.json").unlink()
    ensure_first_token(folder)
    assert plain.read_text().strip() == token
    assert len(list_tokens(folder / "tokens.json")) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot keep tokens"):
        ensure_first_token(tmp_path / "file" / "state")


async def test_a_book_checks_and_notices_changes(tmp_path: Path, autojump_clock: object) -> None:
    file = tmp_path / "tokens.json"
    told: list[ConfigError] = []
    book = TokenBook(file, told.append)
    assert book.check("ta_x") is None
    token = add_token(file, "app", "operator")
    assert book.check(token) is None  # it looks once a second
    await trio.sleep(1)
    holder = book.check(token)
    assert holder == Holder("app", "operator")
    assert book.knows(holder)
    file.write_text("{")
    await trio.sleep(1)
    assert book.check(token) == holder
    assert len(told) == 1
    file.unlink()
    await trio.sleep(1)
    assert book.check(token) is None
    assert not book.knows(holder)


def test_roles_are_nested() -> None:
    assert Holder("a", "admin").may("read-only")
    assert Holder("a", "operator").may("operator")
    assert not Holder("a", "operator").may("admin")
    assert not Holder("a", "read-only").may("operator")


def test_the_verb_makes_lists_and_revokes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"TRIOAUDIO_STATE_FOLDER": "state"}
    assert manage_tokens(["create", "app", "--role", "admin"], environ, tmp_path) == 0
    token = capsys.readouterr().out.strip()
    assert token.startswith("ta_")
    stored = json.loads((tmp_path / "state" / "tokens.json").read_text())
    assert stored["tokens"][0]["role"] == "admin"
    assert manage_tokens(["list"], environ, tmp_path) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("app\tadmin\t20")
    assert token not in listed
    assert manage_tokens(["revoke", "app"], environ, tmp_path) == 0
    assert manage_tokens(["revoke", "app"], environ, tmp_path) == 2
    assert "no token named 'app'" in capsys.readouterr().err


def test_the_verb_explains_itself(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as left:
        manage_tokens(["create", "x", "--role", "king"], {}, tmp_path)
    assert left.value.code == 2
    assert capsys.readouterr().err.startswith("trioaudio: error: ")


@pytest.mark.parametrize(
    ("environ", "folder"),
    [
        ({"TRIOAUDIO_STATE_FOLDER": "/x", "XDG_STATE_HOME": "/y"}, "/x"),
        ({"XDG_STATE_HOME": "/y", "HOME": "/h"}, "/y/trioaudio"),
        ({"XDG_STATE_HOME": "y", "HOME": "/h"}, "/h/.local/state/trioaudio"),
        ({"HOME": "/h"}, "/h/.local/state/trioaudio"),
    ],
)
def test_where_the_state_is(environ: dict[str, str], folder: str) -> None:
    assert state_folder(environ) == Path(folder)
