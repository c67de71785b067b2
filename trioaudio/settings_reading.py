"""How one value is read: found by typed-settings, converted, checked, complained about."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
from typed_settings.converters import TSConverter
from typed_settings.types import LoadedSettings, LoaderMeta, OptionInfo

from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import MASK, Secret
from trioaudio.core.suggest import did_you_mean
from trioaudio.references import has_reference
from trioaudio.settings import Settings
from trioaudio.settings_sources import Source
from trioaudio.settings_values import (
    Address,
    Header,
    WrongValueError,
    parse_address,
    parse_header,
    parse_path,
)

T = TypeVar("T")

MOST = 1_000_000_000
"""Limit of a number that states none; keeps it finite."""

_LONGEST_SHOWN = 60


@attrs.frozen
class Given:
    """A value as a source has it, with all that is needed to read it or to complain."""

    source: Source
    key: str
    raw: object
    field: attrs.Attribute[Any]
    default: object
    of_carrier: bool


@attrs.frozen
class SourceLoader:
    """Gives typed-settings the values of one source for the class of `defaults`.

    `prefix` is what stands before the field names in the source: nothing, or `telecmi_`.
    """

    source: Source
    prefix: str
    defaults: attrs.AttrsInstance
    cwd: Path

    def __call__(self, settings_cls: type, options: tuple[OptionInfo, ...]) -> LoadedSettings:
        """Return the values this source has."""
        fields = attrs.fields_dict(settings_cls)
        of_carrier = issubclass(settings_cls, CarrierSettings)
        found: dict[str, Any] = {}
        for name in (option.name for option in options):
            key = self.prefix + name
            if key in self.source.values:
                default = getattr(self.defaults, name)
                raw = self.source.values[key]
                found[name] = Given(self.source, key, raw, fields[name], default, of_carrier)
        return LoadedSettings(found, LoaderMeta(self.source.file, self.cwd))


@attrs.frozen
class DefaultsLoader:
    """Gives typed-settings an instance's own values, which may differ from its class's."""

    defaults: attrs.AttrsInstance
    cwd: Path

    def __call__(self, settings_cls: type, options: tuple[OptionInfo, ...]) -> LoadedSettings:
        """Return every value."""
        del settings_cls
        values: dict[str, Any] = {each.name: getattr(self.defaults, each.name) for each in options}
        return LoadedSettings(values, LoaderMeta("default", self.cwd))


class Reader:
    """The converter typed-settings is given: keeps a line about each value it cannot take.

    An empty value means the default, whatever weaker sources say.
    """

    def __init__(self, cwd: Path, problems: list[str]) -> None:
        self.problems = problems
        self._cwd = cwd
        self._convert = TSConverter(strlist_sep="|")
        self._convert.scalar_converters |= {
            Path: lambda raw, _cls: parse_path(raw, cwd),
            Secret: lambda raw, _cls: raw if isinstance(raw, Secret) else Secret(str(raw)),
            Address: lambda raw, _cls: raw if isinstance(raw, Address) else parse_address(str(raw)),
            Header: lambda raw, _cls: raw if isinstance(raw, Header) else parse_header(str(raw)),
        }

    def structure(self, obj: Any, cl: type[T]) -> T:
        """Return one value converted, or the finished settings; defaults pass as they are."""
        result: Any = obj
        if isinstance(obj, Given):
            result = self._read(obj, cl)
        elif isinstance(obj, dict) and attrs.has(cl):
            result = cl(**obj)
        return cast("T", result)

    def get_structure_hook(self, cl: type[T]) -> Callable[[Any, type[T]], T]:
        """Return a conversion; typed-settings asks for that of paths, and does without."""
        return self._convert.get_structure_hook(cl)

    def _read(self, given: Given, cl: Any) -> Any:
        if given.raw == "":
            return given.default
        cl = without_none(cl)
        try:
            found = given.source.expanded(given.key)
        except ConfigError as exc:
            self._complain(given, cl, exc)
            raise
        try:
            value = self._converted(given, _plain(given, found, cl), cl)
            _check(given, value)
        except (WrongValueError, ConfigError) as exc:
            hint = given.field.metadata.get("help", "another")
            # What is wrong with it may be told with a part of it.
            elsewhere = f"what stands there is not right; give {hint}"
            self._complain(given, cl, elsewhere if has_reference(given.raw) else exc)
            raise
        return value

    def _complain(self, given: Given, cl: Any, wrong: object) -> None:
        self.problems.append(given.source.complaint(given.key, f"={_shown(given, cl)}", wrong))

    def _converted(self, given: Given, plain: object, cl: Any) -> Any:
        if "parse" in given.field.metadata:
            return given.field.metadata["parse"](plain, self._cwd)
        known = choices(cl)
        if known is not None:
            return _choose(plain, known)
        try:
            return self._convert.structure(plain, cl)
        except WrongValueError:
            raise
        except (ValueError, TypeError):
            kind = {int: "a whole number", float: "a number", bool: "yes or no"}.get(cl, "valid")
            hint = given.field.metadata.get("help", "")
            raise WrongValueError(f"not {kind}; give {hint or 'another'}") from None


def without_none(cl: Any) -> Any:
    """Return the type of an optional setting: a value that is there is never None."""
    if get_origin(cl) not in (Union, types.UnionType):
        return cl
    others = [each for each in get_args(cl) if each is not types.NoneType]
    return others[0] if len(others) == 1 else cl


def choices(cl: Any) -> dict[str, object] | None:
    """Return the values of an enumeration or a Literal by how they are written."""
    if get_origin(cl) is Literal:
        return {str(each).lower(): each for each in get_args(cl)}
    if isinstance(cl, type) and issubclass(cl, enum.Enum):
        return {str(each.value).lower(): each for each in cl}
    return None


def _choose(raw: object, known: dict[str, object]) -> object:
    if isinstance(raw, enum.Enum) and raw in known.values():
        return raw
    written = str(raw).strip().lower()
    if written not in known:
        raise WrongValueError(f"not a choice; {did_you_mean(written, known)}")
    return known[written]


def _plain(given: Given, found: object, cl: Any) -> object:
    """Return a value as the environment would have it."""
    if not given.source.is_toml:
        return found
    return plain_of_toml(found, cl, given.field.metadata.get("separator"))


def plain_of_toml(value: object, cl: Any, separator: str | None) -> object:
    """Return a value of TOML as text or what the type takes; WrongValueError for another kind.

    TOML says what kind a value is, so nothing is guessed: a telephone number without quotes would
    lose its plus, and 2026-03-01 is a date there.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return _plain_list(value, cl, separator)
    if cl is bool and isinstance(value, bool):
        return value
    if cl in (int, float) and isinstance(value, int | float) and not isinstance(value, bool):
        if cl is int and isinstance(value, float) and not value.is_integer():
            raise WrongValueError("not a whole number; leave out what follows its point")
        return value
    wanted = {int: "a whole number", float: "a number", bool: "true or false"}.get(cl)
    if wanted is None:
        raise WrongValueError("not text; put it in quotes")
    raise WrongValueError(f"of the wrong kind; give {wanted}")


