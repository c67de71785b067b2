"""How one value is read: found by typed-settings, converted, checked, complained about."""

from __future__ import annotations

import enum
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

import attrs
from typed_settings.converters import TSConverter
from typed_settings.types import LoadedSettings, LoaderMeta, OptionInfo

from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import MASK, Secret
from trioaudio.core.suggest import did_you_mean
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import Settings, variable
from trioaudio.settings_values import (
    Address,
    Header,
    WrongValueError,
    parse_address,
    parse_header,
    parse_path,
)

T = TypeVar("T")

_MOST = 1_000_000_000  # limit of a number that states none; keeps it finite
_LONGEST_SHOWN = 60


@attrs.frozen
class Source:
    """One place settings come from; `values` are by field name, a carrier's by both names."""

    values: Mapping[str, object]
    file: str = ""
    is_options: bool = False

    def name_of(self, key: str) -> str:
        """Return how the operator knows a setting from here."""
        if not self.is_options:
            return variable(key)
        general = attrs.fields_dict(Settings).get(key) or attrs.fields_dict(ServeSettings).get(key)
        option = None if general is None else general.metadata.get("option")
        return str(option or f"--{key.replace('_', '-')}")

    def complaint(self, key: str, shown: str, wrong: object) -> str:
        """Return a line naming a setting and where it stands."""
        where = f" (in {self.file})" if self.file else ""
        return f"{self.name_of(key)}{shown}{where}: {wrong}"


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
        cl = _without_none(cl)
        try:
            value = self._converted(given, cl)
            _check(given, value)
        except (WrongValueError, ConfigError) as exc:
            self.problems.append(given.source.complaint(given.key, f"={_shown(given, cl)}", exc))
            raise
        return value

    def _converted(self, given: Given, cl: Any) -> Any:
        if "parse" in given.field.metadata:
            return given.field.metadata["parse"](given.raw, self._cwd)
        choices = _choices(cl)
        if choices is not None:
            return _choose(given.raw, choices)
        try:
            return self._convert.structure(given.raw, cl)
        except WrongValueError:
            raise
        except (ValueError, TypeError):
            kind = {int: "a whole number", float: "a number", bool: "yes or no"}.get(cl, "valid")
            hint = given.field.metadata.get("help", "")
            raise WrongValueError(f"not {kind}; give {hint or 'another'}") from None


def _without_none(cl: Any) -> Any:
    """Return the type of an optional setting: a value that is there is never None."""
    if get_origin(cl) not in (Union, types.UnionType):
        return cl
    others = [each for each in get_args(cl) if each is not types.NoneType]
    return others[0] if len(others) == 1 else cl


def _choices(cl: Any) -> dict[str, object] | None:
    """Return the values of an enumeration or a Literal by how they are written."""
    if get_origin(cl) is Literal:
        return {str(each).lower(): each for each in get_args(cl)}
    if isinstance(cl, type) and issubclass(cl, enum.Enum):
        return {str(each.value).lower(): each for each in cl}
    return None


def _choose(raw: object, choices: dict[str, object]) -> object:
    if isinstance(raw, enum.Enum) and raw in choices.values():
        return raw
    written = str(raw).strip().lower()
    if written not in choices:
        raise WrongValueError(f"not a choice; {did_you_mean(written, choices)}")
    return choices[written]


def _check(given: Given, value: object) -> None:
    """Refuse a value outside its field's limits.

    A carrier's field that states no limits has those of the general field of its name. An
    engine's has not: its URL and its sample rate are something else.
    """
    field = given.field
    general = attrs.fields_dict(Settings).get(field.name) if given.of_carrier else None
    rules = {**(general.metadata if general is not None else {}), **field.metadata}
    if isinstance(value, int | float) and not isinstance(value, bool):
        least, most = rules.get("least", 0), rules.get("most", _MOST)
        if not least <= value <= most:
            raise WrongValueError(f"out of range; give {least} to {most}: {rules.get('help', '')}")
    if "check" in rules:
        rules["check"](value)


def _shown(given: Given, cl: Any) -> str:
    """Return a value fit for a message: short, on one line, never a secret."""
    if cl is Secret:
        return MASK
    show = given.field.metadata.get("show")
    text = str(given.raw) if show is None else str(show(str(given.raw)))
    if text == MASK:
        return MASK
    return repr(text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}...")
