"""Where settings come from: options before environment before `.env` before defaults.

typed-settings finds the fields, merges the sources and converts. Its messages repeat every value,
so the messages are made here, and all of them at once. A carrier's `frames_per_message` is the
variable `TRIOAUDIO_<CARRIER>_FRAMES_PER_MESSAGE`; no carrier is known here by name.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeVar

import attrs
import typed_settings
from typed_settings.exceptions import InvalidSettingsError
from typed_settings.loaders import Loader

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Carrier, CarrierSettings
from trioaudio.core.engine import ChosenEngine, EngineKind
from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean
from trioaudio.engines import engine_names, load_engine
from trioaudio.env_file import read_env_file
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import PREFIX, Settings, conflicts, variable
from trioaudio.settings_reading import DefaultsLoader, Reader, Source, SourceLoader

ENV_FILE: Final = "TRIOAUDIO_ENV_FILE"
EMBEDDED: Final = "espeak"
NO_OVERRIDES: Final[Mapping[str, object]] = MappingProxyType({})

S = TypeVar("S", bound=attrs.AttrsInstance)


@attrs.frozen
class Loaded:
    """All settings of a run, the chosen carrier, and what the operator should be told."""

    settings: Settings
    carrier: Carrier
    carrier_settings: CarrierSettings
    warnings: tuple[str, ...]


def load_settings(
    environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, object] = NO_OVERRIDES
) -> Loaded:
    """Return all settings, or raise ConfigError with every problem there is.

    `overrides` are the command line's, by field name (`sample_rate`) or carrier and field name
    (`telecmi_ending`); None means not given. Relative paths are taken from `cwd`. Nothing is
    written to the process environment.
    """
    problems: list[str] = []
    sources = find_sources(environ, cwd, overrides, problems)
    reader = Reader(cwd, problems)
    settings = read_class(Settings(), "", sources, reader, cwd)
    check_engine_names(sources, problems)
    carrier = _chosen_carrier(sources, problems)
    own = None
    if carrier is not None:
        own = read_class(carrier.settings, f"{carrier.name}_", sources, reader, cwd)
    warnings = find_unknown(sources, problems)
    if settings is not None and carrier is not None and find_given(sources, "sample_rate") is None:
        settings = attrs.evolve(settings, sample_rate=usual_rate(settings, carrier))
    if settings is not None:
        problems += conflicts(settings)
        if carrier is not None and own is not None:
            problems += wrong_format(carrier, own, settings.sample_rate)
    if problems or settings is None or carrier is None or own is None:
        raise ConfigError(*problems)
    if settings.lead_ms is not None:
        own = attrs.evolve(own, lead_ms=settings.lead_ms)
    return Loaded(settings, carrier, own, tuple(warnings))


def usual_rate(settings: Settings, carrier: Carrier) -> int:
    """Return the sample rate nobody has chosen: the default, unless the carrier has another."""
    rates = carrier.sample_rates
    return settings.sample_rate if settings.sample_rate in rates else rates[0]


def wrong_format(carrier: Carrier, own: CarrierSettings, sample_rate: int) -> list[str]:
    """Return why the carrier takes no audio with these settings, if it does not."""
    try:
        carrier.media_format(own, sample_rate)
    except ConfigError as exc:
        # The problem begins with the field's name, of which only this file knows the variable.
        prefix = "" if str(exc).startswith("sample_rate") else f"{carrier.name}_"
        key, equals, rest = str(exc).partition("=")
        return [f"{variable(prefix + key)}{equals}{rest}"]
    return []


def find_sources(
    environ: Mapping[str, str], cwd: Path, overrides: Mapping[str, object], problems: list[str]
) -> list[Source]:
    """Return the sources, the weakest first."""
    sources = []
    chosen = environ.get(ENV_FILE)
    path = cwd / Path(chosen or ".env").expanduser()
    if chosen or _is_file(path):
        try:
            sources.append(Source(_ours(read_env_file(path)), file=path.name))
        except ConfigError as exc:
            problems += exc.problems
    sources.append(Source(_ours(environ)))
    given = {key: value for key, value in overrides.items() if value is not None}
    sources.append(Source(given, is_options=True))
    return sources


def _is_file(path: Path) -> bool:
    """Say whether there is a file; in a folder we may not search there is none for us."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def _ours(variables: Mapping[str, str]) -> dict[str, object]:
    """Return our variables by field name; like the shell's they are upper case."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and name.isupper() and name != ENV_FILE
    }


def read_class(
    defaults: S, prefix: str, sources: list[Source], reader: Reader, cwd: Path
) -> S | None:
    """Return `defaults` with what the sources say; None when they say nonsense."""
    names = [prefix + name for name in attrs.fields_dict(type(defaults))]
    if all(source.values.keys().isdisjoint(names) for source in sources):
        return defaults  # typed-settings would read the class's source code to say the same
    before = len(reader.problems)
    loaders: list[Loader] = [
        DefaultsLoader(defaults, cwd),
        *(SourceLoader(source, prefix, defaults, cwd) for source in sources),
    ]
    try:
        return typed_settings.load_settings(type(defaults), loaders, converter=reader)
    except InvalidSettingsError:
        if len(reader.problems) == before:
            raise  # no value is to blame, but a class that typed-settings cannot take
    return None


def find_given(sources: list[Source], key: str) -> tuple[Source, str] | None:
    """Return the strongest source of a setting and its text; None when it is the default."""
    for source in reversed(sources):
        if key in source.values:
            text = str(source.values[key])
            return (source, text) if text else None
    return None


def _chosen_carrier(sources: list[Source], problems: list[str]) -> Carrier | None:
    """Return the carrier named, whatever else is wrong."""
    found = find_given(sources, "carrier")
    if found is None:
        return load_carrier(Settings().carrier)
    source, name = found
    try:
        return load_carrier(name)
    except ConfigError as exc:
        problems.append(source.complaint("carrier", "", exc))
        return None


def check_engine_names(sources: list[Source], problems: list[str]) -> None:
    """Note the engines named that there are not."""
    found = find_given(sources, "engine")
    if found is None:
        return
    source, names = found
    known = engine_names()
    for name in engines_in(names) or [""]:
        if name not in known:
            wrong = f"unknown engine {name!r}; {did_you_mean(name, known)}"
            problems.append(source.complaint("engine", "", wrong))


def engines_in(names: str) -> list[str]:
    """Return the engines a list of names holds."""
    return [name for each in names.split(",") if (name := each.strip())]


def load_engines(
    settings: Settings,
    environ: Mapping[str, str],
    cwd: Path,
    overrides: Mapping[str, object] = NO_OVERRIDES,
) -> tuple[ChosenEngine, ...]:
    """Return the engines in order, with their own settings; ConfigError with every problem.

    The embedded voice is put last unless it is named, or unwanted. Apart from `load_settings`
    because importing engines takes time that the far end can use for its own start. A service's
    key may also stand where the service's own tools look for it, as in CARTESIA_API_KEY.
    """
    names = engines_in(settings.engine)
    kinds = [load_engine(name) for name in names]
    if settings.embedded_last and EMBEDDED not in names and all(kind.speech for kind in kinds):
        kinds.append(load_engine(EMBEDDED))
    check_order(kinds)
    problems: list[str] = []
    sources = find_sources(environ, cwd, overrides, [])
    reader = Reader(cwd, problems)
    chosen = []
    for kind in kinds:
        usual = {f"{kind.name}_api_key": environ.get(f"{kind.name.upper()}_API_KEY", "")}
        known = [Source({key: value for key, value in usual.items() if value}), *sources]
        own = read_class(kind.settings, f"{kind.name}_", known, reader, cwd)
        if own is not None:
            chosen.append(ChosenEngine(kind, own))
    if problems:
        raise ConfigError(*problems)
    return tuple(chosen)


def check_order(kinds: Sequence[EngineKind]) -> None:
    """Refuse an order of engines that cannot work: ConfigError."""
    names = [kind.name for kind in kinds]
    problems = [
        f"engine {name} is named twice; once is enough"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    if len(kinds) > 1:
        problems += [
            f"engine {kind.name} plays what it is told to and reads no text: nobody can go on"
            " for it, nor it for others; name it alone"
            for kind in kinds
            if not kind.speech
        ]
    if problems:
        raise ConfigError(*problems)


def find_unknown(sources: list[Source], problems: list[str]) -> list[str]:
    """Return a warning for each variable that no setting has; an option would be a problem."""
    known = {*attrs.fields_dict(Settings), *attrs.fields_dict(ServeSettings)}
    if all(known.issuperset(source.values) for source in sources):
        return []
    for name in carrier_names():
        known |= {
            f"{name}_{field}" for field in attrs.fields_dict(type(load_carrier(name).settings))
        }
    warnings: list[str] = []
    known |= _known_of_engines({key for source in sources for key in source.values} - known)
    for source in sources:
        for key in sorted(set(source.values) - known):
            # Compared without the prefix, which would make all of them alike.
            near = difflib.get_close_matches(key, known)
            names = " or ".join(source.name_of(each) for each in near)
            hint = f"did you mean {names}?" if near else "none has a name like it; remove it"
            wrong = f"no such setting; {hint}"
            (problems if source.is_options else warnings).append(source.complaint(key, "", wrong))
    return warnings


def _known_of_engines(keys: set[str]) -> set[str]:
    """Return the settings of the engines that seem to be meant: importing one takes time."""
    known: set[str] = set()
    prefixes = {key.partition("_")[0] for key in keys}
    for name in engine_names():
        if difflib.get_close_matches(name, prefixes, cutoff=0.8):
            own = attrs.fields_dict(type(load_engine(name).settings))
            known |= {f"{name}_{field}" for field in own}
    return known