def _plain_list(value: list[object], cl: Any, separator: str | None) -> object:
    if not all(isinstance(each, str) for each in value):
        raise WrongValueError("not a list of texts; put each of them in quotes")
    if get_origin(cl) is tuple:
        return value
    if separator is None:
        raise WrongValueError("a list, but it takes one value; leave out the brackets")
    if not value:
        raise WrongValueError("an empty list; leave it out for what is usual")
    return separator.join(map(str, value))


def rules_of(field: attrs.Attribute[Any], *, of_carrier: bool) -> dict[str, Any]:
    """Return what a field's metadata demands.

    A carrier's field that states no limits has those of the general field of its name. An
    engine's has not: its URL and its sample rate are something else.
    """
    general = attrs.fields_dict(Settings).get(field.name) if of_carrier else None
    return {**(general.metadata if general is not None else {}), **field.metadata}


def _check(given: Given, value: object) -> None:
    """Refuse a value outside its field's limits."""
    rules = rules_of(given.field, of_carrier=given.of_carrier)
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = rules.get("least", 0), rules.get("most", MOST)
        if not least <= value <= most:
            raise WrongValueError(f"out of range; give {least} to {most}: {rules.get('help', '')}")
    if "check" not in rules:
        return
    try:
        rules["check"](value)
    except OSError as exc:  # a path that cannot be looked at
        raise WrongValueError(
            f"{exc.filename}: {exc.strerror}; let this user search every folder above it, or choose"
            " another"
        ) from None


def _shown(given: Given, cl: Any) -> str:
    """Return a value fit for a message: short, on one line, never a secret."""
    if cl is Secret:
        return MASK
    show = given.field.metadata.get("show")
    text = str(given.raw) if show is None else str(show(str(given.raw)))
    if text == MASK:
        return MASK
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")
