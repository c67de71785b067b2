"""What the operator should be told of sources that can be read: unknown names, secrets in the open.

A carrier is imported to learn its names, an engine only if it seems to be meant: that takes time.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

import attrs

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.secret import MASK, masked_url
from trioaudio.engines import engine_names, load_engine
from trioaudio.references import has_reference
from trioaudio.serve_settings import ServeSettings
from trioaudio.setting_names import general_names, owner_of
from trioaudio.settings import Settings, is_secret, variable
from trioaudio.settings_sources import Source

OF_CLIENTS = frozenset({"control_token", "control_url"})
"""Where clients find the daemon: no settings, but they may stand in the same `.env`."""


def doubts_about(sources: Sequence[Source], problems: list[str]) -> list[str]:
    """Return warnings; an option nobody knows would be a problem, and is noted."""
    return [*_unknown(sources, problems), *_secrets_in_the_open(sources)]


# --- Names ---------------------------------------------------------------------------------


def _unknown(sources: Sequence[Source], problems: list[str]) -> list[str]:
    """Return a warning for each name that no setting has."""
    known = {*general_names(), *OF_CLIENTS}
    if all(known.issuperset(each.values) and not each.misplaced for each in sources):
        return []
    for name in carrier_names():
        known |= {
            f"{name}_{field}" for field in attrs.fields_dict(type(load_carrier(name).settings))
        }
    asked = {key for source in sources for key in (*source.values, *source.misplaced)}
    known |= _known_of_engines(asked - known)
    warnings: list[str] = []
    for source in sources:
        for key, shown in _strangers(source, known):
            # Compared without the prefix, which would make all of them alike.
            near = [key] if key in known - OF_CLIENTS else difflib.get_close_matches(key, known)
            names = " or ".join(source.name_of(each) for each in near)
            hint = f"did you mean {names}?" if near else "none has a name like it; remove it"
            if key in OF_CLIENTS:
                hint = f"clients use it: put {variable(key)} into their environment"
            where = f" (in {source.file})" if source.file else ""
            wrong = f"{shown}{where}: no such setting; {hint}"
            (problems if source.is_options else warnings).append(wrong)
    return warnings


def _strangers(source: Source, known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield each key that is no setting, and how it is written in the source."""
    unknown = {key: source.name_of(key) for key in set(source.values) - known}
    yield from sorted((unknown | dict(source.misplaced)).items())


def _known_of_engines(keys: set[str]) -> set[str]:
    """Return the settings of the engines that seem to be meant: importing one takes time."""
    known: set[str] = set()
    prefixes = {key.partition("_")[0] for key in keys}
    for name in engine_names():
        if difflib.get_close_matches(name, prefixes, cutoff=0.8):
            own = attrs.fields_dict(type(load_engine(name).settings))
            known |= {f"{name}_{field}" for field in own}
    return known


# --- Secrets -------------------------------------------------------------------------------


def _secrets_in_the_open(sources: Sequence[Source]) -> list[str]:
    """Return a warning for each config.toml that every user may read and that holds a secret."""
    warnings = []
    for source in sources:
        if source.readable_by_all:
            names = [source.name_of(key) for key in source.values if _gives_away(source, key)]
            if names:
                warnings.append(
                    f"{source.file}: every user of this machine may read it, and it holds"
                    f" {', '.join(names)}; chmod it to 0640, or write ${{cred:NAME}} for the secret"
                )
    return warnings


def _gives_away(source: Source, key: str) -> bool:
    """Say whether a value is a secret that stands there itself."""
    value = source.values[key]
    field = _field(key)
    if field is None or not value or has_reference(value):
        return False
    if field.metadata.get("show") is masked_url:
        return MASK in masked_url(str(value))
    return is_secret(field)


def _field(key: str) -> attrs.Attribute[object] | None:
    """Return the field of a setting, its carrier's or engine's too."""
    owner = owner_of(key)
    if owner is None:
        return attrs.fields_dict(Settings).get(key) or attrs.fields_dict(ServeSettings).get(key)
    table, name = owner
    kind = load_carrier(name) if table == "carrier" else load_engine(name)
    return attrs.fields_dict(type(kind.settings)).get(key.removeprefix(f"{name}_"))
