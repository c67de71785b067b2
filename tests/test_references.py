from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.errors import ConfigError
from trioaudio.references import LARGEST_BYTES, References, has_reference

HUSH = "hush-hush-42"


@pytest.fixture
def references(tmp_path: Path) -> References:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "key").write_text(f"{HUSH}\n")
    (folder / "two-lines").write_text("one\ntwo\r\n")
    (folder / "empty").write_text("\n")
    return References({"CREDENTIALS_DIRECTORY": str(folder)})


def wrong(references: References, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        references.expand_text(text)
    assert HUSH not in str(caught.value)
    assert caught.value.__cause__ is None
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${cred:key}", HUSH),
        ("Bearer ${cred:key}!", f"Bearer {HUSH}!"),
        ("${cred:key}${cred:key}", HUSH * 2),
        ("${cred:two-lines}", "one\ntwo"),
        ("$${cred:key}", "${cred:key}"),
        ("$${", "${"),
        ("$ $$ $} {} $x", "$ $$ $} {} $x"),
        ("$$${cred:key}", "$${cred:key}"),
        ("", ""),
    ],
)
def test_text_with_references(references: References, text: str, expanded: str) -> None:
    assert references.expand_text(text) == expanded


def test_a_file_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "a key"
    path.write_text(HUSH)
    assert References({}).expand_text(f"${{file:{path}}}") == HUSH
    path.write_text("another")
    assert References({}).expand_text(f"${{file:{path}}}") == "another", "nothing is kept"


def test_lists_and_other_kinds(references: References) -> None:
    assert references.expand(["a", "${cred:key}", 1]) == ["a", HUSH, 1]
    assert references.expand(7) == 7
    assert references.expand("${cred:key}") == HUSH


def test_what_is_found_is_not_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "tricky"
    path.write_text("${cred:key} \\1 $${")
    assert References({}).expand_text(f"${{file:{path}}}") == "${cred:key} \\1 $${"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("${env:HOME}", "${env:…} is no place"),
        ("${HOME}", "${HOME:…} is no place a value can come from; write ${cred:NAME}"),
        (f"a ${{{HUSH}}}", "a ${…} in it is no place"),
        ("${cred:key", "not closed"),
        ("${cred:}", "takes the name of a credential"),
        ("${cred:../key}", "holds no slash"),
        ("${cred:..}", "takes the name"),
        ("${file:relative}", "begins with a slash"),
        ("${file:}", "begins with a slash"),
        ("${file:/a\0b}", "a character no path has"),
        ("${cred:missing}", "${cred:missing}: "),
        ("${cred:missing}", "missing: No such file or directory; make it a file this user may"),
        ("${cred:empty}", "empty is empty; put the value into it"),
        ("${file:/dev/zero}", "no regular file"),
    ],
)
def test_what_is_wrong_is_told(references: References, text: str, words: str) -> None:
    assert words in wrong(references, text)


def test_no_folder_of_credentials() -> None:
    told = wrong(References({}), "${cred:key}")
    assert "CREDENTIALS_DIRECTORY is not set" in told
    assert "LoadCredential=key:/path" in told


def test_the_longest_value(tmp_path: Path, references: References) -> None:
    path = tmp_path / "long"
    path.write_text("x" * LARGEST_BYTES)
    assert len(references.expand_text(f"${{file:{path}}}")) == LARGEST_BYTES
    path.write_text(HUSH + "x" * LARGEST_BYTES)
    assert f"larger than {LARGEST_BYTES} bytes" in wrong(references, f"${{file:{path}}}")
    path.write_bytes(HUSH.encode() + b"\xff")
    assert "not UTF-8" in wrong(references, f"${{file:{path}}}")


def test_a_pipe_is_not_waited_for(tmp_path: Path, references: References) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "no regular file" in wrong(references, f"${{file:{tmp_path}/pipe}}")


@pytest.mark.parametrize(
    ("value", "has"),
    [
        ("${cred:x}", True),
        (["a", "${file:/x}"], True),
        ("$${cred:x}", False),
        ("$x", False),
        (["a"], False),
        (None, False),
        (3, False),
    ],
)
def test_whether_a_value_is_elsewhere(value: object, has: bool) -> None:
    assert has_reference(value) is has


@given(st.text())
def test_escaped_text_is_what_it_was(text: str) -> None:
    assert References({}).expand_text(text.replace("${", "$${")) == text
