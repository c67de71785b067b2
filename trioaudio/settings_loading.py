"""How the sources of settings become settings: of one run, of a carrier, of the engines.

typed-settings finds the fields, merges the sources and converts. Its messages repeat every value,
so the messages are made here, and all of them at once. A carrier's `frames_per_message` is the
variable `TRIOAUDIO_<CARRIER>_FRAMES_PER_MESSAGE`; no carrier is known here by name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

import attrs
import typed_settings
from typed_settings.exceptions import InvalidSettingsError
from typed_settings.loaders import Loader

from trioaudio.carriers import load_carrier
from trioaudio.core.carrier import Carrier, CarrierSettings
from trioaudio.core.engine import ChosenEngine, EngineKind
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import MASK
from trioaudio.core.suggest import did_you_mean
from trioaudio.engines import engine_names, load_engine
from trioaudio.references import References, has_reference
from trioaudio.settings import Settings, conflicts, variable
from trioaudio.settings_doubts import doubts_about
from trioaudio.settings_reading import DefaultsLoader, Reader, SourceLoader
from trioaudio.settings_sources import NO_OVERRIDES, Source, find_given, find_sources

EMBEDDED: Final = "espeak"

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
    warnings: list[str] = []
    sources = find_sources(environ, cwd, overrides, problems, warnings)
    reader = Reader(cwd, problems)
    settings = read_class(Settings(), "", sources, reader, cwd)
    check_engine_names(sources, problems)
    carrier = _chosen_carrier(sources, problems)
    own = None
    if carrier is not None:
        own = read_class(carrier.settings, f"{carrier.name}_", sources, reader, cwd)
    warnings += doubts_about(sources, problems)
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


def _chosen_carrier(sources: list[Source], problems: list[str]) -> Carrier | None:
    """Return the carrier named, whatever else is wrong."""
    found = find_given(sources, "carrier")
    if found is None:
        return load_carrier(Settings().carrier)
    source, name = found
    try:
        return load_carrier(name)
    except ConfigError as exc:
        wrong = "unknown carrier" if has_reference(source.values["carrier"]) else exc
        problems.append(source.complaint("carrier", "", wrong))
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
            shown = MASK if has_reference(source.values["engine"]) else repr(name)
            wrong = f"unknown engine {shown}; {did_you_mean(name, known)}"
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
        known = sources_of_engine(kind.name, sources, environ)
        own = read_class(kind.settings, f"{kind.name}_", known, reader, cwd)
        if own is not None:
            chosen.append(ChosenEngine(kind, own))
    if problems:
        raise ConfigError(*problems)
    return tuple(chosen)


def sources_of_engine(
    name: str, sources: Sequence[Source], environ: Mapping[str, str]
) -> list[Source]:
    """Return the sources of an engine's settings: its service's usual variable is the weakest."""
    usual = f"{name.upper()}_API_KEY"
    if not environ.get(usual):
        return [*sources]
    key = f"{name}_api_key"
    return [
        Source({key: environ[usual]}, names={key: usual}, references=References(environ)),
        *sources,
    ]


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
