"""How one value is read: whatever TOML may say, a setting is read or refused, never a crash."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import get_type_hints

import attrs
import pytest

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.engines import engine_names, load_engine
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import Settings
from trioaudio.settings_reading import Given, Reader, plain_of_toml
from trioaudio.settings_sources import Source
from trioaudio.settings_values import Address, WrongValueError

HUSH = "hush-hush-42"
VALUES: tuple[object, ...] = (
    True,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    float("inf"),
    HUSH,
    " ",
    [],
    [1],
    [[]],
    ["a", "b"],
    [True, HUSH],
    dt.date(2026, 3, 1),
    dt.time(12, 0),
    dt.datetime(2026, 3, 1, tzinfo=dt.UTC),
    "${cred:x}",
    "${",
)
HOLDERS: dict[str, attrs.AttrsInstance] = {
    "general": Settings(),
    "daemon": ServeSettings(),
    **{name: load_carrier(name).settings for name in carrier_names()},
    **{name: load_engine(name).settings for name in engine_names()},
}


@pytest.mark.parametrize("name", HOLDERS)
def test_every_setting_reads_or_refuses_every_kind_of_value(tmp_path: Path, name: str) -> None:
    holder = HOLDERS[name]
    hints = get_type_hints(type(holder))
    problems: list[str] = []
    reader = Reader(tmp_path, problems)
    read = 0
    for field in attrs.fields(type(holder)):
        for raw in VALUES:
            source = Source({field.name: raw}, file="config.toml", is_toml=True)
            problems.clear()
            given = Given(
                source,
                field.name,
                raw,
                field,
                getattr(holder, field.name),
                isinstance(holder, CarrierSettings),
            )
            try:
                value = reader.structure(given, hints[field.name])
            except (WrongValueError, ConfigError):
                [problem] = problems
                assert problem.startswith(field.name)
                assert "\n" not in problem
                if hints[field.name] is Secret:
                    assert HUSH not in problem
            else:
                assert problems == []
                read += 1
                assert value is not None
    assert read > 0


@pytest.mark.parametrize(
    ("value", "kind", "separator", "plain"),
    [
        ("x", int, None, "x"),
        (3, int, None, 3),
        (3, float, None, 3),
        (3.0, int, None, 3.0),
        (True, bool, None, True),
        (["a", "b"], str, ",", "a,b"),
        (["a", "b"], tuple[str, ...], None, ["a", "b"]),
        ([], tuple[str, ...], None, []),
    ],
)
def test_what_toml_says_as_a_variable_would(
    value: object, kind: object, separator: str | None, plain: object
) -> None:
    assert plain_of_toml(value, kind, separator) == plain


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        (True, int, "give a whole number"),
        (True, float, "give a number"),
        (1, bool, "give true or false"),
        (3.5, int, "not a whole number"),
        (3, str, "not text; put it in quotes"),
        (3, Secret, "not text; put it in quotes"),
        (3, Address, "not text; put it in quotes"),
        ([], str, "leave out the brackets"),
        ([1], tuple[str, ...], "put each of them in quotes"),
    ],
)
def test_what_toml_says_is_not_bent(value: object, kind: object, words: str) -> None:
    with pytest.raises(WrongValueError, match=words):
        plain_of_toml(value, kind, None)
