from __future__ import annotations

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialects._options import choice, pairs


def test_the_first_value_is_the_default() -> None:
    assert choice({}, "casing", "snake", "camel") == "snake"
    assert choice({"casing": "camel"}, "casing", "snake", "camel") == "camel"


def test_another_value_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError) as refused:
        choice({"casing": "cammel"}, "casing", "snake", "camel")
    assert str(refused.value) == "option casing=cammel: no such value; did you mean camel?"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ("a:1", {"a": "1"}),
        ("a:1,b:2", {"a": "1", "b": "2"}),
        ("a:", {"a": ""}),
        ("at:12:30,", {"at": "12:30"}),
    ],
)
def test_pairs(text: str, found: dict[str, str]) -> None:
    assert pairs({"start-parameters": text}, "start-parameters") == found


@pytest.mark.parametrize("text", ["a", ":1", "a:1,b"])
def test_what_is_no_pair_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="is not of the form NAME:VALUE"):
        pairs({"start-parameters": text}, "start-parameters")


def test_pairs_not_given_are_none() -> None:
    assert pairs({}, "start-parameters") == {}
